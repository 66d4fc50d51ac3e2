"""Scenes from files: what is taken, and what is refused with which field."""

import io
import json
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image
from studio.stand_in import CAR, stand_in, street
from studio.test_scenes import maps_of
from tiny import file_limit

from hdgan.datasets import files
from hdgan.studio import bundle, limits, sent_files
from hdgan.studio.refusal import Refusal
from hdgan.studio.studio import Studio


def sent(**parts):
  """Header and payload: role = bytes, or (name, bytes)."""
  pairs = {
    role: one if isinstance(one, tuple) else (f"{role}.png", one)
    for role, one in parts.items()
  }
  listed = [
    {"role": role, "name": name, "size": len(data)}
    for role, (name, data) in pairs.items()
  ]
  return {"files": listed}, b"".join(data for _, data in pairs.values())


@pytest.fixture
def studio():
  return Studio(stand_in(), None, "stage")


def refused(studio, **parts):
  with pytest.raises(Refusal) as told:
    studio.call("open", *sent(**parts))
  assert told.value.message and told.value.status == 400
  return told.value


LABEL, INSTANCE = street(seed=3)
PHOTO = files.encode_png(np.full((64, 128, 3), 9, np.uint8))


def test_maps_and_a_photo_become_a_scene(studio):
  head, runs = studio.call("open", *sent(
    label=("C:\\maps\\my street.png", files.encode_png(LABEL)),
    instance=files.encode_png(INSTANCE), image=PHOTO,
  ))  # fmt: skip
  assert (head["name"], head["photo"], head["notes"]) == ("my street", True, [])
  for got, want in zip(maps_of(head, runs), (LABEL, INSTANCE), strict=True):
    np.testing.assert_array_equal(got, want)
  assert len(head["resolved"]) == len(head["table"])


def test_a_label_map_is_enough(studio):
  head, runs = studio.call("open", *sent(label=files.encode_png(LABEL)))
  np.testing.assert_array_equal(maps_of(head, runs)[1], LABEL)
  assert head["notes"] == ["Without an instance map each class is one region."]
  assert head["photo"] is False


def test_maps_may_be_tiffs_of_32_bits(studio):
  out = io.BytesIO()
  Image.fromarray(INSTANCE * 100_000).save(out, "TIFF")
  head, runs = studio.call("open", *sent(
    label=files.encode_png(LABEL), instance=("i.tif", out.getvalue())
  ))  # fmt: skip
  np.testing.assert_array_equal(maps_of(head, runs)[1], INSTANCE * 100_000)


def test_nothing_is_written(studio):
  with file_limit(0):
    studio.call("open", *sent(label=files.encode_png(LABEL)))


@pytest.mark.parametrize(
  ("name", "want"),
  [
    ("a.png", "a"),
    ("x/../../etc/passwd", "passwd"),
    ("..", "scene"),
    ("", "scene"),
    ("a\nb.png", "ab"),
    (".png", "png"),
    ("a:b.png", "a_b"),
    ("bonn_000_gtFine_labelIds.png", "bonn_000"),
    ("e\u0301.tif", "\u00e9"),
    ("n" * 300 + ".png", "n" * (limits.NAME - 4)),
  ],
)
def test_a_scene_is_called_as_its_map(studio, name, want):
  part = files.encode_png(LABEL)
  head, _ = studio.call("open", *sent(label=(name, part)))
  assert head["name"] == want


def npy():
  out = io.BytesIO()
  np.save(out, LABEL)
  return out.getvalue()


def encoded(format):
  out = io.BytesIO()
  Image.fromarray(LABEL.astype(np.uint8)).save(out, format)
  return out.getvalue()


@pytest.mark.parametrize(
  "data",
  [npy(), encoded("JPEG"), encoded("GIF"), encoded("WEBP"), encoded("BMP"),
   b"", b"\x80\x04\x95pickle", b"<svg>"],
)  # fmt: skip
@pytest.mark.parametrize("role", ["label", "instance"])
def test_other_formats_are_not_even_opened(studio, role, data, monkeypatch):
  monkeypatch.setattr(sent_files, "check", None)
  fault = refused(studio, **{"label": encoded("PNG"), role: data})
  assert (fault.code, fault.field) == ("format", role)
  assert "is no PNG or TIFF" in fault.message
  assert fault.hint == "save it as PNG"


