"""K-means against all partitions, hand-worked clusters and filters."""

import itertools

import numpy as np
import pytest
from scipy.cluster import vq

from hdgan.styles import clusters as styles
from hdgan.styles.clusters import find_styles, kmeans


def rng():
  return np.random.default_rng(0)


def least_inertia(points, count):
  """The best of all assignments to `count` clusters, none of them empty."""
  best = np.inf
  for members in itertools.product(range(count), repeat=len(points)):
    if len(set(members)) < count:
      continue
    members = np.array(members)
    total = sum(
      ((points[members == k] - points[members == k].mean(0)) ** 2).sum()
      for k in range(count)
    )
    best = min(best, total)
  return best


def test_two_pairs_on_a_line():
  found = kmeans(np.array([[10.0], [0.0], [11.0], [1.0], [1.0]]), 2, rng())
  # {0, 1, 1} is larger and comes first: mean 2/3; {10, 11}: mean 10.5.
  np.testing.assert_allclose(found.centers, [[2 / 3], [10.5]])
  np.testing.assert_array_equal(found.members, [1, 0, 1, 0, 0])
  # 4/9 + 1/9 + 1/9 = 2/3, and 1/4 + 1/4.
  assert found.inertia == pytest.approx(2 / 3 + 1 / 2)


@pytest.mark.parametrize("seed", range(5))
def test_no_partition_is_better(seed):
  points = np.random.default_rng(seed).normal(size=(8, 2))
  for count in (2, 3):
    # Points without clusters: the best end needs more starts than the usual.
    got = kmeans(points, count, rng(), restarts=200)
    assert got.inertia == pytest.approx(least_inertia(points, count))


def test_fewer_different_points_than_clusters():
  found = kmeans(np.array([[1.0, 2], [1, 2], [3, 4]]), 10, rng())
  np.testing.assert_array_equal(found.centers, [[1, 2], [3, 4]])
  np.testing.assert_array_equal(found.members, [0, 0, 1])
  assert found.inertia == 0


def test_far_groups_are_found_whatever_their_size():
  draw = np.random.default_rng(3)
  true = np.repeat(np.arange(5), (200, 3, 50, 2, 20))
  middle = np.array([[0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9], [9, 9, 9]])
  points = middle[true] + draw.normal(0, 0.2, (len(true), 3))
  found = kmeans(points, 5, rng())
  # Clusters are numbered by size: 200, 50, 20, 3, 2.
  np.testing.assert_array_equal(found.members, np.array([0, 3, 1, 4, 2])[true])


def test_starts_that_lose_a_cluster_do_not_count(monkeypatch):
  """All of three clusters do here, so that two come back, none empty."""
  real, asked = vq.kmeans2, []

  def loses_the_third(points, count, **settings):
    asked.append(count)
    if count == 3:
      raise vq.ClusterError("one of the clusters is empty")
    return real(points, count, **settings)

  monkeypatch.setattr(vq, "kmeans2", loses_the_third)
  found = kmeans(np.array([[0.0], [1.0], [9.0], [10.0], [10.0]]), 3, rng(), 4)
  assert asked == [3] * 4 + [2] * 4
  np.testing.assert_allclose(found.centers, [[29 / 3], [0.5]])
  np.testing.assert_array_equal(found.members, [1, 1, 0, 0, 0])


def test_group_means_by_hand():
  points = np.array([[1.0, 2], [3, 4], [5, 5]])
  means, sizes = styles.group_means(points, np.array([2, 2, 0]), 4)
  np.testing.assert_array_equal(means, [[5, 5], [0, 0], [2, 3], [0, 0]])
  np.testing.assert_array_equal(sizes, [1, 0, 2, 0])


FEATURES = np.array(
  [[0, 0], [0, 2], [8, 0], [8, 2], [4, 4], [6, 6]], np.float32
)
LABELS = np.array([1, 1, 1, 1, 1, 3])
AREAS = np.array([0.5, 0.5, 0.5, 0.5, 1 / 64, 0.01], np.float32)


def test_styles_of_classes_by_hand():
  found = find_styles(FEATURES, LABELS, AREAS, num_classes=5, num_styles=2)
  np.testing.assert_array_equal(found.labels, [1, 1])
  np.testing.assert_array_equal(found.of_class(1), [[0, 1], [8, 1]])
  np.testing.assert_array_equal(found.counts, [2, 2])
  np.testing.assert_array_equal(found.spread, [1, 1])
  # 1/64 exactly is too small, as released; it counts in the means all the same.
  np.testing.assert_array_equal(found.members, [0, 0, 1, 1, -1, -1])
  np.testing.assert_array_equal(found.class_means[1], [4, np.float32(1.6)])
  np.testing.assert_array_equal(found.class_counts, [0, 5, 0, 1, 0])
  np.testing.assert_allclose(found.global_mean, [26 / 6, 14 / 6], rtol=1e-6)


def test_what_a_class_without_styles_takes():
  found = find_styles(FEATURES, LABELS, AREAS, num_classes=5, num_styles=2)
  assert len(found.of_class(3)) == 0
  np.testing.assert_array_equal(found.fallback(3), [6, 6])
  for label in (0, 4, 255, -1):
    np.testing.assert_array_equal(found.fallback(label), found.global_mean)


def test_a_class_does_not_depend_on_another():
  draw = np.random.default_rng(5)
  features = draw.normal(size=(60, 3)).astype(np.float32)
  labels, areas = np.arange(60) % 2, np.full(60, 0.5)
  both = find_styles(features, labels, areas, num_classes=2, num_styles=4)
  one = labels == 1
  alone = find_styles(
    features[one], labels[one], areas[one], num_classes=2, num_styles=4
  )
  np.testing.assert_array_equal(both.of_class(1), alone.of_class(1))
  again = find_styles(features, labels, areas, num_classes=2, num_styles=4)
  np.testing.assert_array_equal(both.centers, again.centers)


def test_nothing_to_cluster():
  none = np.zeros((0, 3), np.float32)
  found = find_styles(
    none, np.zeros(0, int), np.zeros(0), num_classes=2, num_styles=4
  )
  assert found.centers.shape == (0, 3)
  np.testing.assert_array_equal(found.fallback(1), [0, 0, 0])
