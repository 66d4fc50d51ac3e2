"""A step that was not finite, kept in a file and made once more.

`nonfinite/<step>.safetensors` in the run directory holds the state before the
step as `params/...`, `g_optimizer/...`, the batch as `batch/...`, and in its
metadata the config, the stage and the names of the pictures.
"""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
from ml_collections import ConfigDict

from hdgan import config as config_lib
from hdgan.datasets import pipeline
from hdgan.devices import mesh as meshes
from hdgan.devices import processes
from hdgan.errors import InputError, counted, shortened
from hdgan.networks import vgg
from hdgan.training import schedule, train_step
from hdgan.training.run import Run
from hdgan.training.train_step import TrainState
from hdgan.validation import validate
from hdgan.weights.release import save_arrays
from hdgan.whole_files import local_copy, whole_file

FOLDER = "nonfinite"
SUFFIX = ".safetensors"
FORMAT = "hdgan step 1"
_NUMBERS = ("stage", "step", "images", "max_instances")


def write(
  run: Run,
  plan: schedule.StagePlan,
  *,
  step: int,
  state: TrainState,
  names: Sequence[str],
) -> None:
  """Writes a step that was left out to W/nonfinite/<step>.safetensors.

  Args:
    run: that it is a step of.
    plan: of its stage.
    step: its number, from 1.
    state: after it: that before it, but for the number.
    names: of its pictures.

  Raises:
    OSError: if it cannot be written; nothing of it stays.
  """
  batch = next(
    pipeline.batches(
      run.data, "train",
      stage_size=plan.model.size,
      batch_size=run.config.batch_size,
      seed=(run.config.seed, plan.index),
      start=step - 1 - plan.first,
      objects=plan.model.encoder is not None,
    )
  )  # fmt: skip
  before = dataclasses.replace(state, step=jnp.int32(step - 1))
  arrays = {name: np.asarray(leaf) for name, leaf in _leaves(before).items()}
  metadata = {
    "format": FORMAT,
    "config": config_lib.to_json(run.config),
    "stage": str(plan.index),
    "step": str(step),
    "images": str(run.data.num_train),
    "max_instances": str(run.data.max_instances),
    "names": json.dumps(list(names)),
  }
  with whole_file(run.workdir / FOLDER / f"{step}{SUFFIX}") as draft:
    save_arrays(draft, arrays | _under("batch", batch), metadata)


def read_metadata(path: pathlib.Path) -> dict[str, Any]:
  """What a file says of its step.

  Args:
    path: of a file that `write` wrote.

  Returns:
    "config" (locked), "names" (of pictures), and the numbers "stage", "step",
    "images" and "max_instances".

  Raises:
    InputError: if it is not there, or is no such file.
  """
  if not path.is_file():
    raise InputError(f"--replay={path}: there is no such file")
  try:
    if path.suffix != SUFFIX:
      raise ValueError(f"its name does not end in {SUFFIX}")
    with local_copy(path) as copy, safetensors.safe_open(copy, "numpy") as file:
      found: dict[str, Any] = dict(file.metadata() or {})
    if found.get("format") != FORMAT:
      raise ValueError(f"its metadata has no format {FORMAT!r}")
    found["config"] = config_lib.from_json(found["config"])
    found["names"] = [str(name) for name in json.loads(found["names"])]
    return found | {name: int(found[name]) for name in _NUMBERS}
  except (
    safetensors.SafetensorError, OSError, KeyError, ValueError, TypeError,
    AttributeError, RecursionError,
  ) as error:  # fmt: skip
    raise InputError(
      f"--replay={path}: not a step that training has kept ("
      f"{' '.join(str(error).split())[:200]}); such files lie in the run's "
      f"folder {FOLDER}"
    ) from error


