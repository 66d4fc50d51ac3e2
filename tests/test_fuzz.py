"""Whatever a file holds: it is read, or refused in a line that can be printed.

Files of every kind that somebody may write or damage are bent in many ways. The
cases follow from a fixed seed; `HDGAN_FUZZ=5000 pytest tests/test_fuzz.py`
tries as many new ones of each kind.
"""

import contextlib
import dataclasses
import io
import json
import math
import os
import pathlib
import re
import shutil
import signal
import struct
import types
import zipfile
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import safetensors.numpy
from banks import make_bank
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny import tiny_config

from hdgan import config as config_lib
from hdgan import outside
from hdgan.datasets import files, files_builder, prepared
from hdgan.datasets.classes import load_classes
from hdgan.datasets.transforms import dense_objects, object_pairs
from hdgan.editing import file as edit_file
from hdgan.editing import operations
from hdgan.editing.scene import open_scene
from hdgan.errors import InputError, printed_lines, shown
from hdgan.report import index_page, pictures
from hdgan.report.log import MetricsLog, read_metrics
from hdgan.runs import directory
from hdgan.styles import bank as style_bank
from hdgan.styles import file as style_file
from hdgan.styles.choice import Chooser
from hdgan.validation import validate
from hdgan.weights import options, original, pth, recognise, release
from hdgan.weights.state_dict import (
  DiscriminatorSpec,
  EncoderSpec,
  GeneratorSpec,
  generator_table,
  shapes_of,
  table_of,
)

MORE = int(os.environ.get("HDGAN_FUZZ", "0"))
FEW = settings(
  max_examples=MORE or 60,
  derandomize=not MORE,
  database=None,
  deadline=None,
  suppress_health_check=list(HealthCheck),
)
Draw = Callable[[st.SearchStrategy], object]


class TooLong(BaseException):
  """A reader that does not come to an end."""


@contextlib.contextmanager
def seconds(limit: int) -> Iterator[None]:
  def stop(*_: object) -> None:
    raise TooLong

  before = signal.signal(signal.SIGALRM, stop)
  signal.alarm(limit)
  try:
    yield
  finally:
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


# ------------------------------------------------------------- how it is bent

# Values as they stand in a JSON file.
ODD = (
  "1e400", "-1e400", "1e308", "1e30", "-1", "0", "0.5", "9" * 400, "9" * 5000,
  "9223372036854775807", "-9223372036854775808", "4294967296", "NaN",
  "-Infinity", "null", "true", "[]", "{}", '""', '"\\u0000"', '"\\ud800"',
  '"\\u001b[2J"', '"a\\nb"', '"../x"', '"' + "x" * 3000 + '"', "[[1]]",
  "[" * 60 + "]" * 60, "[" * 20000, '{"a": 1, "a": 2}', "'", '"\xff"',
)  # fmt: skip


@st.composite
def bent_bytes(draw: Draw, valid: bytes) -> bytes:
  """Bits flipped, parts cut out, put in, copied or overwritten."""
  data = bytearray(valid)
  for _ in range(draw(st.integers(1, 4))):
    at = draw(st.integers(0, len(data)))
    end = min(len(data), at + draw(st.integers(1, 40)))
    match draw(
      st.sampled_from(["flip", "cut", "drop", "insert", "copy", "set"])
    ):
      case "flip" if at < len(data):
        data[at] ^= 1 << draw(st.integers(0, 7))
      case "cut":
        del data[at:]
      case "drop":
        del data[at:end]
      case "insert":
        data[at:at] = draw(st.binary(max_size=12))
      case "copy":
        data[at:at] = data[at:end]
      case "set":
        data[at:end] = draw(st.sampled_from([b"\0", b"\xff"])) * (end - at)
  return bytes(data)