def bomb(width, height):
  """A sound PNG of a few bytes that says it has many pixels."""

  def chunk(name, data):
    return (
      struct.pack(">I", len(data)) + name + data
      + struct.pack(">I", zlib.crc32(name + data))
    )  # fmt: skip

  head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
  return (
    b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
    + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
  )  # fmt: skip


@pytest.mark.parametrize(
  "size", [(8192, 8192), (20000, 10), (2**31 - 1, 2**31 - 1), (0, 5)]
)
def test_bombs_are_refused_before_they_are_unpacked(studio, size, monkeypatch):
  monkeypatch.setattr(sent_files, "check", None)
  fault = refused(studio, label=bomb(*size))
  assert fault.field == "label" and fault.code in ("size", "input")


def test_sizes_that_differ(studio):
  other = files.encode_png(INSTANCE[:32])
  fault = refused(studio, label=encoded("PNG"), instance=("b.png", other))
  assert fault.field == "instance"
  assert "the instance map is 32x128 (height x width)" in fault.message
  assert fault.hint == "bring both to one size"
  photo = files.encode_png(np.zeros((64, 127, 3), np.uint8))
  fault = refused(studio, label=encoded("PNG"), image=photo)
  assert fault.field == "image" and "64x127" in fault.message


def test_class_ids_that_the_model_does_not_know(studio):
  label = LABEL.copy()
  label[:2] = 7
  fault = refused(studio, label=("x.png", files.encode_png(label)))
  assert fault.field == "label" and "label map x.png: label value" in (
    fault.message
  )
  assert "7" in fault.message and "outside 0..6" in fault.message
  assert "the model knows classes 0..6" in fault.message
  assert fault.hint == "correct the map"


def test_the_ignored_id_is_taken(studio):
  with studio.renderer.config.unlocked():
    studio.renderer.config.ignore_label = 255
  label = LABEL.copy()
  label[:2] = 255
  head, runs = studio.call("open", *sent(label=files.encode_png(label)))
  assert (maps_of(head, runs)[0][:2] == 255).all()


def test_more_objects_than_a_page_can_hold(studio, monkeypatch):
  monkeypatch.setattr(limits, "OBJECTS", 5)
  fault = refused(
    studio, label=encoded("PNG"), instance=files.encode_png(INSTANCE)
  )
  assert (fault.code, fault.field) == ("objects", "instance")


def test_colours_where_ids_are_needed(studio):
  colors = files.encode_png(np.random.default_rng(0).integers(
    0, 255, (64, 128, 3), np.uint8
  ))  # fmt: skip
  for role in ("label", "instance"):
    fault = refused(studio, **{"label": encoded("PNG"), role: colors})
    assert fault.field == role and "3 channels" in fault.message


def test_cut_files(studio):
  for role in ("label", "instance", "image"):
    parts = {"label": encoded("PNG"), role: encoded("PNG")[:-30]}
    assert refused(studio, **parts).field == role


@pytest.mark.parametrize(
  ("header", "payload", "field"),
  [
    ({}, b"", "files"),
    ({"files": {}}, b"", "files"),
    ({"files": [1]}, b"", "files"),
    ({"files": [{"role": "label", "name": "a", "size": 4}]}, b"abc", "label"),
    ({"files": [{"role": "label", "name": "a", "size": -1}]}, b"abc", "label"),
    ({"files": [{"role": "label", "name": "a", "size": True}]}, b"a", "label"),
    ({"files": [{"role": "label", "name": "a", "size": 2}]}, b"abc", "files"),
    ({"files": [{"role": "npy", "name": "a", "size": 3}]}, b"abc", "files"),
    ({"files": [{"role": "label", "size": 0}] * 2}, b"", "files"),
    ({"files": [{"role": "image", "size": 3}]}, b"abc", "label"),
    ({"files": [{"role": "export", "size": 3},
                {"role": "label", "size": 0}]}, b"abc", "export"),
  ],
)  # fmt: skip
def test_requests_that_do_not_add_up(studio, header, payload, field):
  with pytest.raises(Refusal) as told:
    studio.call("open", header, payload)
  assert (told.value.code, told.value.field) == ("files", field)


