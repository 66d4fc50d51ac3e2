"""Synthesis with styles and edits from files, on a run with random weights."""

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from style_run import make_run
from tiny import tiny_config

from hdgan import edit, synthesize
from hdgan.datasets import pipeline
from hdgan.datasets.streets import builder as synthetic_streets
from hdgan.datasets.transforms import dense_objects
from hdgan.editing.operations import render as render_scene
from hdgan.editing.scene import open_scene
from hdgan.errors import InputError
from hdgan.make_styles import make_styles
from hdgan.rendering import photo as style_photo
from hdgan.rendering.renderer import open_renderer
from hdgan.rendering.source import StyleOptions
from hdgan.styles import bank as style_bank

NAME = "street_00003"  # The first of two held-out ones.
ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
  folder = tmp_path_factory.mktemp("run")
  make_run(folder)
  make_styles(folder, num_styles=3, min_area=0.05)
  return folder


def run(workdir, output, source="val", name="", **options):
  synthesize.synthesize(
    workdir, source, output, name=name, options=StyleOptions(**options)
  )
  return {p.name: p.read_bytes() for p in sorted(output.glob("[!.]*"))}


def objects_of(output):
  return json.loads((output / f"{NAME}.styles.json").read_text())["objects"]


def test_replay_gives_the_same_bytes(workdir, tmp_path):
  one = run(workdir, tmp_path / "a", style_seed=5)
  assert len(one) == 5  # two pictures, two style files, the grid
  again = run(workdir, tmp_path / "b", styles=str(tmp_path / "a"))
  assert again == one
  file = tmp_path / "a" / f"{NAME}.styles.json"
  alone = run(workdir, tmp_path / "c", name=NAME, styles=str(file))
  assert alone[f"{NAME}.png"] == one[f"{NAME}.png"]
  assert alone[file.name] == one[file.name]


def test_the_seed_is_the_same_each_time(workdir, tmp_path):
  outputs = [
    run(workdir, tmp_path / str(i), name=NAME, style_seed=seed)[f"{NAME}.png"]
    for i, seed in enumerate((None, 0, 1))
  ]
  assert outputs[0] == outputs[1] != outputs[2]


def test_every_object_is_in_the_file(workdir, tmp_path):
  run(workdir, tmp_path / "a", name=NAME)
  example = pipeline.synthesis_inputs(
    open_renderer(workdir).config, "val", stage_size=(16, 32)
  )[0]
  ids = {str(i) for i in np.unique(example["instance"])}
  assert set(objects_of(tmp_path / "a")) == ids


def test_the_photo_of_the_same_map_gives_its_own_features(workdir, tmp_path):
  run(workdir, tmp_path / "a", name=NAME, style_from=f"val/{NAME}")
  renderer = open_renderer(workdir)
  example = style_photo.find_photo(renderer, f"val/{NAME}")
  photo = style_photo.photo_styles(renderer, example)
  got = objects_of(tmp_path / "a")
  for (_, id), feature in photo.objects.items():
    assert np.float32(got[str(id)]).tobytes() == feature.tobytes()


def test_a_photo_of_another_map_gives_its_class_means(workdir, tmp_path):
  run(workdir, tmp_path / "a", name=NAME, style_from="val/street_00004")
  renderer = open_renderer(workdir)
  example = style_photo.find_photo(renderer, "val/street_00004")
  photo = style_photo.photo_styles(renderer, example)
  road = objects_of(tmp_path / "a")["1"]
  assert np.float32(road).tobytes() == photo.objects[1, 1].tobytes()
  building = [v for k, v in objects_of(tmp_path / "a").items() if k[0] == "3"]
  mean = photo.classes[3].tobytes()
  assert any(np.float32(v).tobytes() == mean for v in building)


def test_a_photo_in_a_folder(workdir, tmp_path):
  synthetic_streets.write_folder(
    tmp_path / "D", num_train=1, size=(32, 64), seed=4
  )
  photo = tmp_path / "D" / "train_img" / "street_00000.png"
  run(workdir, tmp_path / "a", name=NAME, style_from=str(photo))
  Image.new("RGB", (64, 30)).save(photo)
  with pytest.raises(InputError, match="64 x 30|30 x 64|30.*64"):
    run(workdir, tmp_path / "b", name=NAME, style_from=str(photo))
  lonely = tmp_path / "x.png"
  shutil.copy(photo, lonely)
  with pytest.raises(InputError, match="needs its maps"):
    run(workdir, tmp_path / "b", name=NAME, style_from=str(lonely))
  assert not (tmp_path / "b").exists()


