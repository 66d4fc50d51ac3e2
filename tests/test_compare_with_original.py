"""The comparison with the original: words, sums, table, and both sides.

The original's networks are not here: small ones with the same interface stand
in, and the real ones are taken where HDGAN_TEST_DATA names a folder with them.
"""

import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import warnings

import pytest
from absl.testing import flagsaver

from hdgan import benchmark
from hdgan import main as main_lib
from hdgan.validation import validate

ROOT = pathlib.Path(__file__).parents[1]
# The interface of the original's models/networks.py, around one convolution.
NETWORKS = """
import functools

import torch
from torchvision import models


def weights_init(module):
  pass


def get_norm_layer(norm_type):
  return functools.partial(torch.nn.InstanceNorm2d, affine=False)


def conv(channels, more):
  return torch.nn.Conv2d(channels, more, 3, padding=1)


class GlobalGenerator(torch.nn.Module):
  def __init__(self, input_nc, output_nc, ngf, downsamples, blocks, norm):
    super().__init__()
    self.ngf, self.conv = ngf, conv(input_nc, output_nc)

  def forward(self, x):
    return torch.tanh(self.conv(x))


class LocalEnhancer(GlobalGenerator):
  def __init__(self, input_nc, output_nc, ngf, downsamples, blocks, local,
               local_blocks, norm):
    super().__init__(input_nc, output_nc, ngf, downsamples, blocks, norm)


class MultiscaleDiscriminator(torch.nn.Module):
  def __init__(self, input_nc, ndf, layers, norm, sigmoid, num_D, features):
    super().__init__()
    self.scales = torch.nn.ModuleList(conv(input_nc, 1) for _ in range(num_D))

  def forward(self, x):
    made = [scale(x) for scale in self.scales]
    return [[torch.sigmoid(one), one] for one in made]


class Vgg19(torch.nn.Module):
  def __init__(self):
    super().__init__()
    layers = models.vgg19(pretrained=True).features
    ends = (0, 2, 7, 12, 21, 30)
    self.parts = torch.nn.ModuleList(
      layers[a:b] for a, b in zip(ends, ends[1:]))

  def forward(self, x):
    found = []
    for part in self.parts:
      x = part(x)
      found.append(x)
    return found
"""


def load(name):
  spec = importlib.util.spec_from_file_location(
    name, ROOT / f"launch/{name}.py"
  )
  module = importlib.util.module_from_spec(spec)
  sys.modules[name] = module  # Its dataclasses look there.
  spec.loader.exec_module(module)
  return module


@pytest.fixture(scope="module")
def compare():
  return load("compare_with_original")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
  folder = tmp_path_factory.mktemp("pix2pixHD")
  (folder / "models").mkdir()
  (folder / "models" / "networks.py").write_text(NETWORKS)
  return folder


def test_every_cell_s_words_are_hdgan_s(compare, original, monkeypatch):
  """They parse, and the config is one that the benchmark takes."""
  cells = {cell for suite in compare.SUITES.values() for cell in suite}
  for cell in cells:
    config = parsed_config(cell.ours(3)[2:])
    flags = dict(w[2:].split("=", 1) for w in cell.ours(3) if w[:2] == "--")
    stage = int(flags["stage"])
    benchmark.check_flags(
      config, flags["work"], stage, int(flags.get("repeats", 32))
    )
    chosen = validate(config, files=False).stages[stage]
    assert chosen.size == cell.size and chosen.scales == cell.scales
    assert chosen.enhancers == cell.enhancers
    trained = tuple(f"G{k + 1}" for k in range(cell.enhancers + 1))
    assert chosen.trainable == trained
    assert config.generator.width == cell.width
    assert config.num_classes + config.boundary == 36
    words = cell.original(original, 3)
    assert f"--size={cell.size[0]},{cell.size[1]}" in words
    assert ("--vgg" in words) == (config.loss.vgg > 0) == cell.vgg


def parsed_config(words):
  """The config of a command line of hdgan."""
  sys.modules.pop("config_config", None)
  with flagsaver.flagsaver(), pytest.MonkeyPatch.context() as patch:
    patch.setattr(sys, "argv", ["hdgan", *words])
    with warnings.catch_warnings():
      # ml_collections loads config files in a way that Python 3.15 drops.
      warnings.filterwarnings("ignore", "the load_module", DeprecationWarning)
      main_lib.parse(["hdgan", *words])
    return main_lib.FLAGS.config.copy_and_resolve_references()


def test_the_commands_that_are_told_parse(compare, original):
  """Those of launch/README.md and of the script's own head."""
  readme = (ROOT / "launch" / "README.md").read_text()
  (readme,) = re.findall(r"## Speed(.*?)## ", readme, re.DOTALL)
  for text in (readme, compare.__doc__):
    (words,) = re.findall(r"python launch/compare_with_original.py (.*)", text)
    words = words.replace("=pix2pixHD", f"={original}").split()
    assert compare.arguments(words).suite == "cpu"
    for flag in re.findall(r"--(\w+)", text):
      assert flag in vars(compare.arguments(words)), flag


