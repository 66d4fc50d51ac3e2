"""What each number of a run says, in a sentence, for the page of the run."""

import math
from collections.abc import Collection

# A discriminator that cannot tell photos from G's pictures says 1/2 to both:
# the mean square of 1/2, and the cross-entropy of 1/2.
RESTS = {"lsgan": "0.25", "bce": f"{math.log(2):.3g} (ln 2)"}

_REST = "Near {rest} for each discriminator of the stage"

# By the name in metrics.jsonl; {rest} is filled in.
MEANINGS = {
  "G_GAN": "How far D is from taking G's pictures for photos. "
  f"{_REST} where D cannot tell them apart; the higher, the surer D is.",
  "G_GAN_Feat": "How far G's picture is from the photo in the eyes of D "
  "(its layers), times the weight. Should fall, not evenly, for D changes too.",
  "G_L1": "How far G's pixels are from the photo's, on average, times the "
  "weight. Should fall.",
  "G_VGG": "How far G's picture is from the photo in the layers of VGG19, "
  "times the weight. Should fall; VGG19 stays the same.",
  "D_real": "How far D is from calling photos real. "
  f"{_REST} where D cannot tell; the lower, the surer D is.",
  "D_fake": "How far D is from calling G's pictures fake. "
  f"{_REST} where D cannot tell; the lower, the surer D is.",
  "G_labels": "How far D is from seeing, in G's pictures, the classes of the "
  "map. Should fall; at the logarithm of the classes and one, D sees nothing.",
  "D_labels": "How far D is from seeing, in photos, the classes of their maps, "
  "each class counted alike. Should fall; far lower than the held-out curve, "
  "D knows the training photos by heart.",
  "D_made": "How far D is from telling, of all pixels of G's pictures, that "
  "they are made. Should not fall to nothing: so sure a D teaches G little.",
  "D_label_mix": "LabelMix: how far what D says of pictures put together from "
  "photo and G's, class by class, is from what it says of both, put together "
  "alike; times the weight. Should stay small.",
  "miou": "How well a segmenter that was trained on the real photos finds the "
  "classes of the maps again in G's pictures: intersection over union, the "
  "mean over classes. Should rise; --mode=evaluate tells what photos reach.",
  "accuracy": "The same as the share of pixels that are told rightly.",
  "kid": "The kernel distance of G's pictures to the photos in the features of "
  "config.evaluate_features. Should fall towards 0.",
  "fid": "The Frechet distance of the same. With few pictures it is too large: "
  "only to be compared among steps.",
  "rate": "The learning rate: level, then down with each epoch of the stage's "
  "decay, as the table of stages says.",
  "skipped": "Steps since the last log that were left out as not finite; the "
  "other numbers are means without them. Should be nowhere.",
  "images_per_s": "Training images per second on all devices together, pauses "
  "left out. Should be level within a stage.",
}

_BY_HEART = (
  " Where the held-out curve rises while training's falls, G learns the "
  "training pictures by heart."
)
# What compares a picture with its own photo.
_COMPARE = ("G_GAN_Feat", "G_L1", "G_VGG")


def meaning(name: str, splits: Collection[str], gan: str) -> str:
  """Says what a curve shows and what it should do.

  Args:
    name: of the number.
    splits: that it is drawn for: "train", "held_out".
    gan: the adversarial loss, `config.loss.gan`.

  Returns:
    A sentence or three; '' for a number or a loss that is not known.
  """
  text = MEANINGS.get(name, "")
  if "{rest}" in text:
    text = text.format(rest=RESTS[gan]) if gan in RESTS else ""
  if name in _COMPARE and {"train", "held_out"} <= set(splits):
    text += _BY_HEART
  return text