def configure(studio, **fields):
  for name, value in fields.items():
    with studio.renderer.config.unlocked():
      studio.renderer.config.data[name] = value


def test_the_table_of_the_run_is_used(studio, tmp_path):
  table = {"#ff0000": CAR, "#000000": 0}
  (tmp_path / "t.json").write_text(json.dumps(table))
  configure(studio, label_map=str(tmp_path / "t.json"))
  colors = np.zeros((64, 128, 3), np.uint8)
  colors[10:20, 10:30, 0] = 255
  head, runs = studio.call("open", *sent(label=files.encode_png(colors)))
  label = maps_of(head, runs)[0]
  assert (label == CAR).sum() == 200 and (label == 0).sum() == 64 * 128 - 200
  colors[0, 0] = 1, 2, 3
  fault = refused(studio, label=files.encode_png(colors))
  assert fault.field == "label" and "#010203" in fault.message
  configure(studio, label_map=str(tmp_path / "gone.json"))
  head, _ = studio.call("open", *sent(label=files.encode_png(LABEL)))
  assert "is not here" in head["notes"][0]


def test_the_coding_of_objects_is_that_of_the_run(studio):
  configure(studio, instances="none")
  parts = {"label": encoded("PNG"), "instance": files.encode_png(INSTANCE)}
  head, runs = studio.call("open", *sent(**parts))
  np.testing.assert_array_equal(maps_of(head, runs)[1], LABEL)
  assert "is not used" in head["notes"][0]
  configure(studio, instances="components")
  label = np.zeros((64, 128), np.uint8)
  label[5:10, 5:10] = label[5:10, 20:30] = CAR
  head, runs = studio.call("open", *sent(label=files.encode_png(label)))
  ids = maps_of(head, runs)[1]
  assert np.unique(ids).tolist() == [0, 4001, 4002]


def zipped(**members):
  data = {
    "label/s.png": files.encode_png(LABEL),
    "inst/s.png": files.encode_png(INSTANCE),
  }
  return bundle.pack({**data, **members})


def test_a_zip_without_a_session_is_its_maps(studio):
  styles = json.dumps({
    "bank": studio.renderer.bank.digest, "objects": {"4000": 2, "1": [1, 2, 3]}
  })  # fmt: skip
  data = zipped(**{"styles.json": styles.encode()})
  head, runs = studio.call("open", *sent(export=("mine.zip", data)))
  np.testing.assert_array_equal(maps_of(head, runs)[1], INSTANCE)
  found = {row["instance"]: row["style"] for row in head["table"]}
  assert found[4000] == 2 and found[1] == (1, 2, 3) and found[0] is None
  assert head["name"] == "mine" and head["notes"] == []


@pytest.mark.parametrize(
  "data",
  [
    b"", b"PK\x03\x04", zipped()[:-40],
    bundle.pack({"photo.png": PHOTO}),
    bundle.pack({"../label/s.png": PHOTO}),
    bundle.pack({"label/../../s.png": PHOTO}),
    bundle.pack({"label/a.npy": npy()}),
    zipped(**{"label/b.png": files.encode_png(LABEL)}),
    zipped(**{"label/s.png": npy()}),
    zipped(**{"inst/s.png": bomb(8192, 8192)}),
    zipped(**{"inst/s.png": files.encode_png(INSTANCE[:5])}),
    zipped(**{"session.json": b"{"}),
    zipped(**{"session.json": b'{"version": 2}'}),
    zipped(**{"session.json": b'{"version": 1, "table": 3}'}),
    zipped(**{"session.json": b'{"version": 1, "table": [3]}'}),
    zipped(**{"session.json": b'{"version": 1, "name": "../x"}'}),
    zipped(**{"styles.json": b'{"objects": {"1": "red"}}'}),
  ],
)  # fmt: skip
def test_zips_that_are_no_exports(studio, data):
  assert refused(studio, export=("x.zip", data)).field == "export"


def test_a_zip_that_unpacks_to_too_much(studio, monkeypatch):
  monkeypatch.setattr(limits, "TEXT", 1000)
  out = io.BytesIO()
  with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("label/s.png", files.encode_png(LABEL))
    archive.writestr("session.json", b" " * 100_000)
  fault = refused(studio, export=("x.zip", out.getvalue()))
  assert "session unpacks to more than 1,000 bytes" in fault.message
