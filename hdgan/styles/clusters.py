"""Styles: K-means centres of the features of each class's objects.

Section 3.4: after training, E's features of all objects are clustered class by
class, and a centre stands for one look that a user can pick by its number.
Arrays in, arrays out; `style_bank` keeps the result in a file.

K-means is written out here: points are few and three-dimensional, so that a
page of NumPy does what is wanted of scikit-learn (k-means++ [Arthur and
Vassilvitskii 2007], restarts, empty clusters moved), in a fixed order of sums,
without its 100 MB of dependencies.
"""

import dataclasses

import numpy as np

RESTARTS = 10
STEPS = 300
# As in the released code: an object counts where pixels / (H * W // 32) > 0.5.
MIN_AREA = 1 / 64
NUM_STYLES = 10


@dataclasses.dataclass(frozen=True)
class Clusters:
  """What K-means found.

  Attributes:
    centers: [K, C] float64, the largest cluster first.
    members: [n] int64, the cluster of each point.
    inertia: sum of squared distances to the centres.
  """

  centers: np.ndarray
  members: np.ndarray
  inertia: float


def kmeans(
  points: np.ndarray,
  count: int,
  rng: np.random.Generator,
  restarts: int = RESTARTS,
) -> Clusters:
  """Clusters points by Lloyd's algorithm, the best of several starts.

  Args:
    points: [n, C], at least one.
    count: K >= 1; fewer come back where fewer points differ.
    rng: draws the starts.
    restarts: how many.

  Returns:
    Clusters, none of them empty.
  """
  points = np.asarray(points, np.float64)
  count = min(count, len(np.unique(points, axis=0)))
  best = None
  for _ in range(restarts):
    found = _lloyd(points, _first_centers(points, count, rng))
    # A later start must be truly better: ties depend on no rounding.
    if best is None or found.inertia < best.inertia * (1 - 1e-9):
      best = found
  sizes = np.bincount(best.members, minlength=count)
  order = np.lexsort((*best.centers.T[::-1], -sizes))
  rank = np.argsort(order)
  return Clusters(best.centers[order], rank[best.members], best.inertia)


