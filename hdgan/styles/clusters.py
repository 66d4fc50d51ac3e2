"""Styles: K-means centres of the features of each class's objects.

Section 3.4: after training, E's features of all objects are clustered class by
class, and a centre stands for one look that a user can pick by its number.
Arrays in, arrays out; `bank` keeps the result in a file.
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Int

Array = np.ndarray

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

  centers: Float[Array, "k c"]
  members: Int[Array, " n"]
  inertia: float


def kmeans(
  points: Float[Array, "n c"],
  count: int,
  rng: np.random.Generator,
  restarts: int = RESTARTS,
) -> Clusters:
  """Clusters points by K-means, the best of several k-means++ starts.

  Args:
    points: [n, C], at least one.
    count: K >= 1; fewer come back where fewer points differ.
    rng: draws the starts.
    restarts: how many.

  Returns:
    Clusters, none of them empty.
  """
  # Here, for it takes 0.2 s to import: every training reads style banks, none
  # makes one.
  from scipy.cluster import vq

  points = np.asarray(points, np.float64)
  count = min(count, len(np.unique(points, axis=0)))
  best = None
  for _ in range(restarts):
    try:
      centers, members = vq.kmeans2(
        points, count, iter=STEPS, minit="++", missing="raise", rng=rng
      )
    except vq.ClusterError:  # A cluster lost all its points on the way.
      continue
    inertia = float(np.square(points - centers[members]).sum())
    # A later start must be truly better: ties depend on no rounding.
    if best is None or inertia < best.inertia * (1 - 1e-9):
      best = Clusters(centers, members, inertia)
  if best is None:
    # Each start lost a cluster; a single one cannot be lost.
    return kmeans(points, count - 1, rng, restarts)
  sizes = np.bincount(best.members, minlength=count)
  # The largest first, equal ones by place, whatever the starts were.
  order = np.lexsort((*best.centers.T[::-1], -sizes))
  # The inverse of `order`: from an old number to the new one.
  rank = np.argsort(order)
  return Clusters(best.centers[order], rank[best.members], best.inertia)


def group_means(
  points: Float[Array, "n c"], groups: Int[Array, " n"], count: int
) -> tuple[Float[Array, "{count} c"], Int[Array, "{count}"]]:
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

  centers: Float[Array, "m c"]
  labels: Int[Array, " m"]
  counts: Int[Array, " m"]
  spread: Float[Array, " m"]
  class_means: Float[Array, "l c"]
  class_counts: Int[Array, " l"]
  global_mean: Float[Array, " c"]
  members: Int[Array, " n"]

  def of_class(self, label: int) -> Float[Array, "k c"]:
    """The centres [K, C] of a class; K is 0 where it has none."""
    return self.centers[self.labels == label]

  def fallback(self, label: int) -> Float[Array, " c"]:
    """[C] float32 for a class without styles: its mean, else the global one."""
    if 0 <= label < len(self.class_counts) and self.class_counts[label]:
      return self.class_means[label]
    return self.global_mean


def find_styles(
  features: Float[Array, "n c"],
  labels: Int[Array, " n"],
  areas: Float[Array, " n"],
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
    off = np.square(features[chosen] - found.centers[found.members]).sum(1)
    squares, sizes = group_means(
      off[:, None], found.members, len(found.centers)
    )
    for k, center in enumerate(found.centers):
      rows.append((label, sizes[k], np.sqrt(squares[k, 0]), center))
  channels = features.shape[1]
  class_means, class_counts = group_means(features, labels, num_classes)
  everything, _ = group_means(features, np.zeros(len(labels), int), 1)
  return Styles(
    # [0, C] where no class has a style.
    centers=np.array([r[3] for r in rows], np.float32).reshape(-1, channels),
    labels=np.array([r[0] for r in rows], np.int32),
    counts=np.array([r[1] for r in rows], np.int32),
    spread=np.array([r[2] for r in rows], np.float32),
    class_means=class_means.astype(np.float32),
    class_counts=class_counts.astype(np.int32),
    global_mean=everything[0].astype(np.float32),
    members=members,
  )
