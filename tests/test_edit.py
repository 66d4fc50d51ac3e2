"""The door `--mode=edit`: whose pixels, whose files, what is shown.

G is replaced by a constant here: what it is given is what is tested.
"""

import json
import os

import numpy as np
import pytest
from PIL import Image
from tiny import command, save_run, tiny_config

from hdgan import edit as door
from hdgan.editing import file as edits_file
from hdgan.editing.scene import open_scene
from hdgan.errors import InputError
from hdgan.rendering import renderer

NAME = "a"
BOX = {"op": "add", "class": "car", "box": [40, 30, 60, 50]}


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
  """A model without E whose stage is 64x64 and whose photos have 12 bits."""
  config = tiny_config(**{"encoder.enabled": False})
  config.stages[0].trainable = ("G1",)
  config.stages[0].size, config.stages[1].size = (64, 64), (128, 128)
  config.data.image_channels, config.data.image_range = 1, (0.0, 4095.0)
  folder = tmp_path_factory.mktemp("run")
  save_run(folder, config)
  return folder


@pytest.fixture
def calls(monkeypatch):
  """Labels that G was given; it answers 0.5 everywhere."""
  seen = []

  def generate(model, params, label, instance, *_):
    seen.append(label)
    return np.full((*instance.shape, 1), 0.5, np.float32)

  monkeypatch.setattr(renderer, "generate", generate)
  return seen


@pytest.fixture
def maps(tmp_path):
  """D/label and D/inst: 107x128, road, with a car of 10x10 at the left."""
  label = np.full((107, 128), 1, np.uint8)
  label[50:60, 0:10] = 5
  instance = np.where(label == 5, 5000, 1).astype(np.uint16)
  return write_maps(tmp_path / "D", NAME, label, instance)


def write_maps(folder, name, label, instance):
  for role, array in (("label", label), ("inst", instance)):
    (folder / role).mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(folder / role / f"{name}.png")
  return folder


def edit(workdir, source, output, *entries, name="", **more):
  """Runs the door with edits in a file that lies beside the output."""
  path = output.parent / "edits.json"
  path.write_text(json.dumps({"edits": entries}))
  door.edit(workdir, str(source), output, path, name=name, **more)
  return output


def read(path):
  with Image.open(path) as image:
    return np.array(image)


def test_boxes_are_in_the_map_s_own_pixels(workdir, maps, tmp_path, calls):
  out = edit(workdir, maps, tmp_path / "O", BOX)
  want = read(maps / "label/a.png")
  want[40:60, 30:50] = 5
  np.testing.assert_array_equal(read(out / "label/a.png"), want)
  # By hand: row t of 64 shows row (2t + 1) * 107 // 128 of the map, so 24
  # shows 40 and 35 shows 59; column t shows 2t + 1, so 15..24 are in 30..49.
  # The old car, rows 50..59 and columns 0..9, is seen at 30..35 and 0..4.
  seen = np.full((64, 64), 1)
  seen[30:36, 0:5] = 5
  np.testing.assert_array_equal(calls[0], seen)
  seen[24:36, 15:25] = 5
  np.testing.assert_array_equal(calls[1], seen)
  assert read(out / "a.png").shape == (64, 64)


def test_moves_and_masks_too(workdir, maps, tmp_path, calls):
  mask = np.zeros((107, 128), np.uint8)
  mask[0, 0] = 255
  Image.fromarray(mask).save(tmp_path / "mask.png")
  out = edit(
    workdir, maps, tmp_path / "O",
    {"op": "move", "object": "5000", "dy": 1, "dx": 118},
    {"op": "add", "class": "car", "mask": "mask.png"}, size="input",
  )  # fmt: skip
  want = np.full((107, 128), 1)
  want[51:61, 118:128] = want[0, 0] = 5
  np.testing.assert_array_equal(read(out / "label/a.png"), want)
  np.testing.assert_array_equal(calls[1], want)
  assert read(out / "a.png").shape == (107, 128)


def test_an_object_that_the_stage_does_not_show_is_no_fault(
  workdir, maps, tmp_path, calls
):
  """Column 0 of the map lies between those that 64 columns show."""
  entry = {"op": "add", "class": "car", "box": [0, 0, 1, 1]}
  out = edit(workdir, maps, tmp_path / "O", entry)
  assert read(out / "label/a.png")[0, 0] == 5
  assert (calls[1] == 5).sum() == (calls[0] == 5).sum()


