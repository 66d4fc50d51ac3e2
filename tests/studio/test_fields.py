"""The fields of a header, one by one."""

import pytest
from studio.stand_in import stand_in

from hdgan.studio import fields, limits
from hdgan.studio.refusal import Refusal

RENDERER = stand_in((32, 64))


def refused(check, *given):
  with pytest.raises(Refusal) as error:
    check(*given)
  return error.value.code, error.value.field


@pytest.mark.parametrize("side", [0, -1, 1.0, "8", None, True, 16385, 2**63])
def test_sides_that_cannot_be(side):
  assert refused(fields.size_of, {"w": side, "h": 8}) == ("size", "w")
  assert refused(fields.size_of, {"w": 8, "h": side}) == ("size", "h")
  assert refused(fields.size_of, {"h": 8}) == ("size", "w")


def test_pixels_have_a_bound_of_their_own():
  """Each side alone would be allowed."""
  assert fields.size_of({"w": 8192, "h": 4096}) == (4096, 8192)
  assert refused(fields.size_of, {"w": 16384, "h": 16384}) == ("size", "w")


@pytest.mark.parametrize(
  "name",
  [
    "../a", "a/b", "a\\b", "..", ".", ".ssh", "C:a", "a\0b", "a\nb", "\x1b[2J",
    "\u202egnp.exe", "x" * 201, 5, None, ["a"],
  ],
)  # fmt: skip
def test_names_that_are_no_map_s(name):
  assert refused(fields.name_of, {"name": name}) == ("name", "name")


@pytest.mark.parametrize(
  ("name", "given"),
  [("a b.c", "a b.c"), ("", "scene"), ("straße_日本", "straße_日本")],
)
def test_names_that_are(name, given):
  assert fields.name_of({"name": name}) == given


@pytest.mark.parametrize("seed", [-1, 2**53, 0.5, "1", None, False, 2**64])
def test_seeds(seed):
  assert refused(fields.seed_of, {"seed": seed}) == ("seed", "seed")
  assert fields.seed_of({}) == 0
  assert fields.seed_of({"seed": limits.SEED}) == 2**53 - 1


@pytest.mark.parametrize(
  "style", [-1, True, "1", [1, 2], [1, 2, "3"], [1, 2, 1e7], {}, [[1], 2, 3]]
)
def test_styles_for_themselves(style):
  found = refused(fields.check_style, style, "table[3].style", RENDERER)
  assert found == ("style", "table[3].style")


def test_a_model_without_styles_takes_none():
  bare = stand_in((32, 64), styles=0)
  fields.check_style(None, "style", bare)
  with pytest.raises(Refusal, match="this model has no styles"):
    fields.check_style(0, "style", bare)


def test_kinds():
  fields.check_kind({}, "classes")
  assert refused(fields.check_kind, {"kind": 3}, "picture") == ("kind", "kind")
