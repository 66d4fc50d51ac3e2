import numpy as np
import pytest
from evaluation.study.folders import STEMS, make_folders, write_picture
from PIL import Image

from hdgan.errors import InputError
from hdgan.evaluation.study.methods import find_methods, read_rgb


def test_pictures_pair_by_name_whatever_their_kind(tmp_path):
  entries = make_folders(tmp_path / "a", ("ours",), STEMS[:2])
  entries += make_folders(tmp_path / "b", ("real",), STEMS[:4], ending=".webp")
  found = find_methods(entries)
  assert found.names == ("ours", "real")
  # Photos without a result are left out.
  assert found.sizes == dict.fromkeys(STEMS[:2], (24, 32))
  assert found.paths["real"][STEMS[1]].name == f"{STEMS[1]}.webp"
  assert list(found.only(STEMS[1:2]).sizes) == [STEMS[1]]


def test_what_is_no_picture_of_a_map_is_left_out(tmp_path):
  entries = make_folders(tmp_path, ("ours", "crn"), ("grid", "b"))
  rng = np.random.default_rng(0)
  for method in ("ours", "crn"):
    folder = tmp_path / f"bilder_{method}"
    # As `--mode=synthesize` leaves it where a map is called grid.
    write_picture(folder / "grid_.png", rng, (70, 70))
    (folder / ".hdgan_written").write_text("")
    (folder / "b.styles.json").write_text("{}")
    (folder / ".b.png").write_text("")
  assert list(find_methods(entries).sizes) == ["b", "grid"]
  # Of anybody else it is a picture as others.
  (tmp_path / "bilder_ours" / ".hdgan_written").unlink()
  with pytest.raises(InputError, match="crn lacks 1 picture that ours has"):
    find_methods(entries)


def test_cityscapes_photos_pair_with_results(tmp_path):
  entries = make_folders(tmp_path / "a", ("ours",), ("ulm_1",))
  entries += make_folders(tmp_path / "b", ("real",), ("ulm_1_leftImg8bit",))
  assert list(find_methods(entries).sizes) == ["ulm_1"]


def refused(entries):
  with pytest.raises(InputError) as raised:
    find_methods(entries)
  text = str(raised.value)
  assert "\n" not in text and text.startswith("--methods")
  return text


def test_wrong_methods_are_refused_in_one_line(tmp_path):
  ours, crn, real = make_folders(tmp_path, ("ours", "crn", "real"), STEMS[:3])
  assert "names 0 methods; at least two" in refused([])
  assert "names 1 method; at least two" in refused([ours])
  assert "'folder' must be NAME=FOLDER" in refused([ours, "folder"])
  assert "must be NAME=FOLDER, the name of" in refused([ours, "a b=/tmp"])
  assert "ours is there twice" in refused([ours, ours])
  assert f"x={tmp_path}/none is no folder" in refused([f"x={tmp_path}/none"])
  same = f"other={tmp_path}/bilder_crn/../bilder_ours"
  assert "ours and other are the same folder" in refused([ours, same])
  (tmp_path / "empty").mkdir()
  assert "holds no picture" in refused([ours, f"e={tmp_path}/empty"])


def test_a_picture_that_is_missing_is_named(tmp_path):
  ours, crn, real = make_folders(tmp_path, ("ours", "crn", "real"), STEMS[:3])
  (tmp_path / "bilder_crn" / f"{STEMS[1]}.png").unlink()
  assert refused([ours, crn]) == (
    f"--methods: crn lacks 1 picture that ours has: {STEMS[1]}; add them, or "
    "remove those"
  )
  assert f"crn lacks 1 picture that ours has: {STEMS[1]};" in refused(
    [real, crn, ours]
  )
  assert f"ours lacks 1 picture that late has: {STEMS[3]};" in refused(
    [ours, *make_folders(tmp_path, ("late",), STEMS[:4])]
  )
  (tmp_path / "bilder_real" / f"{STEMS[2]}.png").unlink()
  assert f"real lacks 1 picture that ours has: {STEMS[2]};" in refused(
    [ours, real]
  )


def test_pictures_of_other_sizes_are_refused(tmp_path):
  ours, crn = make_folders(tmp_path, ("ours", "crn"), STEMS[:2])
  write_picture(
    tmp_path / "bilder_crn" / f"{STEMS[1]}.png",
    np.random.default_rng(0), (24, 30),
  )  # fmt: skip
  assert f"{STEMS[1]} is 32x24 in ours but 30x24 in crn;" in refused(
    [ours, crn]
  )


def test_two_pictures_of_one_name_are_refused(tmp_path):
  ours, crn = make_folders(tmp_path, ("ours", "crn"), STEMS[:2])
  folder = tmp_path / "bilder_crn"
  write_picture(folder / f"{STEMS[0]}.jpg", np.random.default_rng(0))
  text = refused([ours, crn])
  assert f"{STEMS[0]}.jpg and {STEMS[0]}.png of one name; keep one" in text


def test_pictures_are_read_as_rgb_of_8_bits(tmp_path):
  path = tmp_path / "grey.png"
  Image.fromarray(np.array([[0, 7]], np.uint8)).save(path)
  np.testing.assert_array_equal(read_rgb(path), [[[0] * 3, [7] * 3]])
  np.save(tmp_path / "a.npy", np.full((1, 2, 3), 0x12FF, np.uint16))
  assert (read_rgb(tmp_path / "a.npy") == 0x12).all()
  np.save(tmp_path / "f.npy", np.zeros((1, 2, 3), np.float32))
  with pytest.raises(InputError, match="this one is float32; save it as PNG"):
    read_rgb(tmp_path / "f.npy")