def places(value: object, path: tuple = ()) -> Iterator[tuple]:
  """Paths of all values inside JSON."""
  yield path
  inner = (
    value.items() if isinstance(value, dict)
    else enumerate(value) if isinstance(value, list) else ()
  )  # fmt: skip
  for key, below in inner:
    yield from places(below, (*path, key))


@st.composite
def bent_json(draw: Draw, valid: str) -> str:
  """Values replaced by odd ones, keys renamed or taken out."""
  value = json.loads(valid)
  fragments = {}
  for i in range(draw(st.integers(1, 3))):
    path = draw(st.sampled_from([p for p in places(value) if p] or [()]))
    if not path:
      return draw(st.sampled_from(ODD))
    node = value
    for key in path[:-1]:
      node = node[key]
    match draw(st.sampled_from(["odd", "odd", "odd", "gone", "name"])):
      case "odd":
        node[path[-1]] = f"@{i}@"
        fragments[f'"@{i}@"'] = draw(st.sampled_from(ODD))
      case "gone":
        del node[path[-1]]
      case "name" if isinstance(node, dict):
        name = draw(st.sampled_from(["", "x.y", "\x1b", "lock", "9" * 5000]))
        node[name] = node.pop(path[-1])
  text = json.dumps(value)
  for marker, fragment in fragments.items():
    text = text.replace(marker, fragment)
  return text


def of_json(valid: bytes) -> st.SearchStrategy[bytes]:
  text = valid.decode()
  bent = bent_json(text).map(lambda t: t.encode("utf-8", "surrogatepass"))
  return bent | bent_bytes(valid) | st.sampled_from([x.encode() for x in ODD])


def of_lines(valid: bytes) -> st.SearchStrategy[bytes]:
  """One line of several is bent."""
  first, *rest = valid.splitlines(keepends=True)
  bent = bent_json(first.decode()).map(lambda t: t.encode() + b"\n")
  return bent.map(lambda line: line + b"".join(rest)) | bent_bytes(valid)


def sealed(data: bytes) -> bytes:
  """A PNG whose sums are right."""
  place, out = 8, bytearray(data)
  while place + 12 <= len(data):
    (size,) = struct.unpack_from(">I", data, place)
    end = place + 8 + size
    if end + 4 > len(data):
      break
    struct.pack_into(">I", out, end, zlib.crc32(data[place + 4 : end]))
    place = end + 4
  return bytes(out)


def of_png(valid: bytes) -> st.SearchStrategy[bytes]:
  bent = bent_bytes(valid)
  return bent | bent.map(sealed)


def of_npy(valid: bytes) -> st.SearchStrategy[bytes]:
  header = st.sampled_from([
    (b"(5, 7)", b"(0, 7)"), (b"(5, 7)", b"(-5, 7)"), (b"(5, 7)", b"(2**9)"),
    (b"(5, 7), }  ", b"(99999, 7), }"[:11]), (b"<i4", b"<f8"),
    (b"<i4", b"|O8"), (b"<i4", b"<U9"), (b"<i4", b"<M8"), (b"<i4", b">i2"),
    (b"False", b"True "), (b"(5, 7)", b"(35,) "), (b"(5, 7)", b"(1e9,)"),
  ])  # fmt: skip
  return header.map(lambda pair: valid.replace(*pair)) | bent_bytes(valid)


def with_header(data: bytes, text: str) -> bytes:
  """A safetensors file with another header."""
  (size,) = struct.unpack_from("<Q", data)
  head = text.encode()
  return struct.pack("<Q", len(head)) + head + data[8 + size :]


