"""Faults told together, and hints for names that are not there."""

import pytest

from hdgan.errors import InputError, counted, near_names, raise_faults


def test_the_first_faults_and_the_number_of_the_rest():
  raise_faults([])
  with pytest.raises(InputError) as error:
    raise_faults([f"fault {i}" for i in range(33)])
  lines = str(error.value).split("\n")
  assert lines[:20] == [f"fault {i}" for i in range(20)]
  assert lines[20:] == ["... and 13 more faults"]
  with pytest.raises(InputError, match=r"\.\.\. and 1 more fault$"):
    raise_faults(["fault"] * 21)


def test_a_number_and_its_noun():
  assert [counted(n, "style") for n in (0, 1, 2)] == [
    "0 styles", "1 style", "2 styles"
  ]  # fmt: skip
  assert counted(1, "class", "classes") == "1 class"
  assert counted(150, "class", "classes") == "150 classes"
  assert counted(1, "weight is", "weights are") == "1 weight is"


def test_the_nearest_name_else_what_there_is():
  assert near_names("tre", ["car", "tree"]) == "did you mean 'tree'?"
  assert near_names("x", ["car", "tree"]) == "there are car, tree"
  names = [f"class_{i}" for i in range(9)]
  assert near_names("x", names).endswith("class_6, class_7, ...")
