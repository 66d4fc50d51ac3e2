"""The segmenter that learns from the photos: kept, the same, and refused."""

import dataclasses

import jax
import numpy as np
import pytest
from tiny import assert_bits, validated

from hdgan.errors import InputError
from hdgan.evaluation import own_segmenter
from hdgan.evaluation.segmenter_training import Recipe

SIZE = (16, 32)


@pytest.fixture(scope="module", autouse=True)
def small():
  """Two seeds of a few steps of a tiny network."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(own_segmenter, "SEEDS", 2)
    recipe = Recipe(
      width=8, levels=2, steps=3, batch_size=2, learning_rate=0.01
    )
    patch.setattr(own_segmenter, "RECIPE", recipe)
    yield


@pytest.fixture(scope="module")
def config(tmp_path_factory):
  copies = str(tmp_path_factory.mktemp("own"))
  return validated(data__num_train=10, data__prepared_dir=copies)


@pytest.fixture(scope="module")
def opened(config):
  return own_segmenter.open_own(config, [1], split="val", size=SIZE)


def no_training(*_):
  raise AssertionError("it was there already")


def test_it_is_trained_once(config, opened, monkeypatch, capsys):
  monkeypatch.setattr(own_segmenter, "train", no_training)
  again = own_segmenter.open_own(config, [1], split="val", size=SIZE)
  assert capsys.readouterr().err == ""
  for one, two in zip(opened, again, strict=True):
    assert one.settings == two.settings and one.usual == two.usual
    assert_bits(one._params, two._params)
  first, second = opened
  assert (first.name, second.name) == ("own (seed 0)", "own (seed 1)")
  assert first.settings["sha256"] != second.settings["sha256"]
  assert first.settings["classes"] == [0, 2, 3, 4, 5, 6, 7]
  assert first.unranked == ""


def test_the_same_data_and_seed_give_the_same_weights(
  config, opened, tmp_path, capsys
):
  with config.unlocked():
    other = config.copy_and_resolve_references()
  other.data.prepared_dir = str(tmp_path)
  again = own_segmenter.open_own(other, [1], split="val", size=SIZE)
  assert "training the segmenter of seed 1: 3 of 3" in capsys.readouterr().err
  assert [one.settings for one in again] == [one.settings for one in opened]


def test_what_it_says_are_scored_classes(opened):
  """At its own size, whatever the picture's; the void class never."""
  rng = np.random.default_rng(0)
  seen = set()
  for channels in (1, 3):
    picture = rng.integers(0, 256, (24, 40, channels), np.uint8)
    for one in opened:
      found = one("a", picture, real=False)
      assert found.shape == SIZE and found.dtype == np.int32
      seen |= set(found.ravel().tolist())
  assert len(seen) > 1 and seen <= {0, 2, 3, 4, 5, 6, 7}


def test_another_size_version_or_void_is_another_segmenter(
  config, opened, monkeypatch
):
  class Trained(Exception):
    pass

  def stop(*_):
    raise Trained

  monkeypatch.setattr(own_segmenter, "train", stop)
  with pytest.raises(Trained):
    own_segmenter.open_own(config, [1], split="val", size=(16, 16))
  with pytest.raises(Trained):
    own_segmenter.open_own(config, [], split="val", size=SIZE)
  newer = dataclasses.replace(own_segmenter.RECIPE, version=2)
  monkeypatch.setattr(own_segmenter, "RECIPE", newer)
  with pytest.raises(Trained):
    own_segmenter.open_own(config, [1], split="val", size=SIZE)


def test_what_is_damaged_is_trained_again(config, opened, capsys, monkeypatch):
  calls = []

  def train(*_):
    calls.append(1)
    return jax.tree.map(np.asarray, opened[0]._params), opened[0].usual

  monkeypatch.setattr(own_segmenter, "train", train)
  folder = own_segmenter.prepared.copies_folder(config.data.prepared_dir)
  path = next((folder / "segmenters").glob("*.safetensors"))
  whole = path.read_bytes()
  # Cut short; and a bit of a weight.
  for bad in (whole[:-5], whole[:-1] + bytes([whole[-1] ^ 1])):
    path.write_bytes(bad)
    own_segmenter.open_own(config, [1], split="val", size=SIZE)
    said = capsys.readouterr().err
    assert f"{path}: damaged (" in said and "it is trained again" in said
  assert len(calls) == 2
  path.write_bytes(whole)


def test_a_training_that_is_stopped_leaves_nothing(
  config, tmp_path, monkeypatch
):
  with config.unlocked():
    other = config.copy_and_resolve_references()
  other.data.prepared_dir = str(tmp_path)

  def stopped(*_):
    raise KeyboardInterrupt

  monkeypatch.setattr(own_segmenter, "save_arrays", stopped)
  monkeypatch.setattr(
    own_segmenter, "train", lambda *_: ({"a": np.zeros(1)}, 0)
  )
  with pytest.raises(KeyboardInterrupt):
    own_segmenter.open_own(other, [1], split="val", size=SIZE)
  left = [p.name for p in (tmp_path / "segmenters").iterdir()]
  assert all(name.endswith(".lock") for name in left)


@pytest.mark.parametrize("split", ["train", "train_label", "day_train"])
def test_scores_of_training_photos_rank_nothing(config, opened, split, capsys):
  (one, _) = own_segmenter.open_own(config, [1], split=split, size=SIZE)
  assert (
    one.unranked == "it was trained on these very photos; score held-out maps"
  )
  assert capsys.readouterr().err.count(one.unranked) == 1


def test_data_that_none_can_learn_from(config):
  with pytest.raises(
    InputError, match=r"own: 1 class of 8 is scored; it takes"
  ):
    own_segmenter.open_own(config, range(7), split="val", size=SIZE)
  few = validated(data__num_train=9)
  with pytest.raises(InputError, match="9 training photos, it learns from at"):
    own_segmenter.open_own(few, [], split="val", size=SIZE)
