"""The style flags of `synthesize` and `edit`, checked before any picture."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from hdgan.errors import InputError, counted, visible
from hdgan.rendering import photo as style_photo
from hdgan.rendering.renderer import Renderer, require_encoder
from hdgan.styles import file as style_file
from hdgan.styles.bank import check_numbers
from hdgan.styles.choice import Choice, Chooser, fallback_line


@dataclasses.dataclass(frozen=True)
class StyleOptions:
  """What a user asked for.

  Attributes:
    style_seed: None if it was not given, then 0.
    style_draw: "map" or "sequence", see `Chooser`; None if it was not given.
    styles: a style file, or a folder with one per map; or ''.
    style_from: a photo; or ''.
    style_grid: a class or an object; or ''.
  """

  style_seed: int | None = None
  style_draw: str | None = None
  styles: str = ""
  style_from: str = ""
  style_grid: str = ""


class StyleSource:
  """Gives the styles of each map of one command."""

  def __init__(
    self,
    renderer: Renderer,
    options: StyleOptions,
    names: Sequence[str],
    size: str = "stage",
  ):
    """Reads and checks everything that the flags name.

    Args:
      renderer: of the run.
      options: the flags.
      names: of the maps.
      size: "stage" or "input", kept in the files that are written.

    Raises:
      InputError: for flags that this run cannot serve, or faults of files.
    """
    self.renderer, self.options, self.size = renderer, options, size
    self._check_flags()
    self.chooser = Chooser(
      renderer.class_names,
      renderer.channels,
      bank=renderer.bank,
      means=renderer.means,
      seed=options.style_seed or 0,
      draw=options.style_draw or "map",
    )
    if options.style_from:
      example = style_photo.find_photo(renderer, options.style_from)
      photo = style_photo.photo_styles(renderer, example)
      self.chooser = dataclasses.replace(self.chooser, photo=photo)
    self.files: dict[str, style_file.StyleFile] = {}
    if options.styles:
      self._read_files(names)

  def _check_flags(self) -> None:
    renderer, options = self.renderer, self.options
    for flag, value in vars(options).items():
      if value is None or value == "":
        continue
      # Styles that are given as numbers need no E, a photo does.
      if flag == "style_from" or not renderer.channels:
        require_encoder(renderer, f"--{flag}")
      drawn = ("style_grid", "style_seed", "style_draw")
      if flag in drawn and renderer.bank is None:
        raise InputError(
          f"--{flag}={value} draws from a style bank, which {renderer.workdir} "
          "does not hold; make one with `python -m hdgan.main --mode=styles "
          f"--workdir={renderer.workdir}`"
        )
    if options.style_seed is not None and options.style_seed < 0:
      raise InputError(f"--style_seed={options.style_seed} must be at least 0")

  def _read_files(self, names: Sequence[str]) -> None:
    """Reads the style file of each map."""
    path = pathlib.Path(os.path.expanduser(self.options.styles))
    paths = {name: path for name in names}
    if path.is_dir():
      paths = {name: path / f"{name}{style_file.SUFFIX}" for name in names}
      lost = [p.name for p in paths.values() if not p.is_file()]
      if lost:
        raise InputError(
          f"--styles={path}: there is no file for {len(lost)} of "
          f"{counted(len(names), 'map')}, first {lost[0]}; add it, or pick "
          "a map with --map"
        )
    elif not path.is_file():
      raise InputError(f"--styles={path}: there is no such file or folder")
    # One file may serve all maps: it is read, and told of, once.
    known = {}
    for name, path in paths.items():
      if path not in known:
        known[path] = style_file.read(
          path, self.chooser.names, self.chooser.channels
        )
        check_numbers(known[path], self.renderer.bank)
        self._say_differences(known[path])
      self.files[name] = known[path]

  def _say_differences(self, file: style_file.StyleFile) -> None:
    """Tells when a file was written with other weights or at another size."""
    now = {"step": self.renderer.step, "size": self.size}
    odd = [
      f"{field} {visible(str(file.about[field])[:40])}, now {value}"
      for field, value in now.items()
      if file.about.get(field, value) != value
    ]
    if odd:
      print(
        f"{file.path}: made with {' and '.join(odd)}: the styles are the same, "
        "the pictures will differ"
      )

  def choose(self, name: str, pairs: np.ndarray) -> Choice:
    """The styles of one map's objects, pairs [N, 2]; see `Chooser.choose`."""
    file = self.files.get(name)
    return dataclasses.replace(self.chooser, file=file).choose(pairs, name)

  def text(self, name: str, pairs: np.ndarray, styles: Sequence) -> str:
    """The style file of a picture of objects, pairs [N, 2], in `styles` [N]."""
    about = {"map": name, "step": self.renderer.step, "size": self.size}
    if self.renderer.bank is not None:
      about["bank"] = self.renderer.bank.digest
    return style_file.to_text(pairs, styles, about)

  def line(self) -> str:
    """What is to be said once about missing styles; '' if nothing is."""
    if not self.renderer.channels:
      return ""
    if self.renderer.bank is not None:
      return fallback_line(self.renderer.bank, self.chooser.names)
    if self.files or self.chooser.photo is not None:
      return ""
    taken = "every class takes the mean of its own"
    if self.renderer.means is None:
      taken = "all of them are zero here"
    return (
      f"This model has styles, but no style bank yet: {taken}. "
      "`python -m hdgan.main --mode=styles "
      f"--workdir={self.renderer.workdir}` makes one."
    )
