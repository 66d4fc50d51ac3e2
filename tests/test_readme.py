"""Every command of the READMEs runs, in order, as a newcomer would type it.

Commands run word for word; only trainings get overrides behind them that make
them small. Installing is left to the environment that the tests run in.
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
from feature_weights import drawn, inception_shapes, lpips_shapes
from raters import answers_of, as_csv

from hdgan import config as config_lib
from hdgan import main
from hdgan.datasets.streets import builder as synthetic_streets
from hdgan.weights import pth, state_dict

ROOT = pathlib.Path(__file__).parent.parent
SMALL = {
  "configs/demo.py": """
    --config.data.num_train=2 --config.data.num_val=1
    --config.stages[0].constant=1 --config.stages[0].decay=0
    --config.stages[2].decay=0 --config.generator.width=4
    --config.discriminator.width=4
  """,
  "configs/paired_folder.py": """
    --config.stages[0].size=32,64 --config.stages[0].constant=1
    --config.stages[0].decay=0 --config.generator.width=4
    --config.discriminator.width=4 --config.generator.blocks=1
  """,
}
SMALL["configs/cityscapes_512.py"] = SMALL["configs/paired_folder.py"] + (
  "--config.generator.downsamples=2"
)
SMALL["configs/ablation_losses.py"] = (
  SMALL["configs/paired_folder.py"] + "--seeds=1"
)
# In the order in which a newcomer meets them.
READMES = (
  "README.md", "hdgan/styles/README.md", "hdgan/editing/README.md",
  "hdgan/weights/README.md", "hdgan/evaluation/README.md",
  "hdgan/evaluation/study/README.md",
)  # fmt: skip
INSTALLS = ("python3 -m venv", ". .venv/", "pip install", "python -m pytest")


def read(name: str) -> str:
  return (ROOT / name).read_text()


def commands() -> list[str]:
  """Lines of all ```sh blocks, split at &&, without installation."""
  text = "\n".join(read(name) for name in READMES)
  blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
  lines = [line for block in blocks for line in block.strip().splitlines()]
  parts = [part.strip() for line in lines for part in line.split(" && ")]
  return [part for part in parts if not part.startswith(INSTALLS)]


def small(command: str) -> list[str]:
  """A command's words, with the overrides of its config where it trains."""
  # The small demo's first held-out map.
  words = shlex.split(command.replace("street_00280", "street_00002"))
  words[0] = {"python": sys.executable}.get(words[0], words[0])
  for config, overrides in SMALL.items():
    if f"--config={config}" in words:
      words += overrides.split()
  return words


def test_commands_parse_alike_in_bash_and_zsh():
  """No unquoted bracket or star: zsh would look for files by that name."""
  for command in commands():
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", command)
    assert not re.search(r"[\[\]*?]", bare), command


def test_names_every_mode_and_config():
  text = read("README.md")
  for mode in main.MODES:
    assert f"`{mode}`" in text, mode
  text = read("configs/README.md")
  for config in ROOT.glob("configs/*.py"):
    assert f"`configs/{config.name}`" in text, config


def test_every_readme_is_short_and_its_links_lead_somewhere():
  found = sorted(
    str(path.relative_to(ROOT))
    for top in ("hdgan", "configs", "launch")
    for path in (ROOT / top).rglob("*.md")
  )
  for name in ("README.md", *found):
    text = read(name)
    assert len(text.splitlines()) <= 200, name
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
      assert ((ROOT / name).parent / link).exists(), (name, link)
  # Each with a command is among those whose commands run below.
  assert {n for n in found if "```sh" in read(n)} <= set(READMES)


def test_the_released_code_s_options_are_in_the_table():
  """README names the field that the config's table gives to each option."""
  text = read("hdgan/weights/README.md")
  for prefix, fields in (
    ("", config_lib.FIELDS),
    ("stages[i].", config_lib.STAGE_FIELDS),
  ):
    for field in fields:
      if field.option:
        (line,) = re.findall(rf"^.*`--{field.option}`.*$", text, re.MULTILINE)
        assert f"{prefix}{field.name}" in line, field.name


