"""Photos from label maps, with a trained run's generator."""

import pathlib
from collections.abc import Iterator

import jax
import numpy as np
from PIL import Image

from hdgan import input_pipeline, pictures, run_directory, sampling
from hdgan.config import InputError
from hdgan.model import Model, build_model

GRID_ROWS = 8
GRID = "grid.png"


def pad_to_multiple(x: np.ndarray, unit: int) -> np.ndarray:
  """Repeats the last row and column of [H, W, ...] up to multiples of `unit`.

  At least two units, since networks mirror two pixels at their smallest size.
  """
  height, width = (max(2, -(-n // unit)) * unit for n in x.shape[:2])
  pad = [(0, height - x.shape[0]), (0, width - x.shape[1])]
  return np.pad(x, pad + [(0, 0)] * (x.ndim - 2), mode="edge")


def to_levels(
  image: np.ndarray, image_range: tuple[float, float]
) -> np.ndarray:
  """Maps [H, W, C] in [-1, 1] to what a PNG holds.

  Args:
    image: float32.
    image_range: of the training photos; beyond 255 a grey picture gets 16
      bits.

  Returns:
    [H, W, 1 or 3] uint8, or [H, W] uint16.
  """
  low, high = image_range
  if high <= 255 or image.shape[-1] != 1:
    return pictures.to_uint8(image)
  values = (image[..., 0].astype(np.float64) + 1) / 2 * (high - low) + low
  return np.clip(np.rint(values), 0, 65535).astype(np.uint16)


def write_picture(path: pathlib.Path, picture: np.ndarray) -> None:
  """Writes a PNG of 8 or 16 bits as a whole."""
  if picture.dtype == np.uint8:
    pictures.save_png(path, picture)
    return
  temporary = path.with_suffix(".tmp")
  Image.fromarray(picture).save(temporary, format="PNG")
  temporary.replace(path)


def synthesize(
  workdir: pathlib.Path,
  source: str,
  output: pathlib.Path,
  step: int | None = None,
  size: str = "stage",
) -> None:
  """Writes one PNG per label map, of the same name, and a grid.

  Args:
    workdir: of a trained run.
    source: a folder of maps, or the name of a split of the run's data.
    output: folder to write to; made when missing.
    step: of the checkpoint; None for the newest.
    size: "stage" scales as training did, "input" keeps each map's own size.

  Raises:
    InputError: for a workdir without a checkpoint, bad maps, or an output
      folder that holds one of the names already.
  """
  config = run_directory.read_config(workdir)
  checkpoints = run_directory.checkpoints_of(workdir)
  step = run_directory.find_step(workdir, checkpoints, step)
  stage = config.stages[checkpoints.info(step)["stage"]]
  inputs = input_pipeline.synthesis_inputs(
    config, source, stage_size=tuple(stage.size), size=size
  )
  _check_output(output, inputs.names)
  model = build_model(config, stage)
  generators = [f"G{k + 1}" for k in range(stage.enhancers + 1)]
  params = run_directory.load_params(workdir, step, generators)
  if model.encoder is not None:
    print("This model has styles; all of them are zero here.")
  classes = run_directory.read_classes(workdir)
  colors = sampling.class_colors(classes, config.num_classes)
  rows = []
  output.mkdir(parents=True, exist_ok=True)
  for example, fake in generate_all(model, params, inputs):
    picture = to_levels(fake, model.image_range)
    write_picture(output / f"{example['name']}.png", picture)
    if len(rows) < GRID_ROWS:
      label = example["label"][None]
      row = [
        sampling.label_picture(label, colors, model.label_range)[0],
        pictures.to_uint8(fake),
      ]
      if example["image"] is not None:
        real = np.asarray(model.image({"image": example["image"]}))
        row.append(pictures.to_uint8(real))
      rows.append((example["name"], row))
  columns = ["label", "synthesised", "real"][: max(len(r) for _, r in rows)]
  grid = pictures.grid([r for _, r in rows], columns, [n for n, _ in rows])
  pictures.save_png(output / GRID, grid)
  print(f"{len(inputs)} pictures and {GRID} written to {output}")


def generate_all(
  model: Model, params: dict, inputs: input_pipeline.SynthesisInputs
) -> Iterator[tuple[dict, np.ndarray]]:
  """Runs G on every map, at the map's size.

  Args:
    model: of the run's stage.
    params: of G.
    inputs: maps as `synthesis_inputs` gives them.

  Yields:
    The example, and its picture [H, W, C] float32 in [-1, 1].
  """

  @jax.jit
  def generate(params: dict, batch: dict) -> jax.Array:
    condition = model.condition(batch)
    return model.generate(params, condition, model.no_features(batch))

  params = jax.device_put(params)
  generator = model.generator
  unit = 2 ** (generator.downsamples + generator.enhancers)
  for example in inputs:
    height, width = example["label"].shape[:2]
    batch = {
      name: pad_to_multiple(example[name], unit)[None]
      for name in ("label", "instance")
    }
    yield example, np.asarray(generate(params, batch))[0, :height, :width]


def _check_output(output: pathlib.Path, names: tuple[str, ...]) -> None:
  """Refuses to write over pictures."""
  if output.exists() and not output.is_dir():
    raise InputError(f"--output={output} is a file; name a folder")
  there = [n for n in names if (output / f"{n}.png").exists()]
  if there:
    raise InputError(
      f"--output={output} holds {there[0]}.png already ({len(there)} of "
      f"{len(names)} names); name another folder, or empty this one"
    )