def test_style_grid(workdir, tmp_path):
  files = run(workdir, tmp_path / "a", style_grid="road")
  renderer = open_renderer(workdir)
  count = len(renderer.bank.styles.of_class(1))
  names = [f"{NAME}_style_{k}" for k in range(count)]
  assert count >= 2
  assert set(files) == {"grid.png"} | {
    n + end for n in names for end in (".png", ".styles.json")
  }
  assert len({files[f"{n}.png"] for n in names}) == count
  for k, name in enumerate(names):
    chosen = json.loads(files[f"{name}.styles.json"])
    assert chosen["objects"]["1"] == k
  again = run(
    workdir, tmp_path / "b", name=NAME,
    styles=str(tmp_path / "a" / f"{names[1]}.styles.json"),
  )  # fmt: skip
  assert again[f"{NAME}.png"] == files[f"{names[1]}.png"]


def test_zeros_without_a_bank_are_said_once(tmp_path, capsys):
  make_run(tmp_path / "W")
  run(tmp_path / "W", tmp_path / "a")
  said = capsys.readouterr().out
  assert said.count("all of them are zero") == 1
  assert set(map(tuple, objects_of(tmp_path / "a").values())) == {(0, 0, 0)}
  with pytest.raises(InputError, match="--style_seed=1 draws from a style"):
    run(tmp_path / "W", tmp_path / "b", style_seed=1)


def test_fallbacks_are_said_once(workdir, tmp_path, capsys):
  run(workdir, tmp_path / "a")
  said = capsys.readouterr().out
  assert said.count("the mean of the class") == 1


def test_a_model_without_e(tmp_path):
  stages = tiny_config().stages
  stages[0].trainable = ("G1",)
  make_run(tmp_path / "W", encoder__enabled=False, stages=stages)
  assert len(run(tmp_path / "W", tmp_path / "a")) == 3  # no style files
  for options in (
    {"style_seed": 1}, {"style_grid": "car"}, {"styles": "x.json"},
    {"style_from": f"val/{NAME}"},
  ):  # fmt: skip
    with pytest.raises(InputError, match="trained without an encoder"):
      run(tmp_path / "W", tmp_path / "b", **options)


@pytest.mark.parametrize(
  ("data", "line"),
  [
    ({"objects": {"31000": 0}}, f"{NAME} has no object '31000'"),
    ({"objects": {"1": 10}}, "style 10 of 'road' is not in the bank"),
    ({"objects": {"1": [1, 2]}}, "2 numbers given, a style has 3"),
    ({"bank": "0", "objects": {"1": 0}}, "of another style bank"),
  ],
)
def test_faults_leave_nothing(workdir, tmp_path, data, line):
  path = tmp_path / "s.json"
  path.write_text(json.dumps(data))
  with pytest.raises(InputError) as error:
    run(workdir, tmp_path / "a", styles=str(path))
  assert line in str(error.value)
  assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
  ("options", "line"),
  [
    ({"styles": "none.json"}, "there is no such file or folder"),
    ({"style_grid": "bicycle"}, "no map of 2 has a class or an object"),
    ({"name": "x"}, "--map=x: there is no map of that name"),
    ({"style_from": "nothing"}, "--style_from=nothing: there is no such file"),
    ({"style_seed": -1}, "--style_seed=-1 must be at least 0"),
  ],
)
def test_faults_of_flags(workdir, tmp_path, options, line):
  with pytest.raises(InputError) as error:
    run(workdir, tmp_path / "a", **options)
  assert line in str(error.value)


def test_a_bank_of_another_encoder(workdir, tmp_path):
  make_run(tmp_path / "W", seed=1)
  shutil.copy(workdir / style_bank.FILE, tmp_path / "W")
  with pytest.raises(InputError, match="made with another encoder"):
    run(tmp_path / "W", tmp_path / "a")


def test_no_style_file_is_written_where_styles_are_read(workdir, tmp_path):
  one = run(workdir, tmp_path / "a", name=NAME)
  file = tmp_path / "a" / f"{NAME}.styles.json"
  for styles, fault in ((file, "holds"), (file.parent, "holds")):
    with pytest.raises(InputError, match=fault):
      run(workdir, tmp_path / "a", name=NAME, styles=str(styles))
  for styles, fault in ((file, "written over"), (file.parent, "lie among")):
    with pytest.raises(InputError, match=fault):
      synthesize.synthesize(
        workdir, "val", tmp_path / "a", name=NAME, overwrite=True,
        options=StyleOptions(styles=str(styles)),
      )  # fmt: skip
  files = {p.name: p.read_bytes() for p in (tmp_path / "a").glob("[!.]*")}
  assert files == one


def test_a_style_grid_writes_over_nothing(workdir, tmp_path):
  with pytest.raises(InputError, match="--show_objects draws no map of a"):
    synthesize.synthesize(
      workdir, "val", tmp_path, show_objects=True,
      options=StyleOptions(style_grid="road"),
    )  # fmt: skip
  (tmp_path / "grid.png").write_text("mine")
  with pytest.raises(InputError, match=r"holds grid\.png already"):
    run(workdir, tmp_path, style_grid="road")
  assert [p.name for p in tmp_path.iterdir()] == ["grid.png"]


