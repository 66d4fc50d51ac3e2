"""Release folders: whole or not at all, and checked when they are read."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from hdgan.errors import InputError
from hdgan.weights import release
from hdgan.weights.options import Networks
from hdgan.weights.original import Answers, config_of
from hdgan.weights.state_dict import GeneratorSpec, generator_table

SPEC = GeneratorSpec(4, 3, 4, 1, 1)
TABLE = generator_table(SPEC)


def shapes_of(table):
  leaves = (("kernel", slice(None)), ("bias", slice(3, None)))
  return {
    f"{'.'.join(layer.path)}.{leaf}": layer.kernel[part]
    for layer in table
    for leaf, part in leaves
  }


SHAPES = shapes_of(TABLE)
INFO = {"stage": 0, "step": 12}


def config():
  said = {"dataroot": "/home/someone/photos"}
  made = config_of(Networks(SPEC), Answers(3, size=(8, 8)), said)
  with made.unlocked():
    made.data.prepared_dir = "/home/someone/.cache"
  return made


@pytest.fixture
def folder(tmp_path):
  """A release with a G alone; kernels hold their position."""
  path, rng = tmp_path / "R", np.random.default_rng(0)
  path.mkdir()
  params = {}
  for layer in TABLE:
    node = params
    for key in layer.path:
      node = node.setdefault(key, {})
    node["kernel"] = rng.standard_normal(layer.kernel).astype(np.float32)
    node["bias"] = rng.standard_normal(layer.kernel[3]).astype(np.float32)
  metadata = release.metadata_of(config(), INFO, "live")
  release.write_network(path / "G.safetensors", SHAPES, params, metadata)
  (path / release.CARD).write_text(
    release.card(config(), metadata, {"G": SHAPES})
  )
  release.write_sums(path)
  return path, params


def test_networks_are_read_as_they_were_written(folder):
  path, params = folder
  found = release.read_network(path / "G.safetensors", SHAPES)
  for layer in TABLE:
    net, *names = layer.path
    a, b = found[net], params[net]
    for name in names:
      a, b = a[name], b[name]
    np.testing.assert_array_equal(a["kernel"], b["kernel"])
    np.testing.assert_array_equal(a["bias"], b["bias"])


def test_metadata_holds_the_config_without_paths_of_the_machine(folder):
  made, metadata = release.read_metadata(folder[0])
  assert metadata["step"] == "12" and metadata["weights"] == "live"
  assert made.num_classes == 3 and made.generator.width == 4
  assert made.data.root == "photos" and made.data.prepared_dir == ".cache"
  assert "someone" not in json.dumps(metadata)


@pytest.mark.parametrize("root", [".", "..", "/", ""])
def test_any_data_root_is_read_again(tmp_path, root):
  made = config_of(Networks(SPEC), Answers(3, size=(8, 8)), {})
  with made.unlocked():
    made.data.root = root
  metadata = release.metadata_of(made, INFO, "live")
  params = {"G.a": np.zeros(1, np.float32)}
  release.save_arrays(tmp_path / "G.safetensors", params, metadata)
  release.write_sums(tmp_path)
  assert release.read_metadata(tmp_path)[0].num_classes == 3


@pytest.mark.parametrize(
  "spoil",
  [
    lambda x: np.where(x == x.max(), np.nan, x).astype(np.float32),
    lambda x: np.where(x == x.max(), np.inf, x).astype(np.float32),
    lambda x: x.astype(np.float64),
    lambda x: x.astype(np.float16),
    lambda x: x.astype(np.int64),
  ],
)
def test_numbers_that_no_training_gives(folder, spoil):
  path = folder[0] / "G.safetensors"
  arrays = safetensors.numpy.load_file(path)
  name = sorted(arrays)[3]
  arrays[name] = spoil(arrays[name])
  release.save_arrays(path, arrays)
  with pytest.raises(InputError, match=f"{name} .* finite float32 numbers"):
    release.read_network(path, SHAPES)


def test_sums_are_in_the_common_format(folder):
  program = shutil.which("sha256sum")
  if program is None:
    pytest.skip("there is no sha256sum")
  done = subprocess.run(
    [program, "-c", release.SUMS], cwd=folder[0], capture_output=True,
    check=True,
  )  # fmt: skip
  assert b"G.safetensors: OK" in done.stdout


def test_card_counts_parameters(folder):
  text = (folder[0] / release.CARD).read_text()
  total = sum(int(np.prod(x.kernel)) + x.kernel[3] for x in TABLE)
  assert f"| G.safetensors | {len(TABLE)} | {total:,} |" in text
  assert "3 classes; boundary map: yes; styles: no" in text


def test_a_flipped_bit_is_noticed(folder):
  path = folder[0] / "G.safetensors"
  data = bytearray(path.read_bytes())
  data[-5] ^= 1
  path.write_bytes(data)
  with pytest.raises(InputError, match="G.safetensors differs from SHA256SUMS"):
    release.read_metadata(folder[0])


@pytest.mark.parametrize("lines", [0, 1])
def test_sums_that_list_too_little(folder, lines):
  """Also none at all: what is read must have been compared."""
  path = folder[0] / release.SUMS
  kept = [
    line
    for line in path.read_text().splitlines(keepends=True)
    if not line.endswith("  G.safetensors\n")
  ]
  path.write_text("".join(kept * lines))
  with pytest.raises(InputError, match="is not listed in SHA256SUMS"):
    release.check_sums(folder[0])


@pytest.mark.parametrize("name", ["G.safetensors", release.SUMS])
def test_a_missing_file_is_noticed(folder, name):
  (folder[0] / name).unlink()
  with pytest.raises(InputError, match=f"{name} is missing"):
    release.read_metadata(folder[0])


def test_files_of_other_programs(folder):
  path = folder[0] / "G.safetensors"
  safetensors.numpy.save_file({"a": np.zeros(1, np.float32)}, path)
  release.write_sums(folder[0])
  with pytest.raises(InputError, match="its metadata has no format"):
    release.read_metadata(folder[0])
  path.write_bytes(b"no safetensors")
  release.write_sums(folder[0])
  with pytest.raises(InputError, match="not a release's"):
    release.read_metadata(folder[0])


@pytest.mark.parametrize(
  ("told", "said"),
  [
    ({"stage": "abc"}, "its metadata has stage 'abc', the config has stages "),
    ({"stage": "1"}, "has stage '1', the config has stages 0..0; copy it"),
    ({"stage": "-1"}, "has stage '-1'"),
    ({"stage": ""}, "has stage ''"),
    ({"config": "[]"}, "the config in its metadata: must be an object, not []"),
    ({"config": ""}, "the config in its metadata: not JSON (Expecting value"),
    ({"config": "[" * 100000}, "more than 50 lists and objects lie inside"),
    ({"config": '{"stages": [1]}'}, "not a config of hdgan's"),
    ({"config": '{"seed": -1}'}, "metadata: config.seed=-1 must be at least 0"),
  ],
)
def test_metadata_that_is_wrong(folder, told, said):
  path = folder[0] / "G.safetensors"
  with safetensors.safe_open(path, "numpy") as file:
    metadata = file.metadata()
  safetensors.numpy.save_file(
    safetensors.numpy.load_file(path), path, metadata | told
  )
  release.write_sums(folder[0])
  with pytest.raises(InputError) as error:
    release.read_metadata(folder[0])
  assert str(error.value).startswith(f"{path}: ") and said in str(error.value)


def test_a_damaged_network_is_named(folder):
  path = folder[0] / "E.safetensors"
  path.write_bytes(b"\xff" * 40)
  with pytest.raises(InputError, match="E.safetensors: not a release's"):
    release.read_network(path, SHAPES)


def test_other_networks_than_the_config(folder):
  wider = generator_table(GeneratorSpec(4, 3, 8, 1, 1))
  with pytest.raises(InputError) as error:
    release.read_network(folder[0] / "G.safetensors", shapes_of(wider))
  first = str(error.value).splitlines()[0]
  assert "[7, 7, 4, 4]" in first and "[7, 7, 4, 8]" in first