@pytest.mark.parametrize(
  ("entry", "line"),
  [
    (BOX | {"box": [107, 0, 110, 9]}, "box = [107, 0, 110, 9] ([top, left, "
     "bottom, right]) lies outside a, which has 107 x 128 pixels"),
    ({"op": "move", "object": "5000", "dy": 0, "dx": 128},
     "it would leave a, which has 107 x 128 pixels (height x width)"),
    ({"op": "add", "class": "car", "mask": "small.png"},
     "mask of 2 x 3 pixels (height x width) must have the size of a, 107 x"),
    ({"op": "remove", "object": "7"}, "edit 0: a has no object '7'; it has 1,"),
  ],
)  # fmt: skip
def test_messages_name_the_map_and_its_size(
  workdir, maps, tmp_path, entry, line
):
  Image.fromarray(np.ones((2, 3), np.uint8)).save(tmp_path / "small.png")
  with pytest.raises(InputError) as error:
    edit(workdir, maps, tmp_path / "O", entry)
  assert line in str(error.value)
  assert not (tmp_path / "O").exists()


def test_twelve_bits_are_seen_and_each_scene_is_rendered_once(
  workdir, maps, tmp_path, calls, capsys
):
  """0.5 of -1..1 is 0.75 of 4095, 3071, and 0.75 of 255, 191."""
  out = edit(workdir, maps, tmp_path / "O", BOX)
  assert len(calls) == 2
  assert (read(out / "a.png") == 3071).all()
  grid = read(out / "before_after.png")
  assert (grid == 191).all(-1).sum() > 0.9 * 2 * 256 * 256
  # What is said is what is there.
  assert capsys.readouterr().out == (
    "1 edit of a, 2 objects before and 3 after: picture, maps, "
    f"before_after.png and objects/a.png written to {out}\n"
  )
  assert {str(p.relative_to(out)) for p in out.rglob("[!.]*.*")} == {
    "a.png", "before_after.png", "inst/a.png", "label/a.png", "objects/a.png",
  }  # fmt: skip


def test_the_input_s_own_maps_are_not_written_over(workdir, maps, tmp_path):
  """Nor anything beside them, whichever folder of theirs is the output."""
  kept = {p: p.read_bytes() for p in maps.rglob("*.png")}
  for output in (maps, maps / "label", maps / "img", maps / "inst"):
    with pytest.raises(InputError, match="--output="):
      edit(workdir, maps, output, BOX)
  (maps / "edits.json").unlink()
  assert {p: p.read_bytes() for p in maps.rglob("*.*")} == kept


@pytest.mark.parametrize(
  "there", ["label/a.tif", "inst/a.npy", "before_after.png", "objects/a.png"]
)
def test_all_that_it_writes_is_looked_for(
  workdir, maps, tmp_path, there, calls
):
  path = tmp_path / "O" / there
  path.parent.mkdir(parents=True)
  path.write_text("mine")
  with pytest.raises(InputError, match=f"holds {there} already"):
    edit(workdir, maps, tmp_path / "O", BOX)
  assert path.read_text() == "mine" and not calls


def test_a_map_called_before_after(workdir, maps, tmp_path, calls):
  for role in ("label", "inst"):
    (maps / role / "a.png").rename(maps / role / "before_after.png")
  out = edit(workdir, maps, tmp_path / "O", BOX)
  assert read(out / "before_after.png").shape == (64, 64)
  assert read(out / "before_after_.png").shape[1] > 512


def test_overwrite_after_a_first_time(workdir, maps, tmp_path, calls):
  out = edit(workdir, maps, tmp_path / "O", BOX)
  edit(workdir, maps, out, overwrite=True)
  assert not (read(out / "label/a.png")[40, 30] == 5).any()
  Image.fromarray(np.zeros((9, 9), np.uint8)).save(out / "inst/a.png")
  with pytest.raises(InputError, match=r"inst/a\.png, which hdgan did not"):
    edit(workdir, maps, out, overwrite=True)


