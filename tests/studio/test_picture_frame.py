"""Scenes of models whose label is a picture."""

import numpy as np
import pytest
from studio.stand_in import picture_stand_in, stand_in

from hdgan.errors import InputError
from hdgan.picture_spec import PictureSpec
from hdgan.studio import frame, picture_frame
from hdgan.studio.refusal import Refusal


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_picture_comes_back(channels):
  renderer = picture_stand_in((32, 64), channels=channels)
  rng = np.random.default_rng(channels)
  label = rng.integers(0, 256, (5, 7, channels)).astype(np.uint8)
  header, payload = picture_frame.of_picture(
    picture_frame.open_picture(label, "a")
  )
  header, payload = frame.unpack(frame.pack(header, payload))
  back = picture_frame.to_picture(header, payload, renderer)
  np.testing.assert_array_equal(back.label, label)
  assert back.label.dtype == np.uint8 and back.name == "a"


def test_levels_by_hand():
  """Red in the lowest bits."""
  label = np.array([[[1, 2, 3], [255, 0, 255]]], np.uint8)
  _, payload = picture_frame.of_picture(picture_frame.open_picture(label))
  assert np.frombuffer(payload, "<u4").tolist() == [
    1 + 2 * 256 + 3 * 65536, 1, 0xFF00FF, 1,
  ]  # fmt: skip


def test_refusals():
  grey = picture_stand_in((32, 64))
  header = {"w": 1, "h": 1}
  with pytest.raises(Refusal, match="value 256, the largest is 255"):
    picture_frame.to_picture(header, frame.pack_runs(np.array([[256]])), grey)
  runs = frame.pack_runs(np.array([[255]]))
  with pytest.raises(Refusal, match="has scenes of 'picture'"):
    picture_frame.to_picture({**header, "kind": "classes"}, runs, grey)
  with pytest.raises(Refusal, match="this model has no styles"):
    picture_frame.to_picture({**header, "style": 0}, runs, grey)
  styled = picture_stand_in((32, 64), styles=2)
  with pytest.raises(Refusal, match="which has styles 0..1") as error:
    picture_frame.to_picture({**header, "style": 2}, runs, styled)
  assert error.value.field == "style"
  with pytest.raises(Refusal, match="without objects"):
    picture_frame.classes_only(grey)
  picture_frame.classes_only(stand_in((32, 64)))


def test_read_takes_the_model_s_kind():
  runs = frame.pack_runs(np.array([[0]]))
  header = {"w": 1, "h": 1, "table": [{"label": 4, "instance": 9}]}
  one = picture_frame.read(header, runs, stand_in((32, 64)))
  assert one.instance.tolist() == [[9]]
  two = picture_frame.read(header, runs, picture_stand_in((32, 64)))
  assert two.label.tolist() == [[[0]]] and two.scene.sizes.tolist() == [1]


@pytest.mark.parametrize(
  ("channels", "values", "said"),
  [
    (4, (0, 255), "pictures of 4 channels, a page can paint 1 to 3"),
    (1, (0, 65535), "have values 0..65535, a page can paint 0..255"),
    (3, (0, 1), "have values 0..1"),
  ],
)
def test_models_that_a_page_cannot_paint_for(channels, values, said):
  spec = PictureSpec(0, label_channels=channels, label_range=values)
  with pytest.raises(InputError, match=said):
    picture_frame.check_model(spec)
  # Of a model with classes both say nothing.
  picture_frame.check_model(
    PictureSpec(5, label_channels=channels, label_range=values)
  )


@pytest.mark.parametrize("value", [256, -1, 0.5, 300.0])
def test_deeper_pictures_are_refused(value):
  with pytest.raises(InputError, match="not 0..255; save it with 8 bits"):
    picture_frame.open_picture(np.full((2, 2, 1), value), "deep")
