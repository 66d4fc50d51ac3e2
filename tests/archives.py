"""Downloads as tests write them: files by name, as a folder, a zip or a tar."""

import io
import pathlib
import tarfile
import zipfile

import numpy as np
from PIL import Image

from hdgan import config as config_lib
from hdgan.datasets import files


def png(array, mode=None) -> bytes:
  """An array as the bytes of a PNG, by Pillow alone."""
  return _saved(Image.fromarray(np.asarray(array), mode), "PNG")


def jpeg(height, width, mode="RGB") -> bytes:
  """A photo of one colour."""
  color = {"RGB": (90, 120, 200), "L": 90}[mode]
  return _saved(Image.new(mode, (width, height), color), "JPEG")


def _saved(image, kind) -> bytes:
  buffer = io.BytesIO()
  image.save(buffer, kind)
  return buffer.getvalue()


def write(root: pathlib.Path, tree: dict[str, bytes], packed: str = "") -> None:
  """Writes files below a folder, or into the one zip or tar of a name."""
  root.mkdir(parents=True, exist_ok=True)
  if packed.endswith(".zip"):
    with zipfile.ZipFile(root / packed, "w") as archive:
      for name, data in tree.items():
        archive.writestr(name, data)
  elif packed:
    with tarfile.open(root / packed, "w") as archive:
      for name, data in tree.items():
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
  else:
    for name, data in tree.items():
      (root / name).parent.mkdir(parents=True, exist_ok=True)
      (root / name).write_bytes(data)


def config_of(name, tmp_path, **changes):
  """An unlocked config of a data set below `tmp_path`/data."""
  config = config_lib.defaults()
  config.data.name = name
  config.data.root = str(tmp_path / "data")
  config.data.prepared_dir = str(tmp_path / "copies")
  config.stages[0].size = (16, 32)
  config.update_from_flattened_dict(changes)
  return config


def maps(example) -> dict[str, np.ndarray]:
  """What an example of a builder holds, decoded."""
  read = example.read()
  found = {
    role: files.read_map(read[role])
    for role in ("label", "instance")
    if read[role]
  }
  return found | {"image": files.read_picture(read["image"], 3)}
