"""Named ways to score: `--protocol=NAME`.

A score depends on the size of the pictures, on where classes are compared, on
what counts where the map knows no class, and on who looks. A name fixes all of
it but the last, and the segmenter's sum stands beside it in evaluation.json:
numbers compare where all of that is alike.

* own-v1: pictures at the run's size, classes compared there, by the segmenter
  that hdgan trains on the data's photos.
* pix2pixhd-psp: pictures of 2048x1024, predictions compared at the maps' own
  size, pixels without a class counted as wrong: how the numbers of the paper
  (section 4.1, PSPNet) are most likely made, which nobody has shown.
* spade-drn: pictures of 512x256, maps brought to that size, pixels without a
  class left out, as is usual since SPADE (DRN-D-105).

The released segmenters of the last two are PyTorch's: export one to ONNX, or
let it write label maps. With another segmenter only shares of the oracle may be
held beside published ones, and then with care.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from hdgan.errors import InputError, near_names

CUSTOM = "custom"
# Not to be used for another thing: its segmenter, FCN-8s, is of Caffe alone.
RESERVED = "fcn-256"
_WITHOUT = ("miou", "accuracy")
_VOID_WRONG = ("accuracy_void_wrong", "miou_void_fp")


@dataclasses.dataclass(frozen=True)
class Protocol:
  """What a name fixes.

  Attributes:
    name: of the protocol.
    version: another one where the same pictures score else.
    score_at: see `evaluation.Options`; None for either.
    size: (H, W) of the pictures; None for any.
    classes: how many are scored; None for any number.
    own: whether the segmenter must be `own` (True) or must not be (False).
    leads: the scores that come first.
  """

  name: str
  version: int = 1
  score_at: str | None = None
  size: tuple[int, int] | None = None
  classes: int | None = None
  own: bool | None = None
  leads: tuple[str, ...] = _WITHOUT

  @property
  def settings(self) -> dict[str, Any]:
    """As evaluation.json has it, with what else was chosen beside it."""
    return {
      "name": self.name,
      "version": self.version,
      "size": None if self.size is None else list(self.size),
      "leads": list(self.leads),
      "void": "wrong" if self.leads == _VOID_WRONG else "left out",
    }


PROTOCOLS = {
  one.name: one
  for one in (
    Protocol(CUSTOM),
    Protocol("own-v1", score_at="image", own=True),
    Protocol(
      "pix2pixhd-psp", score_at="label", size=(1024, 2048), classes=19,
      own=False, leads=_VOID_WRONG,
    ),
    Protocol(
      "spade-drn", score_at="image", size=(256, 512), classes=19, own=False
    ),
  )
}  # fmt: skip


def find(name: str) -> Protocol:
  """The protocol of a name.

  Raises:
    InputError: if there is none.
  """
  if name == RESERVED:
    raise InputError(
      f"--protocol={name}: its segmenter, FCN-8s, exists for Caffe only; the "
      "name is kept for it. Say --protocol=own-v1, or leave it out"
    )
  if name not in PROTOCOLS:
    hint = near_names(name, list(PROTOCOLS))
    raise InputError(f"--protocol={name}: there is no such protocol; {hint}")
  return PROTOCOLS[name]


def resolve(
  name: str, segmenter: Sequence[str], score_at: str | None
) -> tuple[tuple[str, ...], str]:
  """Fills in what a protocol fixes.

  Args:
    name: of the protocol.
    segmenter: as typed, () for none.
    score_at: as typed, None for nothing.

  Returns:
    The segmenters, and "image" or "label".

  Raises:
    InputError: for an unknown protocol, or what does not go with it.
  """
  rule = find(name)
  if rule.score_at and score_at and score_at != rule.score_at:
    raise InputError(
      f"--score_at={score_at}: --protocol={name} compares classes at the "
      f"{rule.score_at}'s size; leave --score_at out"
    )
  if rule.own is True:
    segmenter = tuple(segmenter) or ("own",)
  if score_at and not segmenter:
    raise InputError(
      "--score_at has no effect without --segmenter, whose classes it "
      "compares; leave it out"
    )
  for one in segmenter:
    if rule.own is not None and (one == "own") != rule.own:
      way = (
        "leave --segmenter out"
        if rule.own
        else "say --segmenter=onnx:FILE or labels:DIR, or --protocol=own-v1"
      )
      raise InputError(f"--segmenter={one}: not of --protocol={name}; {way}")
  if rule.own is False and not segmenter:
    raise InputError(
      f"--protocol={name} needs a segmenter that was made for the data's "
      "classes: --segmenter=onnx:FILE or labels:DIR"
    )
  return tuple(segmenter), score_at or rule.score_at or "image"


def check_classes(name: str, scored: int) -> None:
  """Compares the number of scored classes with a protocol's.

  Raises:
    InputError: if they differ.
  """
  most = find(name).classes
  if most is not None and scored != most:
    raise InputError(
      f"--protocol={name}: {scored} classes of this data are scored, it is of "
      f"Cityscapes' {most}; say --protocol=own-v1, or leave it out"
    )


def check_size(name: str, size: tuple[int, int], what: str) -> None:
  """Compares the (H, W) of pictures with a protocol's.

  Args:
    name: of the protocol.
    size: of a picture.
    what: is of that size, for the error.

  Raises:
    InputError: if they differ.
  """
  wanted = find(name).size
  if wanted is not None and tuple(size) != wanted:
    raise InputError(
      f"--protocol={name}: {what} is {size[1]}x{size[0]}, must be "
      f"{wanted[1]}x{wanted[0]}; say --protocol=own-v1, or leave it out"
    )
