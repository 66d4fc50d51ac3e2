"""data.label_map: colours and numbers become class ids, or are told."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from tiny import data_config

from hdgan.datasets import files, label_map, pipeline
from hdgan.datasets.check import check, rules_of
from hdgan.datasets.label_map import load_label_map
from hdgan.datasets.paired_folder import PairedFolder
from hdgan.errors import InputError

RED, BLUE, GREEN, BLACK = (255, 0, 0), (0, 0, 255), (0, 255, 0), (0, 0, 0)
# Which colour of the list lies where, and as ids of another order.
PLACES = np.array([[0, 1, 1], [2, 2, 3]])
COLORS = np.array([RED, BLUE, GREEN, BLACK], np.uint8)


def png(array: np.ndarray, palette: np.ndarray | None = None) -> bytes:
  image, buffer = Image.fromarray(array), io.BytesIO()
  if palette is not None:
    image.putpalette(palette.ravel().tolist())
  image.save(buffer, "PNG")
  return buffer.getvalue()


def table(tmp_path, text, name="table.json", names=None, **changes):
  (tmp_path / name).write_text(
    text if isinstance(text, str) else json.dumps(text)
  )
  changes = {"data.label_map": str(tmp_path / name), **changes}
  return load_label_map(data_config(tmp_path, **changes), names)


def mapped(table, data: bytes) -> list[list[int]]:
  return files.read_map(table.apply(data, "a.png")).tolist()


# Class ids 3, 0, 7, 1 of red, blue, green, black.
IDS = [[3, 0, 0], [7, 7, 1]]


@pytest.mark.parametrize(
  "text",
  [
    {"#ff0000": 3, "#0000FF": 0, "0,255,0": 7, " 0, 0, 0 ": 1},
    [
      {"color": [255, 0, 0], "id": 3, "name": "car"},
      {"color": "#0000ff", "id": 0},
      {"color": "0,255,0", "id": 7, "has_instances": True},
      {"color": [0, 0, 0], "id": 1},
    ],
  ],
)
def test_colours_of_any_file(tmp_path, text):
  made = table(tmp_path, text)
  rgb = COLORS[PLACES]
  assert mapped(made, png(rgb)) == IDS
  alpha = np.full((*PLACES.shape, 1), 9, np.uint8)
  assert mapped(made, png(np.concatenate([rgb, alpha], -1))) == IDS
  # The same class has another index in each file.
  for order in ([0, 1, 2, 3], [2, 0, 3, 1]):
    indices = np.argsort(order)[PLACES].astype(np.uint8)
    assert mapped(made, png(indices, COLORS[order])) == IDS


@pytest.mark.parametrize(
  ("text", "array", "wanted"),
  [
    ({"0": 0, "255": 1}, np.array([[0, 255]], np.uint8), [[0, 1]]),
    ({"0": 5, "-9999": 2}, np.array([[-9999, 0]], np.int16), [[2, 5]]),
    ([{"from": 26, "id": 1}, {"from": 7, "id": 0}],
     np.array([[7, 26]], np.int64), [[0, 1]]),
    ({"70000": 1, "3": 0}, np.array([[3, 70000]], np.int32), [[0, 1]]),
    # Black and white of a grey file.
    ({"#000000": 0, "#ffffff": 1}, np.array([[0, 255]], np.uint8), [[0, 1]]),
  ],
)  # fmt: skip
def test_numbers_of_any_file(tmp_path, text, array, wanted):
  buffer = io.BytesIO()
  np.save(buffer, array)
  assert mapped(table(tmp_path, text), buffer.getvalue()) == wanted


def test_names_are_numbered_as_they_come(tmp_path):
  text = {"#ff0000": "car", "#0000ff": "sky", "#00ff00": "car", "0,0,0": "road"}
  made = table(tmp_path, text)
  assert mapped(made, png(COLORS[PLACES])) == [[0, 1, 1], [0, 0, 2]]
  assert [(c["id"], c["name"], c["color"]) for c in made.classes] == [
    (0, "car", RED), (1, "sky", BLUE), (2, "road", BLACK),
  ]  # fmt: skip


def test_names_of_classes_json_and_what_is_ignored(tmp_path):
  text = {"0": "road", "1": "car", "9": "ignore"}
  names = {"car": 4, "road": 2}
  made = table(tmp_path, text, names=names, ignore_label=255)
  assert made.ids == {0: 2, 1: 4, 9: 255}
  with pytest.raises(InputError, match="has no class 'cat'; did you mean"):
    table(tmp_path, {"0": "cat"}, names=names)
  with pytest.raises(InputError, match=r"say --config\.ignore_label=255"):
    table(tmp_path, text, names=names)


def test_cvat_s_labelmap(tmp_path):
  text = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nroad:255,0,0::\n"
  text += "car: 0,0,255::\nsky:0,255,0:a,b:c\n"
  made = table(tmp_path, text, "labelmap.txt")
  assert mapped(made, png(COLORS[PLACES])) == [[1, 2, 2], [3, 3, 0]]
  assert [c["name"] for c in made.classes] == [
    "background", "road", "car", "sky",
  ]  # fmt: skip
  assert made.classes[3]["color"] == GREEN


def test_a_list_of_names(tmp_path):
  made = table(tmp_path, "road\r\ncar: red\r\n", "classes.txt")
  assert made.ids == {0: 0, 1: 1}
  assert [c["name"] for c in made.classes] == ["road", "car: red"]


@pytest.mark.parametrize(
  ("text", "said"),
  [
    ({"#ff00": 1}, "entry '#ff00': '#ff00' must be a colour of 8 bits"),
    ({"256,0,0": 1}, "must be a colour of 8 bits"),
    ({"red": 1}, "must be a colour of 8 bits"),
    ({"0": 0, "#ff0000": 1}, "is a colour but entries before it are numbers"),
    ({"#ff0000": 1, "255,0,0": 2},
     "entry '255,0,0': #ff0000 is class 2 here but class 1 in entry '#ff0000'"),
    ({"0": -1}, "class -1 must be an id of 0 or more, a name or"),
    ({"0": 1.5}, "class 1.5 must be"),
    ({"0": True}, "class True must be"),
    ({"0": 8}, "class 8 is outside 0..7 (num_classes = 8); say --"),
    ({"0": 0, "9": 255}, "(num_classes = 8); say --config.ignore_label=255 if "
     "it is no class, or --config.num_classes=256"),
    ({"0": "car", "1": 0}, "entry '1': names a class while others have ids"),
    ({"0": 0, "1": "car"}, "entry '1': names a class while others have ids"),
    ({}, "holds no entry"),
    ("", "holds no entry"),
    ('{"0": 1, "0": 2}', "is there twice"),
    ([{"color": [1, 2, 3]}], 'entry 0: needs "id" or "name"'),
    ([{"id": 3}], 'entry 0: needs either "color" or "from"'),
    ([{"colour": [1, 2, 3], "id": 0}], "no key 'colour'; did you mean 'color'"),
    ([5], "entry 0: must be an object"),
    ([{"from": 0, "id": 0, "has_instances": 1}], "has_instances = 1 must be"),
    ("road:1,2::\ncar:0,0,0::", "line 1: '1,2' must be a colour"),
  ],
)  # fmt: skip
def test_bad_tables(tmp_path, text, said):
  with pytest.raises(InputError) as error:
    table(tmp_path, text)
  (line,) = str(error.value).splitlines()
  assert line.startswith("table.json: ") and said in line


def test_all_bad_entries_are_told(tmp_path):
  with pytest.raises(InputError) as error:
    table(tmp_path, {"x": 0, "0": -1, "1": 9})
  assert len(str(error.value).splitlines()) == 3


def test_maps_of_another_kind(tmp_path):
  with pytest.raises(InputError, match="is coloured, but table.json holds num"):
    table(tmp_path, {"0": 0}).apply(png(COLORS[PLACES]), "a.png")
  buffer = io.BytesIO()
  Image.fromarray(COLORS[PLACES]).save(buffer, "JPEG")
  with pytest.raises(InputError, match="lossy"):
    table(tmp_path, {"#ff0000": 0}).apply(buffer.getvalue(), "a.png")


@pytest.fixture
def folder(tmp_path):
  """Three RGB maps of 16x16, with photos."""
  for i in range(3):
    for part in ("train_label", "train_img"):
      (tmp_path / "data" / part).mkdir(parents=True, exist_ok=True)
      array = COLORS[np.arange(256).reshape(16, 16) // 64]
      Image.fromarray(array).save(tmp_path / f"data/{part}/{i}.png")
  return tmp_path / "data"


def find(tmp_path, table, **changes):
  (tmp_path / "table.json").write_text(json.dumps(table))
  changes["data.label_map"] = str(tmp_path / "table.json")
  config = data_config(tmp_path, **changes)
  return PairedFolder.find(config), rules_of(config)


def test_a_folder_of_colours(folder, tmp_path):
  names = {
    "#ff0000": "car",
    "#0000ff": "sky",
    "#00ff00": "car",
    "0,0,0": "road",
  }
  found, rules = find(tmp_path, names, num_classes=3)
  summary = check(found.splits, rules)
  assert summary.classes == {0: 3 * 128, 1: 3 * 64, 2: 3 * 64}
  assert [(c["name"], c["color"]) for c in found.classes] == [
    ("car", RED), ("sky", BLUE), ("road", BLACK),
  ]  # fmt: skip
  # A classes.json of the folder's own comes first.
  own = [{"id": 5, "name": "sky"}, {"id": 0, "name": "car"},
         {"id": 1, "name": "road"}]  # fmt: skip
  (folder / "classes.json").write_text(json.dumps(own))
  found, rules = find(tmp_path, names)
  other = check(found.splits, rules)
  assert other.classes == {0: 3 * 128, 5: 3 * 64, 1: 3 * 64}
  assert [c["name"] for c in found.classes[:2]] == ["car", "road"]
  assert other.contents != summary.contents


def test_a_colour_that_is_not_there_is_told_once(folder, tmp_path):
  for i in range(2):
    path = folder / f"train_label/{i}.png"
    array = np.array(Image.open(path))
    array[0, :5], array[1, :2] = (250, 3, 0), (1, 1, 1)
    Image.fromarray(array).save(path)
  rows = [{"color": [0, 0, 0], "id": 1}, {"color": [0, 0, 255], "id": 1}]
  rows += [{"color": list(RED), "name": "car", "id": 0}]
  rows += [{"color": list(GREEN), "id": 1}]
  found, rules = find(tmp_path, rows)
  with pytest.raises(InputError) as error:
    check(found.splits, rules)
  table = str(tmp_path / "table.json")
  with pytest.raises(InputError) as prepared:
    pipeline.prepare(data_config(tmp_path, **{"data.label_map": table}))
  assert str(prepared.value) == str(error.value)
  assert str(error.value) == (
    "train_label/0.png and 1 other file: colours #fa0300 (10 pixels; the "
    "nearest there is #ff0000, class car), #010101 (4 pixels; the nearest "
    "there is #000000, class 1) are not in table.json; add them to the table, "
    "or correct the map"
  )


def test_blends_along_borders(tmp_path):
  made = table(tmp_path, {"#000000": 0, "#ffffff": 1})
  grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
  with pytest.raises(InputError, match=r"and 251 more .* without smoothing"):
    made.apply(png(grey), "a.png")


def test_blends_of_many_files_take_no_more_memory(tmp_path):
  made, tables = table(tmp_path, {"#000000": 0}), label_map.NotInTables()
  for i in range(1, 6):
    first = i * 50_000
    some = dict.fromkeys(range(first, first + 50_000), 1) | {50_000: 9}
    tables.add(label_map.NotInTable(some, made, f"{i}.png"))
  assert "1.png and 4 other files: colours #00c350 (45 pixels; " in tables.fault
  assert "and 99997 more are not in table.json; so many" in tables.fault
