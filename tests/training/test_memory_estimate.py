"""Estimates against a compiler's numbers, and what is said of them."""

import jax
import jax.numpy as jnp
import pytest
from tiny import command, tiny_config, validated

from configs import cityscapes_512, cityscapes_1024
from hdgan import config as config_lib
from hdgan.devices import mesh as meshes
from hdgan.errors import InputError, out_of_memory
from hdgan.training import memory_estimate, schedule
from hdgan.training.stage_program import StageProgram
from hdgan.validation import validate

GIB = 2**30


def planned(config, stage=0):
  return config, schedule.plan_stages(config, 4, 64)[stage]


# GiB of arguments and temporaries that XLA 0.10.2 compiles the step to for one
# H100, of four where the picture is cut; cuDNN's workspaces are not in them.
COMPILED = [
  (cityscapes_512, 0, 1, {"precision": "bf16"}, 4.24),
  (cityscapes_1024, 2, 1, {"precision": "bf16"}, 8.18),
  (cityscapes_1024, 2, 4, {"precision": "bf16"}, 3.81),
]


@pytest.mark.slow
@pytest.mark.parametrize("module, stage, space, changes, want", COMPILED)
def test_published_stages_as_compiled_for_a_gpu(
  module, stage, space, changes, want
):
  config = module.get_config().unlock()
  config.update(changes)
  config, plan = planned(validate(config, files=False), stage)
  found = memory_estimate.estimate(config, plan, 1, space)
  assert abs(found.total / GIB / want - 1) < 0.1


@pytest.mark.slow
def test_a_state_in_bytes():
  """Counted from the shapes: parameters, twice of what trains, the average."""
  config, plan = planned(validated(batch_size=4, shard_optimizer=True))
  size = {
    name: sum(x.size * 4 for x in jax.tree.leaves(part))
    for name, part in plan.model.shapes().items()
  }
  fixed = size["G1"] * 2 + size["E"] + size["D"]  # The average is G's alone.
  moments = 2 * (size["G1"] + size["E"] + size["D"]) + 8  # Two counts.
  for data, part in ((1, 1), (4, 4)):
    found = memory_estimate.estimate(config, plan, data)
    assert found.state == fixed + moments // part
  # 16x32 pixels: three int32 maps, a photo of three bytes.
  assert found.batch <= 16 * 32 * (3 * 4 + 3)


@pytest.fixture
def rough(monkeypatch):
  """An estimate that grows with what it should, without a trace."""

  def estimate(config, plan, data=1, space=1):
    height, width = plan.stage.size
    pixels = height * width * config.batch_size // (data * space)
    kept = {"none": 4, "norms": 3, "networks": 2}[config.remat]
    kept *= 2 if plan.model.generator.dtype == jnp.float32 else 1
    return memory_estimate.Estimate(
      state=3000 - 2000 * (config.shard_optimizer and data > 1), batch=0,
      temporaries=pixels * kept // config.accumulate,
    )  # fmt: skip

  monkeypatch.setattr(memory_estimate, "estimate", estimate)


def flags(config, plan, data=1, space=1, **more):
  found = memory_estimate.cheapest_changes(config, plan, data, space, **more)
  assert all(change.saving > 0 for change in found)
  return [change.flag.replace("--config.", "") for change in found]


def test_what_is_still_open(rough):
  config, plan = planned(validated(batch_size=4))
  every = flags(config, plan, count=9)
  assert every[0] == "precision=bf16" and "accumulate=2" in every
  assert "remat=norms" in every
  assert "stages[0].size=8,16 data.transform=crop" in every
  assert not any(flag.startswith(("shard", "mesh")) for flag in every)
  begun = flags(config, plan, begun=True, count=9)
  assert begun == [f for f in every if f.startswith(("accumulate", "remat"))]
  several = flags(config, plan, 4, devices=8, count=9)
  assert "shard_optimizer=True" in several and "mesh.space=2" in several
  # Bands of a stage's 16 rows, or of what cannot be cut, would be refused.
  for other in ({"mesh.space": 4}, {"loss.vgg_form": "crn"}):
    config, plan = planned(validated(batch_size=1, **other))
    space = config.mesh.space
    found = flags(config, plan, space=space, devices=8, count=9)
    assert not any(flag.startswith("mesh") for flag in found)
  done = validated(batch_size=4, remat="networks", precision="bf16")
  assert flags(*planned(done), 4, begun=True) == ["shard_optimizer=True"]


def test_any_change_can_be_typed(rough):
  """And the estimate with it is smaller by what was said."""
  config, plan = planned(validated(batch_size=4))
  before = memory_estimate.estimate(config, plan).total
  for change in memory_estimate.cheapest_changes(config, plan, count=9):
    other = config_lib.from_json(config_lib.to_json(config)).unlock()
    for word in change.flag.split():
      name, value = word.removeprefix("--config.").split("=")
      if name.startswith("stages"):
        size = tuple(map(int, value.split(",")))
        other.stages[0].unlock().size = size
      else:
        old = config_lib.get(other, name)
        config_lib.set_field(other, name, type(old)(value))
    after = memory_estimate.estimate(*planned(validate(other))).total
    assert before - after == change.saving


def exhausted():
  """XLA's own error, of more memory than any machine has."""
  jnp.zeros((2**46,), jnp.uint8).block_until_ready()


def test_other_errors_pass():
  config, plan = planned(validated())
  mesh = meshes.make_mesh(1, 1)
  with (
    pytest.raises(ZeroDivisionError),
    memory_estimate.told(config, plan, mesh, begun=False),
  ):
    raise ZeroDivisionError
  assert not out_of_memory(ValueError("too large"))


def test_one_line_says_what_helps(rough):
  config, plan = planned(validated())
  mesh = meshes.make_mesh(1, 1)
  with (
    pytest.raises(InputError) as error,
    memory_estimate.told(config, plan, mesh, begun=False),
  ):
    exhausted()
  (line,) = str(error.value).split("\n")
  assert line.startswith("stage global (32x16 pixels, batch of 1, 1 device): ")
  assert line.count("--config.") == 3 and line.count(" GiB less)") == 3


def test_a_training_that_does_not_fit_ends_in_it(rough, tmp_path, monkeypatch):
  """Where the step is compiled; the folder is fit for the same command."""
  config = tiny_config(**{"data.prepared_dir": str(tmp_path / "copies")})
  (tmp_path / "c.json").write_text(config_lib.to_json(config))
  monkeypatch.setattr(StageProgram, "lower", lambda *_: exhausted())
  status, _, err = command(
    f"--config={tmp_path / 'c.json'}", f"--workdir={tmp_path / 'W'}"
  )
  assert status == 2 and "Traceback" not in err
  last = err.splitlines()[-1]
  assert last.startswith("error: stage global (32x16 pixels")
  assert last.count("--config.") == 3
