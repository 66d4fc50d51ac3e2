"""What a named protocol fixes, and what does not go with it."""

import pytest

from hdgan.datasets.downloads.cityscapes import _SCORED
from hdgan.errors import InputError
from hdgan.evaluation import protocols


@pytest.mark.parametrize(
  ("name", "segmenter", "score_at", "want"),
  [
    ("custom", (), None, ((), "image")),
    ("custom", ("own", "labels:x"), "label", (("own", "labels:x"), "label")),
    ("own-v1", (), None, (("own",), "image")),
    ("own-v1", ("own",), "image", (("own",), "image")),
    ("pix2pixhd-psp", ("onnx:f",), None, (("onnx:f",), "label")),
    ("spade-drn", ("labels:x",), None, (("labels:x",), "image")),
  ],
)
def test_what_is_filled_in(name, segmenter, score_at, want):
  assert protocols.resolve(name, segmenter, score_at) == want


@pytest.mark.parametrize(
  ("name", "segmenter", "score_at", "said"),
  [
    ("own", (), None, "no such protocol; did you mean 'own-v1'?"),
    ("fcn-256", (), None, "exists for Caffe only; the name is kept"),
    ("own-v1", (), "label", "compares classes at the image's size; leave"),
    ("own-v1", ("labels:x",), None, "not of --protocol=own-v1; leave"),
    ("spade-drn", (), None, "needs a segmenter that was made for"),
    (
      "spade-drn",
      ("own",),
      None,
      "say --segmenter=onnx:FILE or labels:DIR, or",
    ),
    ("pix2pixhd-psp", ("onnx:f",), "image", "at the label's size"),
  ],
)
def test_what_does_not_go_together(name, segmenter, score_at, said):
  with pytest.raises(InputError) as error:
    protocols.resolve(name, segmenter, score_at)
  assert said in str(error.value) and "\n" not in str(error.value)


def test_sizes_and_classes():
  protocols.check_size("custom", (3, 5), "a.png")
  protocols.check_size("pix2pixhd-psp", (1024, 2048), "a.png")
  with pytest.raises(InputError, match=r"a.png is 512x256, must be 2048x1024;"):
    protocols.check_size("pix2pixhd-psp", (256, 512), "a.png")
  protocols.check_classes("own-v1", 11)
  protocols.check_classes("spade-drn", len(_SCORED))
  with pytest.raises(InputError, match="11 classes of this data are scored"):
    protocols.check_classes("spade-drn", 11)


def test_settings_as_the_json_has_them():
  assert protocols.find("pix2pixhd-psp").settings == {
    "name": "pix2pixhd-psp", "version": 1, "size": [1024, 2048],
    "leads": ["accuracy_void_wrong", "miou_void_fp"], "void": "wrong",
  }  # fmt: skip
  assert protocols.find("custom").settings["void"] == "left out"