def run_edits(workdir, tmp_path, edits, **more):
  path = tmp_path / "edits.json"
  path.write_text(json.dumps({"edits": edits, **more}))
  output = tmp_path / "out"
  edit.edit(workdir, "val", output, path)
  return output


def test_edits_from_a_file(workdir, tmp_path):
  edits = [
    {"op": "change_class", "every": "tree", "to": "building"},
    {"op": "restyle", "every": "road", "style": [0.5, 0.25, -1]},
    {"op": "add", "class": "car", "box": [8, 4, 12, 10]},
    {"op": "remove", "object": "1"},
    {"op": "undo"},
  ]
  output = run_edits(workdir, tmp_path, edits, map=NAME)
  label = np.asarray(Image.open(output / "label" / f"{NAME}.png"))
  instance = np.asarray(Image.open(output / "inst" / f"{NAME}.png"))
  assert not (label == 4).any() and (label[8:12, 4:10] == 5).all()
  assert len(np.unique(instance[8:12, 4:10])) == 1
  assert objects_of(output)["1"] == [0.5, 0.25, -1]
  # The map's own size, 32x64, whatever the stage's, 16x32.
  assert label.shape == instance.shape == (32, 64)
  # What was written is an input, and gives the same picture.
  again = run(
    workdir, tmp_path / "again", source=str(output), styles=str(output)
  )
  assert again[f"{NAME}.png"] == (output / f"{NAME}.png").read_bytes()


def test_rendering_a_scene_is_synthesis(workdir, tmp_path):
  files = run(workdir, tmp_path / "a", name=NAME)
  renderer = open_renderer(workdir)
  example = pipeline.synthesis_inputs(
    renderer.config, "val", stage_size=renderer.size
  )[0]
  maps = example["label"], example["instance"]
  scene = open_scene(*maps, renderer.classes, name=NAME)
  Image.fromarray(render_scene(scene, renderer)).save(tmp_path / "b.png")
  want = np.asarray(Image.open(tmp_path / "a" / f"{NAME}.png"))
  np.testing.assert_array_equal(render_scene(scene, renderer), want)
  assert files and len(scene.table) == len(dense_objects(*maps)[1])


@pytest.mark.parametrize(
  ("entry", "line"),
  [
    ({"op": "paint"}, "edit 0: there is no operation 'paint'"),
    ({"op": "restyle", "object": "1"}, "edit 0: restyle needs 'style'"),
    ({"op": "remove"}, "remove needs either 'object' or 'every'"),
    ({"op": "remove", "object": "1", "dy": 1}, "remove has no field 'dy'"),
    ({"op": "move", "object": "1", "dy": 1.5, "dx": 0}, "dy = 1.5 must be an"),
    ({"op": "add", "class": "car", "box": [4, 4, 2, 9]}, "box = [4, 4, 2, 9]"),
    ({"op": "add", "class": "car", "mask": "no.png"}, "no.png: cannot be read"),
    ({"op": "remove", "object": "77"}, f"edit 0: {NAME} has no"),
    ({"op": "remove", "every": "dog"}, "class 'dog': there is no such class"),
    ({"op": "restyle", "object": "1", "style": 99}, "style 99 of 'road'"),
    ({"op": "restyle", "object": "1", "style": [1]}, "1 number given"),
    ("remove", "'remove' must be an object with 'op'"),
  ],
)
def test_faults_of_edits(workdir, tmp_path, entry, line):
  with pytest.raises(InputError) as error:
    run_edits(workdir, tmp_path, [entry], map=NAME)
  assert line in str(error.value)
  assert not (tmp_path / "out").exists()


def test_faults_of_the_file_of_edits(workdir, tmp_path):
  with pytest.raises(InputError, match="holds 2 maps; pick one with --map"):
    run_edits(workdir, tmp_path, [])
  with pytest.raises(InputError, match="no field 'mpa'; did you mean 'map'"):
    run_edits(workdir, tmp_path, [], mpa="x")
  with pytest.raises(InputError, match="must be an object with a list 'edits'"):
    run_edits(workdir, tmp_path, {}, map=NAME)


def test_bad_input_ends_in_one_line_and_status_2(workdir):
  result = subprocess.run(
    [
      sys.executable, "-m", "hdgan.main", "--mode=styles",
      f"--workdir={workdir}", "--num_styles=0",
    ],
    cwd=ROOT, capture_output=True, text=True,
  )  # fmt: skip
  assert result.returncode == 2
  assert result.stderr == "error: --num_styles=0 must be at least 1\n"
