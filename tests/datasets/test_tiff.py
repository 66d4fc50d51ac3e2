"""TIFFs written by hand, tag by tag (TIFF 6.0), and what is read of them."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from hdgan.datasets import files
from hdgan.errors import InputError

_FORMATS = {"u": 1, "i": 2, "f": 3}


def tiff(
  samples: np.ndarray,
  photometric: int,
  *,
  extras: tuple[int, ...] = (),
  order: str = "<",
  bits: int = 0,
  planar: bool = False,
  tile: tuple[int, int] | None = None,
  rows: int | None = None,
  compression: int = 1,
  predictor: int = 1,
  more: dict[int, tuple[int, ...]] | None = None,
) -> bytes:
  """Writes [H, W, C] samples as they are; `bits` packs some of below 8."""
  height, width, channels = samples.shape
  kind = samples.dtype.newbyteorder(order)
  planes = np.split(samples, channels, -1) if planar else [samples]
  size = tile or (rows or height, width)
  chunks = []
  for plane in planes:
    for y in range(0, height, size[0]):
      for x in range(0, width, size[1]):
        part = plane[y : y + size[0], x : x + size[1]]
        if tile:
          ends = [(0, n - m) for n, m in zip(tile, part.shape, strict=False)]
          part = np.pad(part, [*ends, (0, 0)])
        if predictor == 2:
          first = part.view(f"u{part.itemsize}")
          part = np.diff(first, axis=1, prepend=first[:, :1] * 0)
          part = part.view(samples.dtype)
        if bits:
          digits = np.unpackbits(part.astype(np.uint8), axis=-1)
          packed = np.packbits(
            digits.reshape(*part.shape[:2], 8)[..., 8 - bits :].reshape(
              len(part), -1
            ),
            axis=-1,
          ).tobytes()
        else:
          packed = part.astype(kind).tobytes()
        chunks.append(zlib.compress(packed) if compression == 8 else packed)
  places = np.cumsum([8, *map(len, chunks)]).tolist()
  tags = {
    256: (width,), 257: (height,),
    258: (bits or 8 * samples.itemsize,) * channels,
    259: (compression,), 262: (photometric,), 277: (channels,),
    284: (2 if planar else 1,), 317: (predictor,),
    339: (_FORMATS[samples.dtype.kind],) * channels,
  }  # fmt: skip
  tags |= {338: extras} if extras else {}
  where, sizes = tuple(places[:-1]), tuple(map(len, chunks))
  if tile:
    tags |= {322: (tile[1],), 323: (tile[0],), 324: where, 325: sizes}
  else:
    tags |= {273: where, 278: (size[0],), 279: sizes}
  tags |= more or {}
  after, entries, rest = places[-1] + 2 + 12 * len(tags) + 4, [], b""
  for tag, values in sorted(tags.items()):
    long = tag in (256, 257, 273, 279, 324, 325)
    content = struct.pack(
      f"{order}{len(values)}{'I' if long else 'H'}", *values
    )
    if len(content) > 4:
      place, rest = after + len(rest), rest + content
      content = struct.pack(f"{order}I", place)
    head = struct.pack(f"{order}HHI", tag, 4 if long else 3, len(values))
    entries.append(head + content.ljust(4, b"\0"))
  start = b"II*\0" if order == "<" else b"MM\0*"
  return b"".join((
    start, struct.pack(f"{order}I", places[-1]), *chunks,
    struct.pack(f"{order}H", len(tags)), *entries, bytes(4), rest,
  ))  # fmt: skip


def numbers(dtype: str, channels: int, seed: int = 0) -> np.ndarray:
  """[19, 37, C] of all that a type can hold (floats in 0..1)."""
  rng = np.random.default_rng(seed)
  if dtype[0] == "f":
    return rng.random((19, 37, channels)).astype(dtype)
  info = np.iinfo(dtype)
  return rng.integers(
    info.min, info.max, (19, 37, channels), dtype, endpoint=True
  )


LAYOUTS = [
  {},
  {"order": ">"},
  {"rows": 4},
  {"tile": (16, 16)},
  {"compression": 8, "rows": 5},
  {"compression": 8, "predictor": 2, "tile": (16, 16)},
  {"compression": 8, "predictor": 2, "order": ">"},
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "i8"])
def test_ids_of_every_width(dtype, layout):
  ids = numbers(dtype, 1)
  read = files.read_map(tiff(ids, 1, **layout))
  assert read.dtype == np.dtype(dtype)
  np.testing.assert_array_equal(read, ids[..., 0])


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("photometric", [1, 3])
def test_ids_of_few_bits_are_samples(bits, photometric):
  ids = numbers("u1", 1) % 2**bits
  colors = numbers("u2", 3, 1).reshape(-1)[: 3 * 2**bits]
  more = {320: tuple(colors.tolist())} if photometric == 3 else {}
  data = tiff(ids, photometric, bits=bits, more=more)
  np.testing.assert_array_equal(files.read_map(data), ids[..., 0])
  facts = files.facts(data, "x")
  assert (facts.bits, facts.channels) == (bits, 1)
  if photometric == 3:
    # A ColorMap has all reds, then greens, then blues, of 16 bits.
    palette = (colors.reshape(3, -1).T >> 8).astype(np.uint8)
    assert facts.palette == tuple(map(tuple, palette.tolist()))
    np.testing.assert_array_equal(files.read_colors(data), palette[ids[..., 0]])


PICTURES = [
  ("u1", 3, 2, ()),
  ("u1", 3, 1, (0, 0)),  # RGB that is marked as grey with two more.
  ("u1", 4, 2, (0,)),  # A band of near infrared.
  ("u1", 4, 2, ()),
  ("u1", 5, 1, (0, 0, 0, 0)),
  ("u1", 2, 1, (0,)),
  ("u2", 3, 2, ()),
  ("u2", 3, 1, (0, 0)),
  ("u2", 4, 2, (0,)),
  ("f4", 1, 1, ()),
  ("f4", 3, 2, ()),
]


@pytest.mark.parametrize(
  "layout", [*LAYOUTS, {"planar": True, "rows": 4}], ids=str
)
@pytest.mark.parametrize(("dtype", "channels", "color", "extras"), PICTURES)
def test_bands_of_every_kind(dtype, channels, color, extras, layout):
  if dtype == "f4" and layout.get("predictor") == 2:
    layout = {**layout, "predictor": 1}
  bands = numbers(dtype, channels)
  data = tiff(bands, color, extras=extras, **layout)
  np.testing.assert_array_equal(files.read_picture(data, channels), bands)
  facts = files.facts(data, "x")
  assert facts.channels == channels
  assert facts.bits == 8 * bands.itemsize
  if channels > 3:
    with pytest.raises(InputError) as error:
      files.read_picture(data, 3, "x.tif")
    way = f"say --config.data.image_channels={channels}, or "
    assert str(error.value) == (
      f"x.tif: has {channels} channels, data.image_channels = 3; "
      f"{way if channels < 5 else ''}save it with 3"
    )


def test_a_turned_page_of_bands():
  bands = numbers("u2", 4)
  data = tiff(bands, 2, extras=(0,), more={274: (6,)})
  turned = files.read_picture(data, 4)
  np.testing.assert_array_equal(turned, np.rot90(bands, -1))
  assert files.facts(data, "x").size == (37, 19)


@pytest.mark.parametrize("bits", [1, 8, 16])
@pytest.mark.parametrize("compression", [1, 8])
def test_pictures_whose_zero_is_white_are_inverted(bits, compression):
  stored = numbers("u2" if bits == 16 else "u1", 1)
  stored = stored >> (1 if bits == 1 else 0) * 7
  data = tiff(stored, 0, bits=bits % 8, compression=compression)
  top = 2**bits - 1
  wanted = (top - stored) * (255 if bits == 1 else 1)
  np.testing.assert_array_equal(files.read_picture(data, 1), wanted)
  # ImageJ and tifffile show the stored numbers, Pillow and GIMP these.
  with pytest.raises(InputError, match="x: a TIFF whose 0 is white .* as PNG"):
    files.read_map(data, "x")


def test_alpha_of_16_bits():
  deep = numbers("u2", 4)
  deep[..., 3] = 65535
  for extra in (1, 2):
    data = tiff(deep, 2, extras=(extra,))
    np.testing.assert_array_equal(files.read_picture(data, 3), deep[..., :3])
    np.testing.assert_array_equal(files.read_picture(data, 4), deep)
  deep[3, 4, 3] = 9
  data = tiff(deep, 2, extras=(2,))
  np.testing.assert_array_equal(files.read_picture(data, 4), deep)
  with pytest.raises(InputError, match="x: 1 pixel of it can be seen through"):
    files.read_picture(data, 3, "x")
  with pytest.raises(InputError, match="colours are multiplied by its alpha"):
    files.read_picture(tiff(deep, 2, extras=(1,)), 4, "x")


GREY = numbers("u1", 1)
SOUND = "a TIFF that is sound but of a kind that is not read"


def pages(*arrays: np.ndarray) -> bytes:
  first, *others = [Image.fromarray(array) for array in arrays]
  out = io.BytesIO()
  first.save(out, "TIFF", save_all=True, append_images=others)
  return out.getvalue()


def of_jpeg(array: np.ndarray) -> bytes:
  out = io.BytesIO()
  Image.fromarray(array).save(out, "TIFF", compression="jpeg")
  return out.getvalue()


@pytest.mark.parametrize(
  ("data", "words"),
  [
    (pages(GREY[..., 0], GREY[..., 0]), "a TIFF of 2 pages, of which one is"),
    (tiff(GREY, 1, more={254: (1,)}), "is a thumbnail, as in a camera's raw"),
    (of_jpeg(GREY[..., 0]), "cannot be a TIFF with a lossy compression"),
    (tiff(numbers("f4", 1), 1), "holds integer ids, this one float32"),
    (tiff(numbers("u1", 5), 1, extras=(0,) * 4), "coloured (L, 5 channels)"),
    (tiff(numbers("u2", 4), 5), f"{SOUND} (4 samples of 16 bits, Photometric"),
    (tiff(GREY, 1, compression=8, predictor=2)[:200], "damaged or unreadable"),
    (tiff(numbers("u2", 1), 1)[:200], "damaged or unreadable"),
    (tiff(numbers("i2", 1), 1, more={259: (77,)}), "a lossy compression"),
    (tiff(numbers("u2", 1), 1, more={266: (2,)}), SOUND),
  ],
)
def test_tiffs_that_hold_no_ids(data, words):
  with pytest.raises(InputError) as error:
    files.read_map(data, "train_label/x.tif")
  assert str(error.value).startswith("train_label/x.tif: ")
  assert words in str(error.value)


@pytest.mark.parametrize(
  "data",
  [
    tiff(numbers("u2", 4), 5),
    tiff(numbers("f4", 1), 0),
    tiff(numbers("u1", 3), 8),
    tiff(numbers("u1", 3), 32844),
  ],
)
def test_sound_tiffs_are_never_called_damaged(data):
  with pytest.raises(InputError, match="sound but|not read; save it as RGB"):
    files.read_picture(data, 3, "x.tif")


def test_smaller_copies_and_masks_are_no_pages():
  """As GDAL writes overviews, and scanners thumbnails."""
  data = bytearray(tiff(GREY, 1, rows=19))
  small = tiff(GREY[::2, ::2], 1, more={254: (1,)})
  # Its directory and what it points to move behind the first file.
  (place,) = struct.unpack_from("<I", small, 4)
  shift = len(data)
  moved = bytearray(small)
  (count,) = struct.unpack_from("<H", moved, place)
  for i in range(count):
    tag, _, values, value = struct.unpack_from(
      "<HHII", moved, place + 2 + 12 * i
    )
    if tag == 273:
      struct.pack_into("<I", moved, place + 10 + 12 * i, value + shift)
  (first,) = struct.unpack_from("<I", data, 4)
  (count,) = struct.unpack_from("<H", data, first)
  struct.pack_into("<I", data, first + 2 + 12 * count, shift + place)
  np.testing.assert_array_equal(
    files.read_map(bytes(data + moved)), GREY[..., 0]
  )


def test_big_tiffs(tmp_path):
  ids = numbers("i4", 1)[..., 0]
  out = io.BytesIO()
  Image.fromarray(ids).save(out, "TIFF", big_tiff=True)
  assert out.getvalue()[2] == 43
  np.testing.assert_array_equal(files.read_map(out.getvalue()), ids)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "zstd"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i4"])
def test_other_compressions(compression, dtype):
  ids = numbers(dtype, 1)[..., 0]
  out = io.BytesIO()
  Image.fromarray(ids).save(out, "TIFF", compression=compression)
  np.testing.assert_array_equal(files.read_map(out.getvalue()), ids)


def test_few_rows_are_unpacked_at_once(monkeypatch):
  monkeypatch.setattr("hdgan.datasets.tiff._MOST", 300)
  for layout in LAYOUTS:
    deep = numbers("u2", 4)
    data = tiff(deep, 2, extras=(0,), **layout)
    np.testing.assert_array_equal(files.read_picture(data, 4), deep)
