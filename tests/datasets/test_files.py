"""Maps and pictures of every kind, and every file that must be refused."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from hdgan.datasets import files
from hdgan.errors import InputError


def png(samples: np.ndarray, bits: int) -> bytes:
  """A PNG written by hand: [H, W, C] samples of 1 to 16 bits, unfiltered."""
  height, width, channels = samples.shape
  kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
  rows = []
  for row in samples.reshape(height, -1):
    if bits == 16:
      rows.append(b"\0" + row.astype(">u2").tobytes())
    else:
      digits = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)
      rows.append(b"\0" + np.packbits(digits[:, 8 - bits :]).tobytes())

  def chunk(name: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)

  head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
  return (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", head)
    + chunk(b"IDAT", zlib.compress(b"".join(rows)))
    + chunk(b"IEND", b"")
  )


def interlaced(samples: np.ndarray, rows: int | None = None) -> bytes:
  """A PNG of 8-bit greys [H, W] in the seven passes of Adam7, by hand."""
  passes = [
    samples[0::8, 0::8], samples[0::8, 4::8], samples[4::8, 0::4],
    samples[0::4, 2::4], samples[2::4, 0::2], samples[0::2, 1::2],
    samples[1::2, 0::1],
  ]  # fmt: skip
  lines = [b"\0" + line.tobytes() for one in passes for line in one if one.size]
  data = zlib.compress(b"".join(lines[:rows]))
  head = struct.pack(">IIBBBBB", *samples.shape[::-1], 8, 0, 0, 0, 1)
  parts = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
  return b"\x89PNG\r\n\x1a\n" + b"".join(
    struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d))
    for n, d in parts
  )


def encode(array: np.ndarray, kind: str, **options: object) -> bytes:
  out = io.BytesIO()
  if kind == "NPY":
    np.save(out, array)
  else:
    Image.fromarray(array).save(out, kind, **options)
  return out.getvalue()


IDS = (np.arange(35).reshape(5, 7) * 7) % 251


@pytest.mark.parametrize(
  ("kind", "dtype", "factor"),
  [
    ("PNG", np.uint8, 1),
    ("PNG", np.uint16, 200),
    ("TIFF", np.uint8, 1),
    ("TIFF", np.uint16, 200),
    ("TIFF", np.int32, 8_000_000),
    ("NPY", np.uint8, 1),
    ("NPY", np.uint16, 200),
    ("NPY", np.int32, 8_000_000),
    ("NPY", np.uint32, 16_000_000),
    ("NPY", np.int64, 16_000_000),
    ("NPY", ">u4", 16_000_000),
  ],
)
def test_maps_of_every_depth_survive(tmp_path, kind, dtype, factor):
  ids = (IDS.astype(np.int64) * factor).astype(dtype)
  path = tmp_path / f"map.{kind.lower()}"
  path.write_bytes(encode(ids, kind))
  read = files.read_map(path)
  np.testing.assert_array_equal(read, ids)
  np.testing.assert_array_equal(files.read_map(path.read_bytes()), ids)
  as_int = files.as_int32(read)
  assert as_int.dtype == np.int32
  np.testing.assert_array_equal(as_int.view(np.uint32), ids.astype(np.uint32))


def test_ids_take_the_type_of_their_data():
  small = np.array([[0, 255]], np.uint8)
  assert files.as_type(small, np.dtype(np.uint8)) is small
  for dtype in (np.uint16, np.int32, np.int64):
    read = files.as_type(small.astype(dtype), np.dtype(np.uint8))
    assert read.dtype == np.uint8 and read.tolist() == [[0, 255]]
  large = np.array([[2**32 - 1, 7]], np.uint32)
  assert files.as_type(large, np.dtype(np.int32)).tolist() == [[-1, 7]]
  for ids in ([[0, 256]], [[-1, 3]]):
    with pytest.raises(
      InputError, match=r"x: holds ids .*--config\.data\.prep"
    ):
      files.as_type(np.array(ids), np.dtype(np.uint8), "x")


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_png_is_read_as_samples_not_as_brightness(bits):
  ids = np.random.default_rng(bits).integers(0, 2**bits, (5, 9, 1))
  read = files.read_map(png(ids, bits))
  np.testing.assert_array_equal(read, ids[..., 0])


def test_palette_png_is_read_as_indices():
  image = Image.new("P", (7, 5))
  image.putpalette([255 - i // 3 for i in range(768)])
  image.putdata(IDS.ravel().tolist())
  out = io.BytesIO()
  image.save(out, "PNG")
  np.testing.assert_array_equal(files.read_map(out.getvalue()), IDS)
  # As a photo the same file has its colours: 255 - index in all channels.
  photo = files.read_picture(out.getvalue(), 3)
  np.testing.assert_array_equal(photo, 255 - np.stack([IDS] * 3, -1))


RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize(
  ("data", "words"),
  [
    (encode(RGB, "PNG"), ["coloured (RGB, 3 channels)", "class id"]),
    (
      encode(np.stack([IDS.astype(np.uint8)] * 3, -1), "PNG"),
      ["three colours are equal", "save one of them"],
    ),
    (encode(IDS.astype(np.uint8), "JPEG"), ["JPEG", "lossy", "PNG"]),
    (encode(RGB, "JPEG"), ["JPEG", "lossy", "PNG"]),
    (encode(IDS.astype(np.float32), "TIFF"), ["integer", "float32"]),
    (encode(IDS / 2, "NPY"), ["integer", "float64"]),
    (encode(RGB, "NPY"), ["[5, 7, 3]", "one channel"]),
    (encode(RGB, "PNG")[:120], ["damaged or unreadable"]),
    (encode(IDS, "NPY")[:90], ["damaged or unreadable"]),
    (b"hello", ["none of PNG, JPEG, TIFF, WebP, BMP, GIF or .npy"]),
    (b"", ["the file is empty; replace or remove it"]),
  ],
)
def test_bad_maps_are_refused_in_one_line(data, words):
  with pytest.raises(InputError) as error:
    files.read_map(data, "train_label/x.png")
  message = str(error.value)
  assert message.startswith("train_label/x.png: ")
  assert "\n" not in message
  for word in words:
    assert word in message


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_npy_of_every_form(version):
  for array in (RGB, np.asfortranarray(RGB), RGB[::-1], RGB.astype(">u2")):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, version)
    data = out.getvalue()
    # What follows is no part of it.
    for whole in (data, data + b"more"):
      np.testing.assert_array_equal(files.read_picture(whole, 3), array)
    with pytest.raises(InputError, match="x: damaged or unreadable"):
      files.read_picture(data[:-1], 3, "x")


def test_pickles_are_never_loaded():
  data = encode(np.array([{}], dtype=object), "NPY")
  with pytest.raises(InputError, match="damaged or unreadable"):
    files.read_map(data, "x.npy")


def test_missing_file_names_its_path(tmp_path):
  with pytest.raises(InputError, match="gone.png: cannot be read"):
    files.read_map(tmp_path / "gone.png")


def test_ids_beyond_32_bits_are_refused():
  with pytest.raises(InputError, match="x: ids 0..4294967296 need more"):
    files.as_int32(np.array([[0, 2**32]]), "x")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "NPY"])
def test_pictures_of_8_bits(kind):
  np.testing.assert_array_equal(files.read_picture(encode(RGB, kind), 3), RGB)
  # Colours are not mixed to grey; three that are equal are one.
  with pytest.raises(InputError, match="has 3 channels, data.image_channels"):
    files.read_picture(encode(RGB, kind), 1)
  grey = RGB[..., :1]
  equal = files.read_picture(encode(np.repeat(grey, 3, -1), kind), 1)
  np.testing.assert_array_equal(equal, grey)
  np.testing.assert_array_equal(
    files.read_picture(encode(grey[..., 0], kind), 3), np.repeat(grey, 3, -1)
  )


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_16_bits_keeps_all_of_them(channels):
  deep = np.random.default_rng(1).integers(0, 2**16, (5, 7, channels))
  read = files.read_picture(png(deep, 16), channels)
  assert read.dtype == np.uint16
  np.testing.assert_array_equal(read, deep)


def test_pictures_of_other_types():
  wide = RGB[..., 0].astype(np.uint16) * 257
  read = files.read_picture(encode(wide, "TIFF"), 3)
  np.testing.assert_array_equal(read, np.stack([wide] * 3, -1))
  real = RGB.astype(np.float32) / 7
  np.testing.assert_array_equal(
    files.read_picture(encode(real, "NPY"), 3), real
  )
  double = files.read_picture(encode(RGB / 7, "NPY"), 3)
  assert double.dtype == np.float32


# What a viewer shows of the stored [[1, 2, 3], [4, 5, 6]], by the tag: EXIF
# 2.32 says where its first row and column belong.
UPRIGHT = {
  1: [[1, 2, 3], [4, 5, 6]],
  2: [[3, 2, 1], [6, 5, 4]],
  3: [[6, 5, 4], [3, 2, 1]],
  4: [[4, 5, 6], [1, 2, 3]],
  5: [[1, 4], [2, 5], [3, 6]],
  6: [[4, 1], [5, 2], [6, 3]],
  7: [[6, 3], [5, 2], [4, 1]],
  8: [[3, 6], [2, 5], [1, 4]],
}
TURNED = [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})]


@pytest.mark.parametrize("tag", UPRIGHT)
@pytest.mark.parametrize(("kind", "options"), [*TURNED, ("JPEG", {})])
def test_pictures_and_maps_are_turned_upright(kind, options, tag):
  exif = Image.Exif()
  exif[0x0112] = tag
  wanted = np.array(UPRIGHT[tag]) * 40
  stored = np.array(UPRIGHT[1], np.uint8) * 40
  if kind == "JPEG":  # Blocks of one colour come through it nearly whole.
    stored = stored.repeat(16, 0).repeat(16, 1)
    data = encode(stored, kind, exif=exif.tobytes(), quality=100)
    read = files.read_picture(data, 3)[8::16, 8::16].astype(int)
    assert read.shape == (*wanted.shape, 3)
    assert abs(read - wanted[..., None]).max() <= 1
  else:
    rgb = np.stack([stored, 255 - stored, stored // 2], -1)
    data = encode(rgb, kind, exif=exif.tobytes(), **options)
    read = files.read_picture(data, 3)
    colors = np.stack([wanted, 255 - wanted, wanted // 2], -1)
    np.testing.assert_array_equal(read, colors)
    np.testing.assert_array_equal(files.read_colors(data), colors)
  assert files.facts(data, "x").size == files.read_picture(data, 3).shape[:2]
  if kind in ("PNG", "TIFF"):
    for dtype in (np.uint8, np.uint16):
      data = encode(stored.astype(dtype), kind, exif=exif.tobytes())
      np.testing.assert_array_equal(files.read_map(data), wanted)


@pytest.mark.parametrize(
  ("data", "words"),
  [
    (encode(np.zeros((5, 7, 6, 1), np.uint8), "NPY"), "[5, 7, 6, 1]"),
    (encode(np.full((5, 7), 2**20), "NPY"), "beyond 0..65535"),
    (encode(np.zeros((5, 7), complex), "NPY"), "complex128"),
    (encode(RGB, "JPEG")[:200], "damaged or unreadable"),
    (png(np.zeros((5, 7, 2)), 16), "35 pixels of it can be seen through"),
  ],
)
def test_bad_pictures_are_refused(data, words):
  with pytest.raises(InputError) as error:
    files.read_picture(data, 3, "train_img/x.png")
  assert str(error.value).startswith("train_img/x.png: ")
  assert words in str(error.value)


def test_pipes_and_devices_are_no_files(tmp_path):
  """They would give no bytes ever, or bytes without an end."""
  os.mkfifo(tmp_path / "a.png")
  for path in (tmp_path / "a.png", "/dev/zero", tmp_path):
    for read in (files.read_map, lambda p: files.read_picture(p, 3)):
      with pytest.raises(InputError, match="is no regular file"):
        read(path)


def damage(path) -> str:
  with pytest.raises(InputError, match="damaged or unreadable") as error:
    files.read_map(path)
  return str(error.value).split("(")[1].split(")")[0]


def test_each_flipped_bit_of_a_png_is_noticed(tmp_path):
  """Pillow compares no sum of the chunks that hold pixels."""
  path = tmp_path / "x.png"
  good = encode(IDS.astype(np.uint8), "PNG")
  for bit in range(8 * 8, 8 * len(good)):
    data = bytearray(good)
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    damage(path)
  for cut in range(8, len(good)):
    path.write_bytes(good[:cut])
    assert damage(path)


@pytest.mark.parametrize("bits", [1, 4, 8, 16])
def test_missing_rows_of_a_png_are_noticed(tmp_path, bits):
  path, ids = tmp_path / "x.png", np.ones((6, 9, 1), int)
  path.write_bytes(png(ids, bits))
  np.testing.assert_array_equal(files.read_map(path), ids[..., 0])
  short = png(ids[:5], bits)
  head = struct.pack(">II", 9, 6)
  head = b"IHDR" + head + short[24:29]
  data = short[:12] + head + struct.pack(">I", zlib.crc32(head)) + short[33:]
  path.write_bytes(data)
  assert damage(path) == "rows are missing"


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 8), (13, 21)])
def test_interlaced_pngs(tmp_path, size):
  path = tmp_path / "x.png"
  ids = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
  path.write_bytes(interlaced(ids))
  np.testing.assert_array_equal(files.read_map(path), ids)
  path.write_bytes(interlaced(ids, -1))
  assert damage(path) == "rows are missing"


def test_too_many_pixels_are_told_as_such(tmp_path):
  head = b"IHDR" + struct.pack(">IIBBBBB", 20000, 20000, 8, 0, 0, 0, 0)
  data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head
  data += struct.pack(">I", zlib.crc32(head)) + b"\0\0\0\1IDAT....."
  with pytest.raises(InputError) as error:
    files.read_map(data, "x.png")
  assert str(error.value) == (
    "x.png: its header tells of more than the 178,956,970 pixels that are "
    "read; cut it into smaller pictures"
  )


def test_arrays_with_fields_are_no_pictures():
  array = np.zeros((5, 7), [("a", np.uint8)])
  with pytest.raises(InputError, match="holds no plain array"):
    files.read_map(encode(array, "NPY"), "x.npy")


def indexed(ids: np.ndarray, colors: np.ndarray) -> Image.Image:
  """A picture of indices [H, W] with a palette [N, 3]."""
  image = Image.new("P", ids.shape[::-1])
  image.putpalette(colors.ravel().tolist())
  image.putdata(ids.ravel().tolist())
  return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
  out = io.BytesIO()
  image.save(out, kind, **options)
  return out.getvalue()


COLORS = np.array([[0, 0, 0], [200, 60, 60], [60, 200, 60]], np.uint8)


def test_facts_and_colours_of_a_palette():
  data = saved(indexed(IDS % 3, COLORS), "PNG")
  assert files.facts(data, "x") == files.FileFacts(
    "PNG", "P", 2, 1, (5, 7), palette=((0, 0, 0), (200, 60, 60), (60, 200, 60))
  )
  np.testing.assert_array_equal(files.read_colors(data), COLORS[IDS % 3])
  grey = files.read_colors(encode(IDS.astype(np.uint8), "PNG"))
  np.testing.assert_array_equal(grey, np.stack([IDS] * 3, -1))
  with pytest.raises(InputError, match="x: a map of ids cannot be a JPEG"):
    files.read_colors(encode(RGB, "JPEG"), "x")


def shown(read: np.ndarray, wanted: np.ndarray, most: int = 0) -> None:
  """Arrays are equal, or differ by little."""
  assert read.shape == wanted.shape
  assert abs(read.astype(int) - wanted.astype(int)).max() <= most


# Cyan, a dark red and white in inks (0 to 255), and by hand in light: each is
# (255 - ink) (255 - black) / 255.
INKS = np.array([[[255, 0, 0, 0], [0, 255, 255, 128], [0, 0, 0, 0]]], np.uint8)
LIGHT = np.array([[[0, 255, 255], [127, 0, 0], [255, 255, 255]]], np.uint8)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_inks_become_light(kind):
  inks = INKS.repeat(16, 0).repeat(16, 1)
  image = Image.fromarray(inks, "CMYK")
  # A JPEG of four inks is stored inverted, as Adobe does.
  data = saved(image, kind, **({"quality": 100} if kind == "JPEG" else {}))
  assert files.facts(data, "x").mode == "CMYK"
  shown(files.read_picture(data, 3)[8::16, 8::16], LIGHT, 2)


def test_an_opaque_alpha_is_left_out_and_another_told():
  alpha = np.full((5, 7, 1), 255, np.uint8)
  for colors in (RGB, RGB[..., :1]):
    whole = np.concatenate([colors, alpha], -1)
    data = encode(whole, "PNG")
    wanted = np.broadcast_to(colors, RGB.shape)
    np.testing.assert_array_equal(files.read_picture(data, 3), wanted)
    channels = whole.shape[-1]
    np.testing.assert_array_equal(files.read_picture(data, channels), whole)
    whole[2, 3, -1] = 254
    data = encode(whole, "PNG")
    np.testing.assert_array_equal(files.read_picture(data, channels), whole)
    with pytest.raises(InputError) as error:
      files.read_picture(data, 3, "x.png", role="label")
    assert str(error.value) == (
      "x.png: 1 pixel of it can be seen through; save it without alpha, or say "
      f"--config.data.label_channels={channels} if alpha is to be learned too"
    )
    with pytest.raises(InputError, match="through; save it without alpha$"):
      files.read_picture(data, 3, "x.png", trained=True)


def test_the_last_band_of_an_array_is_no_alpha():
  for channels in (2, 4, 6):
    bands = np.full((5, 7, channels), 255, np.uint8)
    data = encode(bands, "NPY")
    np.testing.assert_array_equal(files.read_picture(data, channels), bands)
    with pytest.raises(InputError) as error:
      files.read_picture(data, 3, "x.npy", role="label")
    assert str(error.value) == (
      f"x.npy: has {channels} channels, data.label_channels = 3; say "
      f"--config.data.label_channels={channels}, or save it with 3"
    )


def test_channels_are_not_made_up():
  with pytest.raises(InputError, match=r"has 3 channels, .* = 4; save it with"):
    files.read_picture(encode(RGB, "PNG"), 4, "x.png", trained=True)
  with pytest.raises(InputError) as error:
    files.read_picture(encode(RGB, "JPEG"), 1, "x.jpg", role="label")
  assert str(error.value) == (
    "x.jpg: has 3 channels, data.label_channels = 1; say "
    "--config.data.label_channels=3, or save it with 1"
  )


def test_damaged_tags_ask_for_no_rotation():
  data = encode(RGB, "PNG", exif=b"Exif\0\0garbage")
  assert files.facts(data, "x").size == RGB.shape[:2]
  np.testing.assert_array_equal(files.read_picture(data, 3), RGB)


@pytest.mark.parametrize("kind", ["GIF", "BMP"])
def test_facts_of_a_palette_whose_samples_are_cut(kind):
  data = saved(indexed(IDS % 3, COLORS), kind)
  with pytest.raises(InputError, match="x: damaged or unreadable"):
    files.facts(data[:-9], "x")


def test_colours_that_are_painted_by_alpha():
  """A layer is red everywhere, and an alpha says where; black is no colour."""
  layer = np.zeros((4, 5, 4), np.uint8)
  layer[:2], layer[2:, :, 0] = (255, 0, 0, 255), 255
  with pytest.raises(
    InputError, match=r"\(255, 0, 0\) is also hidden under 10"
  ):
    files.read_colors(encode(layer, "PNG"))
  layer[2:] = 0
  assert files.read_colors(encode(layer, "PNG"))[:, 0].tolist() == [
    [255, 0, 0], [255, 0, 0], [0, 0, 0], [0, 0, 0],
  ]  # fmt: skip


def test_colours_that_a_png_calls_transparent():
  """Its chunk tRNS: of a palette an alpha each, of others one colour."""
  clear = saved(Image.fromarray(RGB), "PNG", transparency=(1, 2, 3))
  np.testing.assert_array_equal(files.read_picture(clear, 3), RGB)
  color = tuple(RGB[2, 3].tolist())
  clear = saved(Image.fromarray(RGB), "PNG", transparency=color)
  with pytest.raises(InputError, match="x: 1 pixel of it can be seen through"):
    files.read_picture(clear, 3, "x")
  assert files.read_picture(clear, 4)[2, 3].tolist() == [*color, 0]
  np.testing.assert_array_equal(files.read_colors(clear), RGB)
  # Ids are ids whatever can be seen through; the border keeps its index.
  ids = np.where(IDS % 2, 255, IDS % 3).astype(np.uint8)
  colors = np.zeros((256, 3), np.uint8)
  colors[:3], colors[255] = COLORS, (224, 224, 192)
  border = saved(indexed(ids, colors), "PNG", transparency=255)
  np.testing.assert_array_equal(files.read_map(border), ids)
  np.testing.assert_array_equal(files.read_colors(border), colors[ids])
  with pytest.raises(InputError, match="17 pixels of it can be seen through"):
    files.read_picture(border, 3)
  grey = saved(Image.fromarray(ids), "PNG", transparency=255)
  np.testing.assert_array_equal(files.read_map(grey), ids)
  with pytest.raises(InputError, match="17 pixels of it can be seen through"):
    files.read_picture(grey, 3)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_transparent_grey_of_few_bits(bits):
  """Its number is a sample as stored, not a brightness."""
  levels = np.arange(2**bits).reshape(1, -1, 1)
  data = png(levels, bits)
  clear = b"tRNS" + struct.pack(">H", 1)
  chunk = struct.pack(">I", 2) + clear + struct.pack(">I", zlib.crc32(clear))
  data = data[:33] + chunk + data[33:]
  spread = 255 // (2**bits - 1)
  alpha = np.where(levels == 1, 0, 255)
  np.testing.assert_array_equal(
    files.read_picture(data, 2), np.concatenate([levels * spread, alpha], -1)
  )
  np.testing.assert_array_equal(files.read_map(data), levels[..., 0])


def test_masks_of_one_bit_and_of_two_numbers():
  mask = IDS % 2
  for kind in ("PNG", "TIFF", "BMP"):
    data = saved(Image.fromarray(mask.astype(bool)), kind)
    np.testing.assert_array_equal(files.read_map(data), mask)
    shown(files.read_picture(data, 1), 255 * mask[..., None])
    data = encode((255 * mask).astype(np.uint8), kind)
    np.testing.assert_array_equal(files.read_map(data), 255 * mask)


@pytest.mark.parametrize(
  ("kind", "options"), [("BMP", {}), ("DIB", {}), ("GIF", {}), ("TIFF", {})]
)
def test_palettes_of_other_formats(kind, options):
  data = saved(indexed(IDS % 3, COLORS), kind, **options)
  np.testing.assert_array_equal(files.read_map(data), IDS % 3)
  np.testing.assert_array_equal(files.read_colors(data), COLORS[IDS % 3])
  np.testing.assert_array_equal(files.read_picture(data, 3), COLORS[IDS % 3])
  assert files.facts(data, "x").palette[:3] == tuple(
    map(tuple, COLORS.tolist())
  )


def test_photos_of_other_formats():
  for kind, options in (("WEBP", {"lossless": True}), ("BMP", {})):
    data = encode(RGB, kind, **options)
    np.testing.assert_array_equal(files.read_picture(data, 3), RGB)
    np.testing.assert_array_equal(files.read_colors(data), RGB)
  flat = np.full((32, 32, 3), (90, 120, 60), np.uint8)
  shown(files.read_picture(encode(flat, "WEBP"), 3), flat, 3)
  two = Image.fromarray(RGB)
  data = saved(two, "MPO", save_all=True, append_images=[two])
  assert files.facts(data, "x").format == "MPO"
  assert files.read_picture(data, 3).shape == RGB.shape


def alpha_webp() -> bytes:
  """A lossy picture with an alpha: a file of several chunks."""
  return encode(np.dstack([RGB, RGB[..., 0]]), "WEBP")


@pytest.mark.parametrize(
  ("data", "what"),
  [
    (encode(RGB, "WEBP"), "lossy WebP"),
    (alpha_webp(), "lossy WebP"),
    (saved(Image.fromarray(RGB), "MPO"), "JPEG"),
  ],
)
def test_lossy_maps_are_told_both_ways_out(data, what):
  for read in (files.read_map, files.read_colors):
    with pytest.raises(InputError, match=f"x: a map of ids cannot be a {what}"):
      read(data, "x")
  with pytest.raises(InputError) as error:
    files.read_map(data, "x", what="label map")
  assert str(error.value).endswith(
    "; export it again as PNG (with --config.data.label_map=FILE if its "
    "colours are classes), or say --config.num_classes=0 "
    "--config.boundary=False if the label is itself a picture"
  )
  with pytest.raises(InputError, match="as PNG, TIFF or .npy$"):
    files.read_map(data, "x", what="label map", trained=True)


@pytest.mark.parametrize(
  ("what", "way"),
  [
    ("label map", "say --config.data.label_map=FILE, a table of colours and"),
    ("label map", "--config.num_classes=0 --config.boundary=False if the"),
    ("instance map", "channel of object ids, this one is coloured (RGB, 3"),
    ("instance map", "say --config.data.instances=coco_panoptic if ids are"),
    ("mask", "replace each colour by its class id and save one grey channel"),
  ],
)
def test_coloured_maps_are_told_the_way_of_their_kind(what, way):
  with pytest.raises(InputError) as error:
    files.read_map(encode(RGB, "PNG"), "x", what=what)
  assert way in str(error.value)
  with pytest.raises(InputError, match=r"by its (class|object) id and save"):
    files.read_map(encode(RGB, "PNG"), "x", what=what, trained=True)
  assert ("class" in str(error.value)) == (what != "instance map")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_animations_are_refused(kind):
  frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
  data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
  for read in (files.read_map, lambda d, n: files.read_picture(d, 3, n)):
    with pytest.raises(InputError, match="x: an animation of 2 frames; save"):
      read(data, "x")


@pytest.mark.parametrize(
  ("data", "what"),
  [
    (b"\0\0\0\x20ftypheic\0\0\0\0mif1", "is an HEIC photo, which is not read"),
    (b"\0\0\0\x20ftypavif\0\0\0\0mif1", "is an AVIF photo"),
    (b"\0\0\0\x18ftypcrx \0\0\0\x01", "is a camera's raw file"),
    (b"\0\0\0\x18ftypmp42\0\0\0\x01", "is a film or another ISO media file"),
    (b"8BPS\0\1", "is a Photoshop file"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "is a JPEG 2000 picture"),
    (b"\n <!DOCTYPE HTML><p>404", "is a web page"),
    (b"version https://git-lfs.github.com/spec/v1", "run git lfs pull"),
  ],
)
def test_other_kinds_are_named(data, what):
  with pytest.raises(InputError) as error:
    files.read_picture(data, 3, "x.png")
  assert what in str(error.value)
  assert "damaged" not in str(error.value)


def test_facts_of_an_array():
  fact = files.facts(encode(np.zeros((5, 7, 4), np.float32), "NPY"), "x")
  assert fact == files.FileFacts("NPY", "float32", 32, 4, (5, 7))


def test_a_gif_whose_greys_are_renumbered():
  """Pillow saves the greys 0, 2, 7 as the indices 0, 1, 2."""
  ids = np.array([[0, 2], [7, 2]], np.uint8)
  buffer = io.BytesIO()
  Image.fromarray(ids).save(buffer, "GIF")
  with pytest.raises(InputError, match="a.gif: a GIF whose greys are other"):
    files.read_map(buffer.getvalue(), "a.gif")
  buffer = io.BytesIO()
  Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8)).save(buffer, "GIF")
  assert files.read_map(buffer.getvalue()).tolist() == [[0, 1], [2, 1]]