def test_ratios_by_hand(compare):
  cell = compare.Cell("step", (2, 4), width=8, bf16=True, vgg=True)
  assert cell.name == "G1 4x2 width 8 bf16 VGG"
  rounds = [
    {"original": {"median_s": a}, "ours": {"median_s": 9.0, "queued_s": b}}
    for a, b in ((2.0, 1.0), (9.0, 3.0), (4.0, 1.0))
  ]
  found = compare.summarise(cell, rounds)
  assert found["original_s"] == 4 and found["ours_s"] == 1
  assert found["ratio"] == 3
  assert (found["ratio_min"], found["ratio_max"]) == (2, 4)
  assert compare.row(found)[:5] == [
    cell.name, "step", "4000.0", "1000.0", "3.00 (2.00 to 4.00)"
  ]  # fmt: skip


def test_what_failed_is_told_beside_the_rest(compare):
  cell = compare.Cell("step", (2, 4), width=8)
  rounds = [
    {"original": {"error": "status 1: out of memory"}, "ours": {"median_s": 1}}
  ]
  found = compare.summarise(cell, rounds)
  assert "ratio" not in found and found["ours_s"] == 1
  lines = compare.table([found]).splitlines()
  assert lines[1].split()[-6:] == ["-", "1000.0", "-", "-", "-", "-"]
  assert lines[2] == (
    f"failed: {cell.name}, step, original: status 1: out of memory"
  )


def test_both_sides_in_turn(compare, original, monkeypatch, tmp_path, capsys):
  """Rounds, table, machine and the file, with measurements made up."""
  asked = []

  def measure(words):
    ours = "hdgan.main" in words
    asked.append((words[0], ours, "--work=step" in words, words[-1]))
    if ours:
      return {"median_s": 0.1, "images_per_s": 10, "cpu": "a cpu", "mfu": 0.5,
              "cpu_instructions": ["avx2", "fma"]}  # fmt: skip
    return {"median_s": 0.3, "torch": "2.9"}

  monkeypatch.setattr(compare, "measure", measure)
  output = tmp_path / "found.json"
  words = [f"--original={original}", "--suite=try", "--rounds=2",
           f"--output={output}", "--python=other", "--compile"]  # fmt: skip
  assert compare.main(words) == 0
  one = [("other", False, False, "--compile"), (sys.executable, True, False)]
  assert [a[: len(b)] for a, b in zip(asked, one, strict=False)] == one
  assert [step for _, _, step, _ in asked] == [0, 0, 1, 1] * 2
  told = capsys.readouterr()
  assert "3.00 (3.00 to 3.00)" in told.out and "avx2 fma" in told.out
  assert told.err.count("original 300.0 ms, ours 100.0 ms") == 4
  facts = json.loads(output.read_text())
  assert facts["machine"]["cpu"] == "a cpu"
  assert [cell["ratio"] for cell in facts["cells"]] == [pytest.approx(3)] * 2
  with pytest.raises(SystemExit):  # The file is not written over.
    compare.main(words)
  assert "is there; name a new file" in capsys.readouterr().err


def test_a_folder_without_the_original(compare, tmp_path, capsys):
  for words in ([], [f"--original={tmp_path}"]):
    with pytest.raises(SystemExit, match="2"):
      compare.main(words)
  assert "no models/networks.py there" in capsys.readouterr().err


def test_a_file_in_a_folder_that_is_not_there(compare, original, capsys):
  """It is said before anything is measured."""
  with pytest.raises(SystemExit, match="2"):
    compare.main([f"--original={original}", "--output=none/found.json"])
  assert "there is no such folder; make it" in capsys.readouterr().err


def test_a_command_that_fails_is_an_error_of_one_line(compare):
  code = "import sys; sys.exit('error: not here')"
  found = compare.measure([sys.executable, "-c", code])
  assert found == {"error": "status 1: error: not here"}
  code = "print('said before'); print('{\"median_s\": 2}')"
  assert compare.measure([sys.executable, "-c", code]) == {"median_s": 2}


def run_original(*words):
  """What time_original.py prints."""
  pytest.importorskip("torch")
  script = ROOT / "launch" / "time_original.py"
  done = subprocess.run(
    [sys.executable, str(script), "--device=cpu", "--repeats=2", *words],
    # Threads that wait for each other are slow where tests run side by side.
    capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout)


def test_a_step_of_networks_with_the_original_s_interface(original):
  found = run_original(
    f"--original={original}", "--work=step", "--size=32,64", "--vgg", "--bf16",
    "--channels_last", "--enhancers=1",
  )  # fmt: skip
  assert found["finite"] and 0 < found["min_s"] <= found["median_s"]
  assert found["images_per_s"] == pytest.approx(1 / found["median_s"])
  assert found["device"] == "cpu" and found["vgg"] and found["bf16"]


@pytest.mark.slow
def test_the_whole_of_it(compare, original, test_data, capsys):
  """Both sides for real, with the original's own networks."""
  folder = test_data / "bench" / "pix2pixHD"
  status = compare.main(
    [f"--original={folder}", "--suite=try", "--rounds=1", "--repeats=1"]
  )
  told = capsys.readouterr().out
  facts = json.loads(told[told.index("{") :])
  assert status == 0, told
  assert all(cell["ratio"] > 0 for cell in facts["cells"])
  found = run_original(
    f"--original={folder}", "--work=forward", "--size=64,128", "--width=8",
    "--enhancers=1",
  )  # fmt: skip
  assert found["finite"]