def check_studio(words: list[str], cwd: pathlib.Path, env: dict) -> None:
  """Starts the studio, gets its page, and ends it as Ctrl-C does."""
  with subprocess.Popen(
    words, cwd=cwd, env=env, stdout=subprocess.PIPE, text=True
  ) as studio:
    try:
      address = re.search(r"http://\S+", studio.stdout.readline())[0]
      with urllib.request.urlopen(address) as answer:
        assert b"hdgan studio" in answer.read()
    finally:
      studio.send_signal(signal.SIGINT)
  assert studio.returncode == 130


def write_feature_weights(folder: pathlib.Path) -> None:
  """Files of the networks that measure, as others hand them out."""
  trunk, heads = lpips_shapes("alex")
  whole = inception_shapes() | {"fc.weight": (1008, 2048)}
  for name, shapes in {
    "pt_inception-2015-12-05-6726825d.pth": whole,
    "alexnet-owt-7be5be79.pth": trunk,
    "alex.pth": heads,
  }.items():
    pth.write(folder / name, drawn(shapes))


def answer(folder: pathlib.Path) -> None:
  """The answers of one participant to each of a study's first pages."""
  plan = json.loads((folder / "study" / "plan.json").read_text())
  (folder / "answers").mkdir()
  rng = np.random.default_rng(0)
  strengths = dict.fromkeys(plan["methods"], 0.5)
  for page in range(3):
    rows = answers_of(rng, plan, page, f"p{page}", strengths)
    (folder / "answers" / f"{page}.csv").write_text(as_csv(rows))


@pytest.mark.slow
def test_every_command_runs(tmp_path):
  torch = pytest.importorskip("torch")
  (tmp_path / "configs").symlink_to(ROOT / "configs")
  synthetic_streets.write_folder(
    tmp_path / "my_folder", num_train=10, num_val=2, size=(64, 128)
  )
  for kind in ("result", "real"):
    maps = tmp_path / "my_folder" / "val_label"
    shutil.copytree(maps, tmp_path / "predicted" / kind)
  write_feature_weights(tmp_path)
  shapes = state_dict.shapes_of(state_dict.vgg_table())
  weights = {name: 0.01 * torch.randn(shape) for name, shape in shapes.items()}
  torch.save(weights, tmp_path / "vgg19.pth")
  tiny = state_dict.GeneratorSpec(36, 3, 4, 2, 1)
  shapes = state_dict.shapes_of(state_dict.generator_table(tiny))
  folder = tmp_path / "checkpoints" / "label2city"
  folder.mkdir(parents=True)
  weights = {name: 0.02 * torch.randn(shape) for name, shape in shapes.items()}
  torch.save(weights, folder / "latest_net_G.pth")
  text = read("hdgan/editing/README.md")
  (edits,) = re.findall(r"```json\n(\{[^`]*\"edits\"[^`]*)```", text)
  (tmp_path / "edits.json").write_text(edits)
  env = dict(os.environ, JAX_PLATFORMS="cpu")
  env.pop("XLA_FLAGS", None)
  found = commands()
  assert len(found) >= 8
  for command in found:
    if "--mode=studio" in command:
      check_studio(small(command), tmp_path, env)
      continue
    if "--analyse" in command:
      answer(tmp_path)
    run = subprocess.run(
      small(command), cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert run.returncode == 0, f"{command}\n{run.stdout}\n{run.stderr}"
  (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
  code = code.replace("street_00280", "street_00002")
  subprocess.run(
    [sys.executable, "-c", code], cwd=tmp_path, env=env, check=True
  )
  assert (tmp_path / "runs/demo/index.html").is_file()
  assert len(list((tmp_path / "runs/demo/pictures").glob("*.png"))) == 2
  assert (tmp_path / "vgg19.safetensors").is_file()
