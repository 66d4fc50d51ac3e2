"""The command line: VGG, flags, and one line for everything that is wrong."""

import subprocess
import sys

import numpy as np
import pytest

from hdgan import convert
from hdgan.networks import hed, vgg
from hdgan.weights import pth, state_dict
from hdgan.weights.state_dict import GeneratorSpec, generator_table, shapes_of

torch = pytest.importorskip("torch")


def weights(table, seed=0):
  rng = np.random.default_rng(seed)
  return {
    name: rng.normal(0, 0.02, shape).astype(np.float32)
    for name, shape in shapes_of(table).items()
  }


def run(*flags):
  return convert.main([str(flag) for flag in flags])


def fails(capsys, *flags):
  """Runs what must fail; returns its one line."""
  assert run(*flags) == 2
  said = capsys.readouterr().err.splitlines()
  assert len(said) == 1 and said[0].startswith("error: "), said
  return said[0]


@pytest.fixture(scope="module")
def vgg_weights():
  return weights(state_dict.vgg_table())


@pytest.mark.parametrize("form", ["full", "features"])
def test_vgg_is_read_back_by_the_loss(vgg_weights, tmp_path, form):
  given = dict(vgg_weights)
  # Of what torchvision's file holds besides.
  given["features.34.bias"] = np.zeros(512, np.float32)
  given["classifier.6.bias"] = np.zeros(1000, np.float32)
  if form == "features":
    del given["classifier.6.bias"]
    given = {k.removeprefix("features."): v for k, v in given.items()}
  pth.write(tmp_path / "vgg.pth", given)
  target = tmp_path / "new" / "vgg.safetensors"
  assert run("vgg", f"--from={tmp_path / 'vgg.pth'}", f"--to={target}") == 0
  params = vgg.load(str(target))
  assert set(params) == set(vgg.NAMES)
  np.testing.assert_array_equal(
    params["conv3_1"]["kernel"][1, 2, 3, 4],
    vgg_weights["features.10.weight"][4, 3, 1, 2],
  )
  assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_vgg_that_is_none(vgg_weights, tmp_path, capsys):
  path, target = tmp_path / "x.pth", tmp_path / "y.safetensors"
  flags = ("vgg", f"--from={path}", f"--to={target}")
  assert "no such file" in fails(capsys, *flags)
  pth.write(path, {"conv1.weight": np.zeros((1, 1), np.float32)})
  assert "not torchvision's VGG19" in fails(capsys, *flags)
  less = dict(vgg_weights)
  del less["features.28.weight"]
  pth.write(path, less)
  assert "missing: features.28.weight" in fails(capsys, *flags)
  thin = vgg_weights | {"features.0.weight": np.zeros((64, 1, 3, 3), "f4")}
  pth.write(path, thin)
  line = fails(capsys, *flags)
  assert "[64, 1, 3, 3], must have [64, 3, 3, 3]" in line
  assert not target.exists()


@pytest.mark.parametrize("prefix", ["net", "module"])
def test_hed_is_read_back(tmp_path, capsys, prefix):
  """In the names of the network, and of the file that is handed out."""
  given = {
    name.replace("net", prefix): array
    for name, array in weights(state_dict.hed_table()).items()
  }
  source, target = tmp_path / "hed.pth", tmp_path / "hed.safetensors"
  pth.write(source, given)
  flags = ("hed", f"--from={source}", f"--to={target}")
  assert run(*flags) == 0
  assert "19 convolutions written" in capsys.readouterr().out
  np.testing.assert_array_equal(
    hed.load(str(target))["conv4_2"]["kernel"][2, 1, 5, 7],
    given[f"{prefix}VggFou.3.weight"][7, 5, 2, 1],
  )
  target.unlink()
  pth.write(source, {"conv1.weight": np.zeros((1, 1), np.float32)})
  assert "it has no 'netCombine.0.weight'" in fails(capsys, *flags)


def test_vgg_is_written_over_nothing(tmp_path, capsys):
  target = tmp_path / "y.safetensors"
  target.write_text("mine")
  line = fails(capsys, "vgg", f"--from={tmp_path / 'x'}", f"--to={target}")
  assert f"--to={target} is there already; name another file" in line
  assert target.read_text() == "mine"


@pytest.fixture
def folder(tmp_path):
  pth.write(
    tmp_path / "latest_net_G.pth",
    weights(generator_table(GeneratorSpec(4, 3, 4, 1, 1))),
  )
  return tmp_path


@pytest.mark.parametrize(
  "flags, says",
  [
    ((), "--num_classes is needed: G takes 4 channels"),
    (("--num_classes=3",), "--size is needed"),
    (("--num_classes=3", "--size=9,8"), "; nearest is --size=8,8"),
    (("--num_classes=3", "--size=8"), "--size"),
    (("--num_classes=x",), "--num_classes"),
    (("--boundary=maybe",), "--boundary"),
    (("--num_class=3",), "--num_class"),
    (("--num_classes=9", "--size=8,8"), "4 = 3 classes + boundary map"),
    (("--which_epoch=9",), "no 9_net_G.pth"),
  ],
)
def test_import_says_in_one_line_what_is_wrong(folder, capsys, flags, says):
  work = folder / "W"
  line = fails(
    capsys, "import", f"--from={folder}", f"--workdir={work}", *flags
  )
  assert says in line
  assert sorted(p.name for p in folder.iterdir()) == ["latest_net_G.pth"]


def test_import_never_writes_over_anything(folder, capsys):
  work = folder / "W"
  work.mkdir()
  (work / "mine.txt").write_text("mine")
  line = fails(
    capsys, "import", f"--from={folder}", f"--workdir={work}",
    "--num_classes=3", "--size=8,8",
  )  # fmt: skip
  assert "holds files already" in line
  assert [path.name for path in work.iterdir()] == ["mine.txt"]


def test_flags_that_a_release_does_not_have(folder, capsys):
  work, release = folder / "W", folder / "R"
  run("import", f"--from={folder}", f"--workdir={work}", "--num_classes=3",
      "--size=8,8")  # fmt: skip
  assert run("release", f"--workdir={work}", f"--to={release}") == 0
  capsys.readouterr()
  line = fails(
    capsys, "import", f"--from={release}", f"--workdir={folder / 'V'}",
    "--num_classes=3",
  )  # fmt: skip
  assert "--num_classes has no effect" in line


@pytest.mark.parametrize("flags", [(), ("other",), ("export",)])
def test_usage_errors(flags, capsys):
  fails(capsys, *flags)


def test_help_lists_the_commands():
  shown = convert.parser().format_help()
  assert all(name in shown for name in ("import", "export", "release", "vgg"))


def test_pytorch_is_imported_by_commands_only():
  code = (
    "import sys, hdgan.convert; "
    "sys.exit(bool({'torch', 'tensorflow'} & set(sys.modules)))"
  )
  assert subprocess.run([sys.executable, "-c", code]).returncode == 0
