"""Exports: what is in the zip, that it opens again, that it is replayed."""

import io
import json
import pathlib
import shlex
import zipfile

import numpy as np
import pytest
from PIL import Image
from studio.stand_in import (
  CAR,
  ROAD,
  SKY,
  TREE,
  paint,
  picture_stand_in,
  stand_in,
  street,
  street_inputs,
)
from studio.test_scenes import maps_of, plane_of
from studio.test_uploads import sent
from style_run import make_run
from tiny import command, file_limit, tiny_config

from hdgan import synthesize as synthesize_door
from hdgan.datasets.transforms import dense_objects
from hdgan.editing.scene import open_scene
from hdgan.make_styles import make_styles
from hdgan.rendering.renderer import open_renderer
from hdgan.rendering.source import StyleOptions
from hdgan.studio import bundle, frame, scene_frame, scenes
from hdgan.studio.refusal import Refusal
from hdgan.studio.studio import Studio


def edited(renderer, name="my street", seed=11, size=(48, 96)):
  """A scene as a page sends it: styles of each kind, a new row, a lost one."""
  label, instance = street(size, seed=5)
  scene = open_scene(label, instance, renderer.classes, name=name)
  head, _ = scene_frame.of_scene(scene)
  table = [dict(row) for row in head["table"]]
  plane = scene.objects.copy()
  by_label = {row["label"]: i for i, row in enumerate(table)}
  if renderer.channels:
    table[by_label[SKY]]["style"] = 3
    table[by_label[ROAD]]["style"] = [0.5, -0.25, 0.125]
  # Its pixels are all painted over, it stays in the table.
  plane[plane == by_label[TREE]] = by_label[SKY]
  table.append({"label": CAR, "instance": None, "style": None})
  plane[30:40, 4:20] = len(table) - 1
  header = {**head, "seed": seed, "table": table, "name": name}
  return header, frame.pack_runs(plane)


def exported(studio, header, runs):
  head, data = studio.call("export", header, runs)
  with zipfile.ZipFile(io.BytesIO(data)) as archive:
    assert archive.testzip() is None
    return head["name"], data, {n: archive.read(n) for n in archive.namelist()}


def ids(data):
  return np.asarray(Image.open(io.BytesIO(data)))


@pytest.fixture
def studio():
  return Studio(stand_in(), None, "stage")


def test_what_is_in_the_zip(studio):
  header, runs = edited(studio.renderer)
  name, _, files = exported(studio, header, runs)
  assert name == "my street.zip"
  assert list(files) == [
    "label/my street.png", "inst/my street.png", "photo.png", "styles.json",
    "session.json",
  ]  # fmt: skip
  rows = [dict(row) for row in header["table"]]
  used = {row["instance"] for row in rows}
  rows[-1]["instance"] = next(i for i in range(4000, 5000) if i not in used)
  plane = plane_of(header, runs)
  for key, folder in (("label", "label"), ("instance", "inst")):
    want = np.array([row[key] for row in rows])[plane]
    np.testing.assert_array_equal(ids(files[f"{folder}/my street.png"]), want)
  session = json.loads(files["session.json"])
  assert session["table"] == rows
  told = {k: session[k] for k in ("version", "name", "seed", "size", "step")}
  assert told == {
    "version": 1, "name": "my street", "seed": 11, "size": "stage", "step": 7,
  }  # fmt: skip
  assert session["bank"] == studio.renderer.bank.digest
  assert session["run"] == "run"


def test_the_photo_follows_from_maps_and_styles_alone(studio):
  """A twin in numpy: the maps at the stage's size, the styles by their keys."""
  header, runs = edited(studio.renderer)
  _, _, files = exported(studio, header, runs)
  h, w = studio.renderer.size
  y = (2 * np.arange(h) + 1) * 48 // (2 * h)
  x = (2 * np.arange(w) + 1) * 96 // (2 * w)
  label, instance = (
    ids(files[f"{f}/my street.png"])[y][:, x].astype(np.int32)
    for f in ("label", "inst")
  )
  styles = json.loads(files["styles.json"])
  objects, pairs = dense_objects(label, instance)
  assert styles["objects"].keys() == {str(id) for _, id in pairs}
  centers = studio.renderer.bank.styles
  table = [
    centers.of_class(label)[style] if isinstance(style, int) else style
    for label, style in (
      (a, styles["objects"][str(b)]) for a, b in pairs.tolist()
    )
  ]
  want = paint(label, instance, objects, np.array(table, np.float32))
  want = np.rint((want + 1) * 127.5)
  np.testing.assert_array_equal(ids(files["photo.png"]), want)


def test_equal_scenes_give_equal_zips(studio):
  header, runs = edited(studio.renderer)
  one, two = (exported(studio, header, runs)[1] for _ in range(2))
  assert one == two