def replay(config: ConfigDict, path: pathlib.Path) -> None:
  """Makes a step once more and prints what of it is not finite.

  Args:
    config: that of the file, or another for the same networks.
    path: of the file.

  Raises:
    InputError: if the file is none, or of other networks than the config's.
  """
  about, config = read_metadata(path), validate(config)
  plans = schedule.plan_stages(config, about["images"], about["max_instances"])
  if not 0 <= about["stage"] < len(plans):
    raise InputError(
      f"--replay={path}: is of stage {about['stage']}, the config has "
      f"{counted(len(plans), 'stage')}; leave --config out"
    )
  plan = plans[about["stage"]]
  state, batch = _read_arrays(path, plan, config)
  size = len(batch.get("label", ()))
  if size != config.batch_size:
    raise InputError(
      f"--replay={path}: holds a batch of {size}, not of config.batch_size = "
      f"{config.batch_size}; say --config.batch_size={size}"
    )
  mesh = meshes.make_mesh(
    size, accumulate=config.accumulate, space=config.mesh.space
  )
  weights = vgg.load_for(config)
  attempt = train_step.bind_step(
    plan.model, plan.stage, config,
    first_step=plan.first, steps_per_epoch=plan.steps_per_epoch,
    function=train_step.attempt,
  )  # fmt: skip

  def look(state: TrainState, batch: Any, weights: Any) -> Any:
    """The losses, how many numbers are not finite, whether all is well."""
    new, metrics, gradient = attempt(state, batch, weights)
    counts = jax.tree.map(
      lambda x: jnp.sum(~jnp.isfinite(x)), (gradient, new.params)
    )
    well = train_step.all_finite(gradient, metrics)
    return metrics, *counts, well

  copied = meshes.replicated(mesh)
  # Each process has its part, as in training.
  index, parts = meshes.reading_share(mesh)
  own = {name: x[index::parts] for name, x in batch.items()}
  with jax.set_mesh(mesh):
    found = jax.jit(look)(
      meshes.place(state, copied),
      meshes.put_batch(own, mesh),
      meshes.put(weights, copied),
    )
  for line in _describe(about, plan, *jax.device_get(found)):
    processes.say(line)


def _describe(
  about: Mapping[str, Any],
  plan: schedule.StagePlan,
  metrics: Mapping[str, Any],
  gradient: Any,
  params: Any,
  well: Any,
) -> list[str]:
  """Lines that say what is not finite."""
  names = about["names"]
  lines = [
    f"step {about['step']}, stage {plan.stage.name}, "
    f"{counted(len(names), 'picture')}: {shortened(names)}"
  ]
  lines += [f"{name}: {float(value):.6g}" for name, value in metrics.items()]
  for unit, counts in gradient.items():
    lines.append(f"gradient of {unit}: {_count(_leaves({unit: counts}))}")
  lines.append(f"parameters after the step: {_count(_leaves(params))}")
  if well:
    lines.append("finite here: training would make this step")
  elif all(np.isfinite(x) for x in metrics.values()) and not any(
    np.any(x) for x in jax.tree.leaves((gradient, params))
  ):
    lines.append("not finite again: the squares of the gradient")
  else:
    lines.append("not finite again: training leaves this step out")
  return lines


def _count(counts: Mapping[str, Any]) -> str:
  """How many arrays hold numbers that are not finite, and the first one."""
  bad = [name for name, count in counts.items() if count]
  if not bad:
    return "finite"
  return (
    f"not finite in {len(bad)} of {counted(len(counts), 'array')}, first "
    f"{bad[0]} ({counted(int(counts[bad[0]]), 'number')})"
  )


def _read_arrays(
  path: pathlib.Path, plan: schedule.StagePlan, config: ConfigDict
) -> tuple[TrainState, dict[str, np.ndarray]]:
  """The state before the step, and its batch [B, H, W, ...]."""
  init = functools.partial(
    train_step.init_state, trainable=tuple(plan.stage.trainable), config=config
  )
  shapes = jax.eval_shape(init, plan.model.shapes())
  with local_copy(path) as copy, safetensors.safe_open(copy, "numpy") as file:
    names = list(file.keys())
    arrays = {name: file.get_tensor(name) for name in names}
  batch = {
    name.removeprefix("batch/"): arrays.pop(name)
    for name in names
    if name.startswith("batch/")
  }
  there, wanted = (
    {name: f"{x.dtype}{list(x.shape)}" for name, x in tree.items()}
    for tree in (arrays, _leaves(shapes))
  )
  odd = sorted({name for name, _ in there.items() ^ wanted.items()})
  if odd or not batch:
    first = odd[0] if odd else "batch/label"
    raise InputError(
      f"--replay={path}: {first} is {there.get(first, 'absent')}, the config's "
      f"networks need {wanted.get(first, 'none')}; leave --config out"
    )
  leaves = [arrays[name] for name in wanted]
  return jax.tree.unflatten(jax.tree.structure(shapes), leaves), batch


def _leaves(tree: Any) -> dict[str, Any]:
  """Leaves by names such as `params/G1/conv_in/kernel`."""
  return {
    jax.tree_util.keystr(path, simple=True, separator="/"): leaf
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


def _under(folder: str, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
  return {f"{folder}/{name}": np.asarray(x) for name, x in arrays.items()}
