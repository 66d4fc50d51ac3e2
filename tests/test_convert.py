"""The command line: VGG, flags, and one line for everything that is wrong."""

import subprocess
import sys

import numpy as np
import pytest
from feature_weights import drawn, inception_shapes, lpips_shapes

from hdgan import convert
from hdgan.networks import hed, inception, lpips, vgg
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


def test_inception_is_read_back(tmp_path, capsys, monkeypatch):
  """Its first convolutions stand for all; batch norm is in them."""
  monkeypatch.setattr(inception, "BLOCKS", {"": inception.BLOCKS[""]})
  given = drawn(inception_shapes() | {"fc.weight": (1008, 8)})
  source, target = tmp_path / "i.pth", tmp_path / "i.safetensors"
  pth.write(source, given)
  flags = ("inception", f"--from={source}", f"--to={target}")
  assert run(*flags) == 0
  assert "5 convolutions written" in capsys.readouterr().out
  layer = inception.load(str(target), "F")["Conv2d_2a_3x3"]
  mean, var, scale, shift = (
    given[f"Conv2d_2a_3x3.bn.{leaf}"][5].astype(np.float64)
    for leaf in ("running_mean", "running_var", "weight", "bias")
  )
  weight = given["Conv2d_2a_3x3.conv.weight"][5, 3, 1, 2]
  times = scale / np.sqrt(var + 0.001)
  np.testing.assert_allclose(layer["kernel"][1, 2, 3, 5], weight * times, 1e-6)
  np.testing.assert_allclose(layer["bias"][5], shift - mean * times, 1e-5)
  target.unlink()
  pth.write(source, given | {"fc.weight": np.zeros((1000, 8), np.float32)})
  assert "FID but torchvision's" in fails(capsys, *flags)


def test_lpips_is_read_back(tmp_path, capsys):
  trunk, heads = map(drawn, lpips_shapes("squeeze"))
  sources = [tmp_path / "trunk.pth", tmp_path / "heads.pth"]
  # Of `squeezenet1_1().features` alone.
  pth.write(
    sources[0], {k.removeprefix("features."): v for k, v in trunk.items()}
  )
  pth.write(sources[1], heads)
  target = tmp_path / "lpips.safetensors"
  flags = (
    "lpips", f"--from={sources[0]}", f"--heads={sources[1]}", f"--to={target}"
  )  # fmt: skip
  assert run(*flags) == 0
  network, params = lpips.load(str(target), "F")
  assert network == "squeeze"
  np.testing.assert_array_equal(
    params["features.6.expand3x3"]["kernel"][1, 2, 3, 5],
    trunk["features.6.expand3x3.weight"][5, 3, 1, 2],
  )
  np.testing.assert_array_equal(
    params["lin4"]["kernel"].ravel(), heads["lin4.model.1.weight"].ravel()
  )
  target.unlink()
  line = fails(capsys, *flags[:2], f"--heads={tmp_path / 'x'}", flags[3])
  assert "x: there is no such file" in line and not target.exists()


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
  assert all(
    name in shown
    for name in ("import", "export", "release", "vgg", "inception", "lpips")
  )


def test_pytorch_is_imported_by_commands_only():
  code = (
    "import sys, hdgan.convert; "
    "sys.exit(bool({'torch', 'tensorflow'} & set(sys.modules)))"
  )
  assert subprocess.run([sys.executable, "-c", code]).returncode == 0