def test_rows_that_are_one_object_open_again(studio):
  """A brush's new row of a class without objects joins the class's region."""
  header, runs = edited(studio.renderer)
  header["table"].append({"label": ROAD, "instance": None, "style": None})
  plane = plane_of(header, runs)
  plane[:4, :4] = len(header["table"]) - 1
  _, data, _ = exported(studio, header, frame.pack_runs(plane))
  head, again = studio.call("open", *sent(export=("x.zip", data)))
  roads = [i for i, row in enumerate(header["table"]) if row["label"] == ROAD]
  assert head["notes"] == [] and len(roads) == 2
  assert (plane_of(head, again)[:4, :4] == roads[0]).all()
  assert len(head["table"]) == len(header["table"])


@pytest.mark.parametrize("styles", [4, 0])
def test_an_export_opens_as_it_was(styles):
  studio = Studio(stand_in(styles=styles), None, "input")
  header, runs = edited(studio.renderer)
  _, data, files = exported(studio, header, runs)
  assert ("styles.json" in files) == bool(styles)
  head, again = studio.call("open", *sent(export=("other.zip", data)))
  assert again == runs and head["notes"] == []
  assert (head["name"], head["seed"]) == ("my street", 11)
  rows = json.loads(json.dumps(head["table"]))
  assert rows == json.loads(files["session.json"])["table"]
  assert rows[:-1] == header["table"][:-1]
  if styles:
    told = json.loads(files["styles.json"])["objects"]
    found = {str(id): style for _, id, style in head["resolved"]}
    assert json.loads(json.dumps(found)) == told


def test_of_another_bank_the_numbers_are_drawn_anew(studio):
  header, runs = edited(studio.renderer)
  _, data, _ = exported(studio, header, runs)
  other = Studio(stand_in(styles=2), None, "stage")
  head, _ = other.call("open", *sent(export=("x.zip", data)))
  kept = [row["style"] for row in head["table"] if row["style"] is not None]
  assert kept == [(0.5, -0.25, 0.125)]
  assert "another style bank" in head["notes"][0]


def test_a_zip_whose_maps_were_changed_opens_by_its_maps(studio):
  header, runs = edited(studio.renderer)
  _, _, files = exported(studio, header, runs)
  key = "inst/my street.png"
  changed = ids(files[key]) + 1
  files[key] = bundle.encode_ids(changed.astype(np.int32))[0]
  data = bundle.pack(files)
  head, again = studio.call("open", *sent(export=("x.zip", data)))
  np.testing.assert_array_equal(maps_of(head, again)[1], changed)
  assert "were changed" in head["notes"][0]


def test_ids_of_32_bits_open_again(studio):
  header, runs = edited(studio.renderer)
  header["table"][0]["instance"] = -7
  header["table"][1]["instance"] = 2**31 - 1
  _, data, files = exported(studio, header, runs)
  assert "inst/my street.tif" in files and "label/my street.png" in files
  head, again = studio.call("open", *sent(export=("x.zip", data)))
  assert again == runs
  assert head["table"][0]["instance"] == -7
  assert head["table"][1]["instance"] == 2**31 - 1


@pytest.mark.parametrize(
  ("name", "stem"),
  [
    ("street_1", "street_1"),
    (".hidden", "hidden"),
    ("...", "scene"),
    ("e\u0301", "\u00e9"),
    ("a_gtFine_labelIds", "a_gtFine_labelIds_"),
    ("\u00e9" * 150, "\u00e9" * 100),
  ],
)
def test_names_of_maps_in_a_zip(name, stem):
  assert bundle.stem_of(name) == stem


@pytest.mark.parametrize("name", ["a/b", "..", "a\\b", "a\0", "x" * 201, 3])
def test_other_names_are_refused(studio, name):
  header, runs = edited(studio.renderer)
  with pytest.raises(Refusal) as told:
    studio.call("export", {**header, "name": name}, runs)
  assert (told.value.code, told.value.field) == ("name", "name")


@pytest.mark.parametrize("seed", [-1, 0.5, "1", None, True, 2**60])
def test_other_seeds_are_refused(studio, seed):
  header, runs = edited(studio.renderer)
  with pytest.raises(Refusal) as told:
    studio.call("export", {**header, "seed": seed}, runs)
  assert told.value.field == "seed"


def test_a_full_disk_matters_not(studio, tmp_path, monkeypatch):
  """Nothing is written: not a byte could be."""
  monkeypatch.chdir(tmp_path)
  monkeypatch.setenv("TMPDIR", str(tmp_path))
  header, runs = edited(studio.renderer)
  with file_limit(0):
    _, data, _ = exported(studio, header, runs)
  assert len(data) > 1000 and not list(tmp_path.iterdir())


