import numpy as np
import pytest

from hdgan.errors import InputError
from hdgan.evaluation.study.order import spaced


def test_tight_orders_are_found():
  # Three maps of which each must wait for the two others: a rotation.
  stems = [0, 0, 0, 1, 1, 1, 2, 2, 2]
  for seed in range(20):
    order = spaced(np.random.default_rng(seed), stems, [None] * 9, 3)
    assert sorted(order) == list(range(9))
    shown = [stems[i] for i in order]
    assert shown[:3] == shown[3:6] == shown[6:] and len(set(shown[:3])) == 3


def test_later_ones_come_later():
  stems, after = [0, 0, 1, 2, 3], [1, None, None, None, None]
  orders = [
    spaced(np.random.default_rng(seed), stems, after, 2) for seed in range(30)
  ]
  assert all(order.index(1) < order.index(0) for order in orders)
  assert len({tuple(order) for order in orders}) > 10


def test_what_has_no_order_is_refused():
  with pytest.raises(InputError, match="4 trials of 2 pictures cannot be ord"):
    spaced(np.random.default_rng(0), [0, 0, 0, 1], [None] * 4, 2)