def _distances(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
  """Squared distances [n, K], summed over the channels in order."""
  result = np.zeros((len(points), len(centers)))
  for x, y in zip(points.T, centers.T, strict=True):
    result += (x[:, None] - y[None, :]) ** 2
  return result


def _first_centers(
  points: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
  """k-means++: each next centre is a point, likelier where it is far off."""
  centers = points[rng.integers(len(points))][None]
  nearest = _distances(points, centers)[:, 0]
  while len(centers) < count:
    edges = np.cumsum(nearest)
    chosen = np.searchsorted(edges, rng.random() * edges[-1], side="right")
    # Rounding may point behind the last point that is off all centres.
    chosen = min(chosen, np.flatnonzero(nearest)[-1])
    centers = np.concatenate([centers, points[chosen][None]])
    nearest = np.minimum(nearest, _distances(points, centers[-1:])[:, 0])
  return centers


def _lloyd(points: np.ndarray, centers: np.ndarray) -> Clusters:
  """Assigns and averages in turn until no point changes its cluster."""
  members = np.full(len(points), -1)
  for _ in range(STEPS):
    distances = _distances(points, centers)
    before, members = members, distances.argmin(axis=1)
    members = _fill_empty(distances, members)
    if (members == before).all():
      break
    centers = group_means(points, members, len(centers))[0]
  distances = _distances(points, centers)
  inertia = distances[np.arange(len(points)), members].sum()
  return Clusters(centers, members, float(inertia))


def _fill_empty(distances: np.ndarray, members: np.ndarray) -> np.ndarray:
  """Gives each empty cluster the point that is worst off in a larger one."""
  sizes = np.bincount(members, minlength=distances.shape[1])
  for empty in np.flatnonzero(sizes == 0):
    own = distances[np.arange(len(members)), members]
    worst = np.where(sizes[members] > 1, own, -1.0).argmax()
    sizes[members[worst]] -= 1
    sizes[empty] += 1
    members = members.copy()
    members[worst] = empty
  return members


def group_means(
  points: np.ndarray, groups: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
  """Averages points by group.

  Args:
    points: [n, C].
    groups: [n] integers in [0, count).
    count: number of groups.

  Returns:
    [count, C] float64 means, 0 for an empty group, and [count] sizes.
  """
  sizes = np.bincount(groups, minlength=count)
  sums = [np.bincount(groups, x, count) for x in points.T.astype(np.float64)]
  return np.stack(sums, axis=-1) / np.maximum(sizes, 1)[:, None], sizes


@dataclasses.dataclass(frozen=True, eq=False)
class Styles:
  """The styles of all classes, M in all, in the order of class and number.

  Attributes:
    centers: [M, C] float32.
    labels: [M] int32, the class of each style.
    counts: [M] int32, objects in it.
    spread: [M] float32, root mean square distance of these to the centre.
    class_means: [L, C] float32 over all objects of a class, however small.
    class_counts: [L] int32, all objects of a class.
    global_mean: [C] float32 over all objects.
    members: [n] int32, number of each object's style in its class, -1 for an
      object that is too small to count.
  """

  centers: np.ndarray
  labels: np.ndarray
  counts: np.ndarray
  spread: np.ndarray
  class_means: np.ndarray
  class_counts: np.ndarray
  global_mean: np.ndarray
  members: np.ndarray

  def of_class(self, label: int) -> np.ndarray:
    """The centres [K, C] of a class; K is 0 where it has none."""
    return self.centers[self.labels == label]

  def fallback(self, label: int) -> np.ndarray:
    """[C] float32 for a class without styles: its mean, else the global one."""
    if 0 <= label < len(self.class_counts) and self.class_counts[label]:
      return self.class_means[label]
    return self.global_mean


def find_styles(
  features: np.ndarray,
  labels: np.ndarray,
  areas: np.ndarray,
  *,
  num_classes: int,
  num_styles: int = NUM_STYLES,
  min_area: float = MIN_AREA,
  seed: int = 0,
) -> Styles:
  """Clusters the objects of each class.

  Args:
    features: [n, C] float32, one row per object.
    labels: [n] integers in [0, num_classes).
    areas: [n] shares of the picture that the objects cover.
    num_classes: L.
    num_styles: K, the most styles of a class.
    min_area: only objects that cover more of the picture count.
    seed: of K-means.

  Returns:
    Styles; a class without an object that counts has none.
  """
  rows = []
  members = np.full(len(labels), -1, np.int32)
  for label in range(num_classes):
    chosen = np.flatnonzero((labels == label) & (areas > min_area))
    if not len(chosen):
      continue
    # A seed of its own for each class: no class depends on another's objects.
    rng = np.random.default_rng((seed, label))
    found = kmeans(features[chosen], num_styles, rng)
    members[chosen] = found.members
    off = _distances(features[chosen].astype(np.float64), found.centers)
    off = off[np.arange(len(chosen)), found.members][:, None]
    squares, sizes = group_means(off, found.members, len(found.centers))
    for k, center in enumerate(found.centers):
      rows.append((label, sizes[k], np.sqrt(squares[k, 0]), center))
  channels = features.shape[1]
  class_means, class_counts = group_means(features, labels, num_classes)
  everything, _ = group_means(features, np.zeros(len(labels), int), 1)
  return Styles(
    centers=np.array([r[3] for r in rows], np.float32).reshape(-1, channels),
    labels=np.array([r[0] for r in rows], np.int32),
    counts=np.array([r[1] for r in rows], np.int32),
    spread=np.array([r[2] for r in rows], np.float32),
    class_means=class_means.astype(np.float32),
    class_counts=class_counts.astype(np.int32),
    global_mean=everything[0].astype(np.float32),
    members=members,
  )