def unzip(data, folder):
  with zipfile.ZipFile(io.BytesIO(data)) as archive:
    archive.extractall(folder)


def replay(data, renderer, monkeypatch, styles, size="input"):
  """The photo that the door makes of a zip; networks are stood in for."""
  unzip(data, "z")
  monkeypatch.setattr(
    synthesize_door, "open_renderer", lambda *a, **k: renderer
  )
  options = StyleOptions(styles="z/styles.json" if styles else "")
  synthesize_door.synthesize(
    pathlib.Path("run"), "z", pathlib.Path("out"), size=size, options=options
  )
  (photo,) = (p for p in pathlib.Path("out").glob("*.png") if p.stem != "grid")
  return photo


@pytest.mark.parametrize("styles", [4, 0])
@pytest.mark.parametrize("size", ["stage", "input"])
def test_synthesize_replays_it(tmp_path, monkeypatch, size, styles):
  monkeypatch.chdir(tmp_path)
  renderer = stand_in(styles=styles)
  with renderer.config.unlocked():
    # What the run's own files hold does not matter for an export.
    renderer.config.data.instances = "components"
    renderer.config.data.suffixes = {"label": "_labels", "instance": "_i"}
  studio = Studio(renderer, None, size)
  header, runs = edited(renderer, "street_labels")
  _, data, files = exported(studio, header, runs)
  photo = replay(data, renderer, monkeypatch, styles, size)
  assert photo.read_bytes() == files["photo.png"]
  again = pathlib.Path(f"out/{photo.stem}.styles.json")
  if styles:
    assert again.read_text().count(":") > 5
    told = json.loads(again.read_text())["objects"]
    assert told == json.loads(files["styles.json"])["objects"]


@pytest.mark.parametrize("styles", [4, 0])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_exported_opened_and_replayed(
  tmp_path, monkeypatch, channels, styles
):
  monkeypatch.chdir(tmp_path)
  renderer = picture_stand_in(channels=channels, styles=styles)
  studio = Studio(renderer, street_inputs(renderer), "input")
  header, runs = studio.call("scene", {"id": 1}, b"")
  header = {**header, "seed": 6, "style": 2 if styles else None}
  name, data, files = exported(studio, header, runs)
  label = ids(files["label/street_1.png"])
  grey = (street(seed=1)[0] * 36).astype(np.uint8)
  np.testing.assert_array_equal(label.reshape(64, 128, -1)[..., 0], grey)
  head, again = studio.call("open", *sent(export=(name, data)))
  assert again == runs and head["seed"] == 6
  assert head["style"] == header["style"]
  replayed = replay(data, renderer, monkeypatch, styles)
  assert replayed.read_bytes() == files["photo.png"]


def picture_data():
  """A folder of coloured sketches and photos: noise, 32 x 64."""
  rng = np.random.default_rng(0)
  for split in ("train", "val"):
    for role in ("label", "img"):
      folder = pathlib.Path(f"data/{split}_{role}")
      folder.mkdir(parents=True)
      noise = rng.integers(0, 256, (32, 64, 3), np.uint8)
      Image.fromarray(noise).save(folder / "a.png")
  return "data"


@pytest.mark.slow
@pytest.mark.parametrize(
  ("encoder", "pictures"), [(True, False), (False, False), (True, True)]
)
def test_the_command_in_the_zip_makes_the_photo(
  tmp_path, monkeypatch, encoder, pictures
):
  """With E, without it, and of a model whose labels are pictures."""
  monkeypatch.chdir(tmp_path)
  changes = {"data__prepared_dir": str(tmp_path / "copies")}
  if pictures:
    changes |= {"num_classes": 0, "boundary": False}
    changes |= {"data__name": "paired_folder", "data__root": picture_data()}
  if not encoder:
    changes |= {"encoder__enabled": False, "stages": [tiny_config().stages[0]]}
    changes["stages"][0].trainable = ("G1",)
  make_run(tmp_path / "run", **changes)
  if encoder:
    make_styles(pathlib.Path("run"), num_styles=3, min_area=0.0)
  renderer = open_renderer(pathlib.Path("run"))
  shelf = scenes.find(renderer, "")
  for size in ("stage", "input"):
    studio = Studio(renderer, shelf, size)
    head, runs = studio.call("scene", {"id": 0}, b"")
    header = {**head, "seed": 4, "name": f"s-{size}"}
    name, data, files = exported(studio, header, runs)
    unzip(data, pathlib.Path(name).stem)
    words = shlex.split(json.loads(files["session.json"])["command"])
    assert words[:3] == ["python", "-m", "hdgan.main"]
    status, _, error = command(*words[3:])
    assert status == 0, error
    made = pathlib.Path(f"s-{size}_photo/s-{size}.png").read_bytes()
    assert made == files["photo.png"]