def test_a_picture_as_mask_is_not_written_over(workdir, maps, tmp_path):
  """Its edits lie in the output; the mask has the name of a map to come."""
  (tmp_path / "O" / "label").mkdir(parents=True)
  mask = tmp_path / "O" / "label" / "a.png"
  Image.fromarray(np.ones((107, 128), np.uint8)).save(mask)
  kept = mask.read_bytes()
  (tmp_path / "O" / "e.json").write_text(
    json.dumps({"edits": [{"op": "add", "class": 5, "mask": "label/a.png"}]})
  )
  with pytest.raises(InputError, match=r"label/a\.png"):
    door.edit(workdir, str(maps), tmp_path / "O", tmp_path / "O" / "e.json")
  assert mask.read_bytes() == kept


@pytest.mark.parametrize(
  "name",
  ["../x.png", "in/../../x.png", "{root}/x.png", "link.png", "in/up/x.png"],
)
def test_masks_lie_beside_the_edits(tmp_path, name):
  """The picture is there each time; only where it lies is wrong."""
  home = tmp_path / "home"
  (home / "in").mkdir(parents=True)
  Image.fromarray(np.ones((2, 2), np.uint8)).save(tmp_path / "x.png")
  (home / "link.png").symlink_to(tmp_path / "x.png")
  (home / "in" / "up").symlink_to(tmp_path)
  read_mask = edits_file.mask_reader(home)
  with pytest.raises(InputError, match="mask.*copy the picture there$"):
    read_mask(name.format(root=tmp_path))
  Image.fromarray(np.ones((2, 2), np.uint8)).save(home / "in" / "x.png")
  assert read_mask("in/x.png").tolist() == [[1, 1], [1, 1]]


def test_a_pipe_as_mask_does_not_hang(tmp_path):
  os.mkfifo(tmp_path / "m.png")
  with pytest.raises(InputError, match=r"m\.png: is no regular file"):
    edits_file.mask_reader(tmp_path)("m.png")


@pytest.mark.parametrize("mask", ["a\0b.png", 3, ["a.png"], "", None])
def test_masks_that_are_no_names(tmp_path, mask):
  path = tmp_path / "e.json"
  entry = {"op": "add", "class": 5, "mask": mask}
  path.write_text(json.dumps({"edits": [entry]}))
  with pytest.raises(InputError, match="edit 0: mask = .* must be the name"):
    edits_file.read_edits(path)


def test_without_a_reader_no_path_can_be_named():
  classes = ({"id": 0, "name": "sky", "has_instances": False},)
  scene = open_scene(np.zeros((2, 2), int), np.zeros((2, 2), int), classes)
  entry = {"op": "add", "class": 0, "mask": "/etc/passwd"}
  with pytest.raises(InputError, match="no files can be named here"):
    edits_file.apply(scene, entry, None, renderer=None)


def test_ctrl_c_is_one_line_and_status_130(
  workdir, maps, tmp_path, monkeypatch
):
  def stop(*args, **more):
    raise KeyboardInterrupt

  monkeypatch.setattr(renderer, "generate", stop)
  (tmp_path / "e.json").write_text('{"edits": []}')
  status, _, err = command(
    "--mode=edit", f"--workdir={workdir}", f"--input={maps}",
    f"--output={tmp_path / 'O'}", f"--edits={tmp_path / 'e.json'}",
  )  # fmt: skip
  assert status == 130
  assert err.endswith("stopped by Ctrl-C; files that are there are whole\n")
  assert "Traceback" not in err


def test_what_was_edited_is_bordered(workdir, maps, tmp_path, calls):
  """The car that is taken away keeps its outline before; undone, none."""
  remove = {"op": "remove", "object": "5000"}
  out = edit(workdir, maps, tmp_path / "O", BOX, remove)
  grid = read(out / "before_after.png")
  red = (grid == (208, 48, 32)).all(-1)
  before, after = np.array_split(red, 2)
  # Four times as large: an old car of 6 x 5 pixels at the picture's edge has
  # 2 * 20 + 24 - 2 red ones, a new one of 12 x 10 has 2 * (48 + 40) - 4, in
  # each of the two columns.
  assert before.sum() == 2 * (2 * 20 + 24 - 2)
  assert after.sum() == 2 * (2 * (48 + 40) - 4)
  out = edit(workdir, maps, tmp_path / "P", remove, {"op": "undo"})
  assert not (read(out / "before_after.png") == (208, 48, 32)).all(-1).any()