def of_safetensors(valid: bytes) -> st.SearchStrategy[bytes]:
  """Bytes, the header, or what the metadata says are bent."""
  (size,) = struct.unpack_from("<Q", valid)
  header = json.loads(valid[8 : 8 + size])
  told = header["__metadata__"]

  def say(key: str, text: str) -> bytes:
    changed = {**header, "__metadata__": {**told, key: text}}
    return with_header(valid, json.dumps(changed))

  inside = [
    bent_json(text).map(lambda t, key=key: say(key, t))
    for key, text in told.items()
    if text.startswith("{")
  ]
  odd = st.sampled_from(["", "-1", "99", "abc", "1e9", "null", "[]", "\x1b"])
  inside += [odd.map(lambda t, key=key: say(key, t)) for key in told]
  whole = bent_json(json.dumps(header)).map(lambda t: with_header(valid, t))
  numbers = st.sampled_from([np.nan, np.inf, -np.inf]).map(
    lambda x: valid[:-4] + np.float32(x).tobytes()
  )
  return st.one_of(*inside, whole, numbers, bent_bytes(valid))


def of_pth(valid: bytes) -> st.SearchStrategy[bytes]:
  """Bytes of the zip, or of the pickle inside it."""
  with zipfile.ZipFile(io.BytesIO(valid)) as archive:
    parts = {name: archive.read(name) for name in archive.namelist()}
  (name,) = [name for name in parts if name.endswith("data.pkl")]

  def pack(pickled: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
      for part, data in {**parts, name: pickled}.items():
        archive.writestr(part, data)
    return out.getvalue()

  return bent_bytes(parts[name]).map(pack) | bent_bytes(valid)


# ------------------------------------------------------------------ what it is

CLASSES = (
  {"id": 0, "name": "sky", "has_instances": False},
  {"id": 1, "name": "road", "has_instances": False},
  {"id": 2, "name": "car", "has_instances": True},
)
NAMES = [entry["name"] for entry in CLASSES]
LABEL = np.array([[0, 0, 0, 2], [0, 2, 2, 2], [1, 1, 1, 1]])
INSTANCE = np.where(LABEL == 2, 2000, LABEL)
PAIRS = np.array([[0, 0], [1, 1], [2, 2000]])
RENDERER = types.SimpleNamespace(channels=2, bank=None, means=None)
SPEC = GeneratorSpec(4, 3, 4, 1, 1)
IDS = (np.arange(35).reshape(5, 7) % 4).astype(np.uint8)
RGB = (np.arange(5 * 7 * 3).reshape(5, 7, 3) * 2).astype(np.uint8)


def text(value: object) -> bytes:
  return json.dumps(value).encode()


def encoded(array: np.ndarray, kind: str, **how: object) -> bytes:
  out = io.BytesIO()
  if kind == "NPY":
    np.save(out, array)
  else:
    Image.fromarray(array).save(out, kind, **how)
  return out.getvalue()


def read_style(folder: pathlib.Path) -> None:
  found = style_file.read(folder / "x", NAMES, 2)
  style_bank.check_numbers(found, None)
  Chooser(NAMES, 2, bank=None, file=found).choose(PAIRS, "a")


def read_edits(folder: pathlib.Path) -> None:
  (folder / "mask.png").write_bytes(encoded(IDS[:3, :4], "PNG"))
  entries, _ = edit_file.read_edits(folder / "x")
  scene = open_scene(LABEL, INSTANCE, CLASSES, name="a")
  for entry in entries:
    mask = edit_file.mask_reader(folder)
    scene = edit_file.apply(scene, entry, mask, RENDERER)
  operations.styles_of(scene, RENDERER)


def read_classes(folder: pathlib.Path) -> None:
  os.rename(folder / "x", folder / "classes.json")
  pictures.legend(load_classes(folder, 3), 3, -1)


def read_config(folder: pathlib.Path) -> None:
  os.rename(folder / "x", folder / "config.json")
  config = directory.read_config(folder)
  assert config_lib.from_json(config_lib.to_json(config)) == config


def read_log(folder: pathlib.Path) -> None:
  os.rename(folder / "x", folder / "metrics.jsonl")
  MetricsLog(folder, 5).close()
  assert all(line["step"] <= 5 for line in read_metrics(folder))
  index_page.write_index(
    folder, title="", status="", running=True, stages=(), boundaries=(),
    config="", parameters=(), data={}, rows=(), legend=(), gan="lsgan",
  )  # fmt: skip


def read_bank(folder: pathlib.Path) -> None:
  os.rename(folder / "x", folder / style_bank.FILE)
  bank = style_bank.load(folder)
  style_bank.readable(bank)


def read_release(folder: pathlib.Path) -> None:
  os.rename(folder / "x", folder / "G.safetensors")
  release.write_sums(folder)
  config, metadata = release.read_metadata(folder)
  stage = config.stages[int(metadata["stage"])]
  has = {"G": True, "E": False, "D": False}
  shapes = options.shapes_of(config, stage, has)["G"]
  release.read_network(folder / "G.safetensors", shapes)


def read_sums(folder: pathlib.Path) -> None:
  (folder / "G.safetensors").write_bytes(b"x")
  os.rename(folder / "x", folder / "SHA256SUMS")
  release.check_sums(folder)


def read_options(folder: pathlib.Path) -> None:
  said = options.read_options(folder / "x")
  original.merge(original.Answers(), said)
  options.copy_options(config_lib.defaults(), config_lib.FIELDS, said)


def read_record(folder: pathlib.Path) -> None:
  found = files_builder._summary_of(prepared.load_record(folder / "x"))
  assert found is None or prepared.bound_instances(found.max_objects) >= 64


def read_picture(folder: pathlib.Path) -> None:
  with contextlib.suppress(InputError):
    assert files.read_picture(folder / "x", 3).shape[-1] == 3
  ids = files.as_int32(files.read_map(folder / "x"))
  assert len(object_pairs(ids, ids)) == len(dense_objects(ids, ids)[1])


def read_photo(folder: pathlib.Path) -> None:
  with contextlib.suppress(InputError):
    files.read_map(folder / "x")
  assert files.read_picture(folder / "x", 3).shape[-1] == 3


def released() -> bytes:
  params: dict = {}
  for layer in generator_table(SPEC):
    node = params
    for key in layer.path:
      node = node.setdefault(key, {})
    node["kernel"] = np.ones(layer.kernel, np.float32)
    node["bias"] = np.ones(layer.kernel[3], np.float32)
  config = original.config_of(
    options.Networks(SPEC), original.Answers(3, size=(8, 8)), {}
  )
  told = release.metadata_of(config, {"stage": 0, "step": 3}, "live")
  arrays = {
    f"{'.'.join(layer.path)}.{leaf}": np.ones(shape, np.float32)
    for layer in generator_table(SPEC)
    for leaf, shape in (("kernel", layer.kernel), ("bias", layer.kernel[3:]))
  }
  return safetensors.numpy.save(arrays, told)


def banked() -> bytes:
  bank = make_bank(config={})
  arrays = {
    name: np.ascontiguousarray(getattr(getattr(bank, part), field))
    for name, (part, field) in style_bank.TENSORS.items()
  }
  return safetensors.numpy.save(arrays, {"hdgan": json.dumps(bank.about)})


def pickled() -> bytes:
  torch = pytest.importorskip("torch")
  out = io.BytesIO()
  torch.save({"a.weight": torch.ones(2, 3), "a.bias": torch.ones(2)}, out)
  return out.getvalue()


METRICS = [
  {"step": 1, "epoch": 1, "stage": "g", "split": "train", "G_GAN": 0.5},
  {"step": 5, "epoch": 1, "stage": "g", "split": "held_out", "G_GAN": None},
  {"step": 9, "epoch": 1, "stage": "g", "split": "train", "G_GAN": 1.5},
]
EDITS = [
  {"op": "restyle", "object": "2000", "style": [1, -0.5]},
  {"op": "add", "class": "car", "mask": "mask.png"},
  {"op": "add", "class": 2, "box": [0, 0, 1, 2], "style": [0, 1]},
  {"op": "move", "object": 2000, "dy": 1, "dx": -1},
  {"op": "change_class", "every": "car", "to": "sky"},
  {"op": "undo"},
  {"op": "remove", "object": ["2000"], "fill": "road"},
]
SUM = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"


@dataclasses.dataclass(frozen=True)
class Kind:
  """A kind of file: how it looks, how it is bent, and who reads it."""

  make: Callable[[], bytes]
  bend: Callable[[bytes], st.SearchStrategy[bytes]]
  read: Callable[[pathlib.Path], None]


def picture(array: np.ndarray, kind: str, **how: object) -> Kind:
  bend = {"PNG": of_png, "NPY": of_npy}.get(kind, bent_bytes)
  read = read_photo if array.ndim == 3 else read_picture
  return Kind(lambda: encoded(array, kind, **how), bend, read)


KINDS = {
  "styles": Kind(
    lambda: text({
      "version": 1, "map": "a", "step": 3, "size": "stage", "bank": "0f",
      "classes": {"car": [0.5, 1]}, "objects": {"2:2000": [1, 2.5]},
    }), of_json, read_style),
  "edits": Kind(
    lambda: text({"version": 1, "map": "a", "edits": EDITS}),
    of_json, read_edits),
  "classes": Kind(
    lambda: text([
      {"id": 1, "name": "car", "color": [1, 2, 3], "has_instances": True},
      {"id": 0, "name": "sky", "ignore": False, "background": True},
    ]), of_json, read_classes),
  "config": Kind(
    lambda: config_lib.to_json(validate(tiny_config())).encode(),
    of_json, read_config),
  "metrics": Kind(
    lambda: b"".join(text(line) + b"\n" for line in METRICS),
    of_lines, read_log),
  "record": Kind(
    lambda: text({"rules": "x", "summary": {
      "counts": {"train": 3}, "sizes": {"4x5": 3}, "max_objects": 2,
      "classes": {"0": 7}, "has_instances": True, "contents": {"train": "x"},
    }}), of_json, read_record),
  "bank": Kind(banked, of_safetensors, read_bank),
  "release": Kind(released, of_safetensors, read_release),
  "sums": Kind(
    lambda: f"{SUM}  G.safetensors\n".encode(), bent_bytes, read_sums),
  "options": Kind(
    lambda: b"---\nlabel_nc: 3\nno_instance: False\nlambda_feat: 10.0\n"
    b"beta1: 0.5\nniter: 100\nresize_or_crop: crop\nfineSize: 512\n",
    bent_bytes, read_options),
  "pth": Kind(pickled, of_pth, lambda folder: pth.read(folder / "x")),
  "png": picture(IDS, "PNG"),
  "png 16": picture(IDS.astype(np.uint16) * 300, "PNG"),
  "png colour": picture(RGB, "PNG"),
  "npy": picture(IDS.astype(np.int32), "NPY"),
  "tiff": picture(IDS, "TIFF"),
  "tiff packed": picture(IDS, "TIFF", compression="tiff_lzw"),
  "tiff colour": picture(RGB, "TIFF", compression="tiff_adobe_deflate"),
  "jpeg": picture(RGB, "JPEG"),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_whatever_a_file_holds(name, tmp_path):
  kind, refused = KINDS[name], []
  valid, folder = kind.make(), tmp_path / "f"

  def put(data: bytes) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "x").write_bytes(data)
    with seconds(30):
      kind.read(folder)

  put(valid)

  @FEW
  @given(data=kind.bend(valid) | st.binary(max_size=60))
  def check(data: bytes) -> None:
    try:
      put(data)
    except InputError as error:
      lines = printed_lines(error)
      refused.append(lines)
      assert lines and all(line.isprintable() for line in lines)
      assert all(len(line) < 2000 for line in lines)
      named = str(tmp_path) in lines[0] or options.OPTIONS in lines[0]
      assert named or name == "edits", lines[0]

  check()
  # A log and a record lose what is damaged; nothing stops for them.
  assert bool(refused) is (name not in ("metrics", "record"))


SPECS = (
  SPEC, GeneratorSpec(6, 3, 8, 2, 1, 1, 1), DiscriminatorSpec(7, 4, 2, 2),
  EncoderSpec(3, 2, 4, 2),
)  # fmt: skip


@st.composite
def bent_shapes(draw: Draw) -> dict[str, tuple[int, ...]]:
  """A network's names and shapes, some of them others."""
  shapes = shapes_of(table_of(draw(st.sampled_from(SPECS))))
  for _ in range(draw(st.integers(1, 4))):
    name = draw(st.sampled_from([*shapes]))
    match draw(st.integers(0, 3)):
      case 0:
        digits = draw(st.sampled_from(["0", "1", "7", "99", "999", "99999"]))
        shapes[re.sub(r"\d+", digits, name, count=1)] = shapes.pop(name)
      case 1:
        shapes[name] = tuple(draw(st.lists(st.integers(0, 2**40), max_size=5)))
      case 2 if len(shapes) > 1:
        del shapes[name]
      case 3:
        shapes[draw(st.text(max_size=9))] = shapes[name]
  return shapes


@FEW
@given(bent_shapes(), st.sampled_from(["", "G", "E", "D"]))
def test_whatever_a_network_is_called(shapes, net):
  with seconds(30):
    try:
      spec = recognise.infer(shapes, "x.pth", net)
    except InputError as error:
      begin = ("x.pth: ", "... and ")
      assert all(line.startswith(begin) for line in printed_lines(error))
    else:
      assert shapes_of(table_of(spec)) == dict(shapes)


# ------------------------------------------------------------------- the ground

NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(
  allow_nan=False, allow_infinity=False
)
VALUES = st.recursive(
  NUMBERS | st.text() | st.booleans() | st.none(),
  lambda below: st.lists(below) | st.dictionaries(st.text(), below),
  max_leaves=12,
)


@FEW
@given(st.lists(VALUES))
def test_what_json_can_say_is_read_as_it_is(value):
  assert outside.parse_json(json.dumps(value), list, "x") == value
  said = json.dumps(value, ensure_ascii=False).encode("utf-8-sig")
  assert outside.parse_json(said, list, "x") == value


def leaves(value: object) -> Iterator[object]:
  if isinstance(value, dict):
    yield from value
    value = list(value.values())
  if isinstance(value, list):
    for below in value:
      yield from leaves(below)
  else:
    yield value


@FEW
@given(of_json(text({"a": [1, 2.5, {"b": "c"}], "d": None})) | st.binary())
def test_what_is_read_can_be_written(data):
  try:
    value = outside.parse_json(data, dict, "x")
  except InputError as error:
    assert str(error).startswith("x: ")
    return
  assert outside.parse_json(json.dumps(value), dict, "x") == value
  for leaf in leaves(value):
    if isinstance(leaf, float):
      assert math.isfinite(leaf)
    elif isinstance(leaf, str):
      leaf.encode()
    elif leaf is not None:
      assert np.int64(leaf) == leaf


@FEW
@given(st.text(), st.integers(0, 3000))
def test_a_line_can_be_printed(said, repeats):
  for line in [*printed_lines(said * repeats), shown(said * repeats)]:
    assert line.isprintable() and len(line) < 2000
  assert "\n".join(printed_lines("one: two\nthree")) == "one: two\nthree"


@FEW
@given(st.text(max_size=300), st.booleans())
def test_whatever_a_path_is(tmp_path_factory, name, long):
  base = str(tmp_path_factory.getbasetemp() / "paths")
  path = f"{base}/{name * 50 if long else name}"
  with pytest.raises(InputError) as error:
    outside.read_bytes(path)
  (line,) = printed_lines(error.value)
  assert "paths" in line and len(line) < 2000
  with contextlib.suppress(InputError):
    outside.check_path(path, "--input")
    os.fspath(pathlib.Path(path)).encode()
