"""Compares the palettes of label maps: one colour must be one class."""

from collections.abc import Iterable, Sequence

Color = tuple[int, int, int]
_MOST = 4096  # Colours that are kept.


class Palettes:
  """The colours of the classes of palette files, as the files come.

  Tools that number colours in the order in which they meet them give one
  class another index in each file. The indices are then read as other classes
  than were painted.
  """

  def __init__(self, trained: bool = False) -> None:
    # The model is there: fields of its config are no way out.
    self._trained = trained
    # Index of a colour where it was first used, in which file, its palette.
    self._first: dict[Color, tuple[int, str, Sequence[Color]]] = {}

  def fault(
    self, name: str, used: Iterable[int], palette: Sequence[Color]
  ) -> str:
    """Takes a file, and says how it differs from those before, or ''.

    Args:
      name: of the file.
      used: indices of its pixels.
      palette: the colour of each index.
    """
    told = ""
    for index in used:
      if not 0 <= index < len(palette):
        continue
      color = palette[index]
      if color not in self._first:
        if len(self._first) < _MOST:
          self._first[color] = (index, name, palette)
        continue
      before, other, others = self._first[color]
      # Of a colour that stands for two classes nobody can tell.
      twice = _at(palette, before) == color or _at(others, index) == color
      if before == index or twice or told:
        continue
      there = _at(others, index)
      unlike = f", where {index} is {there}" if there else ""
      way = "say --config.data.label_map=FILE, a table of the class of each "
      way += "colour, or, where the indices are right, save them as grey"
      if self._trained:
        way = "save the class ids of each map as grey"
      told = (
        f"{name}: index {index} has the colour {color}, which is index {before}"
        f" in {other}{unlike}: palettes that differ make other classes of one "
        f"colour; {way}"
      )
    return told


def _at(palette: Sequence[Color], index: int) -> Color | None:
  """The colour of an index, None beyond the palette."""
  return palette[index] if index < len(palette) else None
