"""What the page gets of a class's styles."""

import numpy as np
import pytest
from PIL import Image
from studio.stand_in import BUILDING, CAR, stand_in

from hdgan.rendering import thumbnails
from hdgan.studio.refusal import Refusal
from hdgan.studio.studio import Studio


def test_thumbnails_and_numbers(tmp_path):
  studio = Studio(stand_in(workdir=tmp_path), None, "stage")
  images = [Image.new("RGB", (96, 96), (k, k, k)) for k in range(4)]
  digest = studio.renderer.bank.digest
  thumbnails.write(tmp_path, digest, {CAR: images})
  head, data = studio.call("sprite", {"label": CAR}, b"")
  # The stand-in's style k of class c is (k, c, -k) / 4.
  values = [[k / 4, CAR / 4, -k / 4] for k in range(4)]
  assert head == {
    "type": "image/webp", "count": 4, "side": 96, "values": values,
  }  # fmt: skip
  assert data == (tmp_path / "style_thumbnails" / f"{CAR}.webp").read_bytes()


@pytest.mark.parametrize("stale", [False, True])
def test_without_thumbnails_there_are_the_numbers(tmp_path, stale):
  studio = Studio(stand_in(workdir=tmp_path), None, "stage")
  if stale:
    images = [Image.new("RGB", (96, 96))] * 4
    thumbnails.write(tmp_path, "of another bank", {CAR: images})
  head, data = studio.call("sprite", {"label": CAR}, b"")
  assert (head["side"], head["count"], data) == (0, 4, b"")
  assert np.shape(head["values"]) == (4, 3)


def test_a_class_without_styles_is_refused():
  studio = Studio(stand_in(), None, "stage")
  with pytest.raises(Refusal, match="'building' has no styles") as told:
    studio.call("sprite", {"label": BUILDING}, b"")
  assert told.value.code == "none"


@pytest.mark.parametrize("label", [7, -1, None, "4", True])
def test_other_classes_are_refused(label):
  with pytest.raises(Refusal) as told:
    Studio(stand_in(), None, "stage").call("sprite", {"label": label}, b"")
  assert (told.value.code, told.value.field) == ("label", "label")


def test_a_model_without_styles_has_none():
  with pytest.raises(Refusal) as told:
    Studio(stand_in(styles=0), None, "stage").call("sprite", {"label": 4}, b"")
  assert (told.value.code, told.value.hint) == ("none", "")
