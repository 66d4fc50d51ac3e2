"""E on all photos of a split; `--mode=styles` makes the style bank of a run.

Each picture is one local batch of its own, and pooling sums in float64 on the
host, so that any number of devices gives the same file.
"""

import concurrent.futures
import functools
import pathlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, PartitionSpec

from hdgan import input_pipeline, render, sharding, style_bank, style_page
from hdgan.config import InputError
from hdgan.datasets import prepared, synthesis_inputs
from hdgan.datasets.transforms import dense_objects
from hdgan.model import Model, Params
from hdgan.render import Renderer, pad_to_multiple
from hdgan.style_bank import Objects, StyleBank
from hdgan.styles import MIN_AREA, NUM_STYLES, find_styles, group_means

Example = dict[str, Any]

# With fewer output channels a convolution on the CPU cuts its sums by threads,
# and more devices round otherwise (Eigen's rule; measured with E's width >= 8).
CPU_CHANNELS = 8


@functools.partial(jax.jit, static_argnums=(0, 1))
def _encode(
  model: Model, mesh: Mesh, params: Params, image: jax.Array
) -> jax.Array:
  """E of [B, h, w, C] photos, B the number of devices: [B, h, w, C_feat]."""

  net = model.encoder
  more = max(0, CPU_CHANNELS - net.channels)
  wide = net.clone(channels=net.channels + more)

  def one(params: Params, image: jax.Array) -> jax.Array:
    last = params["conv_out"]
    last = {
      "kernel": jnp.pad(last["kernel"], ((0, 0), (0, 0), (0, 0), (0, more))),
      "bias": jnp.pad(last["bias"], (0, more)),
    }
    photo = model.image({"image": image})
    raw = wide.apply({"params": {**params, "conv_out": last}}, photo)
    return raw[..., : net.channels]

  whole, cut = PartitionSpec(), PartitionSpec("data")
  return jax.shard_map(
    one, mesh=mesh, in_specs=(whole, cut), out_specs=cut, check_vma=False
  )(params, image)


def encode_all(
  renderer: Renderer, examples: Iterator[Example]
) -> Iterator[tuple[Example, np.ndarray]]:
  """Runs E over photos, as many at a time as this process has devices.

  Args:
    renderer: with E's parameters.
    examples: with image [h, w, C] at stage one's size.

  Yields:
    Each example with E's features [h, w, C_feat] before pooling.
  """
  mesh = sharding.make_mesh(
    jax.local_device_count(), devices=jax.local_devices()
  )
  params = jax.device_put(renderer.params["E"], sharding.replicated(mesh))
  unit = 2**renderer.model.encoder.downsamples
  waiting: list[tuple[Example, np.ndarray]] = []
  running: tuple[list, Any] = ([], None)

  def finish() -> Iterator[tuple[Example, np.ndarray]]:
    if running[0]:
      for (example, _), raw in zip(
        running[0], np.asarray(running[1]), strict=False
      ):
        height, width = example["image"].shape[:2]
        yield example, raw[:height, :width]

  def start() -> tuple[list, Any]:
    photos = [photo for _, photo in waiting]
    photos += photos[-1:] * (mesh.size - len(photos))
    batch = jax.device_put(np.stack(photos), sharding.split(mesh))
    return list(waiting), _encode(renderer.model, mesh, params, batch)

  for example in examples:
    photo = pad_to_multiple(example["image"], unit)
    if waiting and (
      len(waiting) == mesh.size or photo.shape != waiting[0][1].shape
    ):
      # The devices work on these while the ones before are handed out.
      begun = start()
      yield from finish()
      running, waiting = begun, []
    waiting.append((example, photo))
  if waiting:
    begun = start()
    yield from finish()
    running = begun
    yield from finish()


def pool_objects(
  raw: np.ndarray, label: np.ndarray, instance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Averages E's features over the objects of one picture.

  Args:
    raw: [h, w, C] float32.
    label: [h, w] integers, or [h, w, C] where the label is a picture.
    instance: [h, w] integers.

  Returns:
    [N, C] float32 means, [N, 2] int64 pairs of label and instance id, and [N]
    float32 shares of the picture.
  """
  if label.ndim == 3:
    label = np.zeros_like(instance)
  objects, pairs = dense_objects(label, instance)
  flat = raw.reshape(-1, raw.shape[-1])
  means, pixels = group_means(flat, objects.ravel(), len(pairs))
  shares = (pixels / objects.size).astype(np.float32)
  return means.astype(np.float32), pairs, shares


def training_inputs(
  data: input_pipeline.Prepared, size: tuple[int, int]
) -> synthesis_inputs.SynthesisInputs:
  """The training split, whole pictures at a stage's (H, W)."""
  examples = data.sources["train"]
  names = tuple(example["name"].decode() for example in examples)
  geometry = data.data.geometry(size)
  return synthesis_inputs.SynthesisInputs(
    names, examples, data.data, geometry, False
  )


def encode_split(
  renderer: Renderer, inputs: synthesis_inputs.SynthesisInputs
) -> Objects:
  """Encodes every object of a split, sharded over processes and devices.

  Args:
    renderer: with E's parameters.
    inputs: pictures at stage one's size.

  Returns:
    The objects of all pictures; pixels without a class belong to none.
  """
  first, count = jax.process_index(), jax.process_count()
  own = range(first, len(inputs), count)
  tell = prepared.progress_line("encoding")
  parts = []
  workers = max(1, inputs.reading.workers)
  with concurrent.futures.ThreadPoolExecutor(workers) as pool:
    reading = ahead(pool, inputs, own, 2 * workers)
    for done, (example, raw) in enumerate(encode_all(renderer, reading), 1):
      parts.append(pool_objects(raw, example["label"], example["instance"]))
      tell(done, len(own))
  sizes = [len(pairs) for _, pairs, _ in parts]
  channels = renderer.channels
  columns = {
    "features": np.concatenate(
      [np.zeros((0, channels), np.float32), *(p[0] for p in parts)]
    ),
    "pairs": np.concatenate(
      [np.zeros((0, 2), np.int64), *(p[1] for p in parts)]
    ),
    "areas": np.concatenate(
      [np.zeros(0, np.float32), *(p[2] for p in parts)]
    ),
    "pictures": np.repeat(np.array(own, np.int32), sizes),
  }  # fmt: skip
  if count > 1:
    columns = {name: gather(value) for name, value in columns.items()}
  order = np.argsort(columns["pictures"], kind="stable")
  labels = columns["pairs"][:, 0]
  config = renderer.config
  known = (labels >= 0) & (labels < max(1, config.num_classes))
  if config.num_classes:
    known &= labels != config.ignore_label
  order = order[known[order]]
  return Objects(
    features=columns["features"][order],
    labels=labels[order].astype(np.int32),
    instances=columns["pairs"][order, 1],
    pictures=columns["pictures"][order],
    areas=columns["areas"][order],
  )


def ahead(
  pool: concurrent.futures.Executor,
  inputs: synthesis_inputs.SynthesisInputs,
  indices: range,
  depth: int,
) -> Iterator[Example]:
  """Reads inputs in order, up to `depth` of them ahead."""
  pending = [pool.submit(inputs.__getitem__, i) for i in indices[:depth]]
  for i in [*indices[depth:], *[None] * len(pending)]:
    yield pending.pop(0).result()
    if i is not None:
      pending.append(pool.submit(inputs.__getitem__, i))


def gather(values: np.ndarray) -> np.ndarray:
  """Joins arrays [n, ...] of all processes, n differing, in process order."""
  counts = multihost_utils.process_allgather(np.array([len(values)]))
  most = int(counts.max())
  pad = [(0, most - len(values))] + [(0, 0)] * (values.ndim - 1)
  # As bytes: without 64-bit mode JAX would cut int64 ids to 32 bits.
  raw = np.ascontiguousarray(np.pad(values, pad)).view(np.uint8)
  parts = multihost_utils.process_allgather(raw)
  return np.concatenate([
    np.ascontiguousarray(part).view(values.dtype)[:n]
    for part, n in zip(parts, counts.ravel(), strict=True)
  ])  # fmt: skip


def make_styles(
  workdir: pathlib.Path,
  step: int | None = None,
  num_styles: int = NUM_STYLES,
  min_area: float = MIN_AREA,
  seed: int = 0,
) -> StyleBank:
  """Encodes the training split, clusters it, writes the bank and its page.

  Args:
    workdir: of a run that was trained with E.
    step: of the checkpoint; None for the newest.
    num_styles: K, the most styles of a class.
    min_area: share of the picture that an object must exceed to count.
    seed: of K-means.

  Returns:
    The bank.

  Raises:
    InputError: for a run without E, or numbers out of range.
  """
  if num_styles < 1:
    raise InputError(f"--num_styles={num_styles} must be at least 1")
  if not 0 <= min_area < 1:
    raise InputError(
      f"--min_area={min_area} is a share of the picture: 0 or more, below 1"
    )
  if seed < 0:
    raise InputError(f"--style_seed={seed} must be at least 0")
  renderer = render.open_renderer(workdir, step, use_bank=False)
  render.require_encoder(renderer, "--mode=styles")
  config = renderer.config
  data = input_pipeline.prepare(config)
  inputs = training_inputs(data, tuple(config.stages[0].size))
  objects = encode_split(renderer, inputs)
  styles = find_styles(
    objects.features, objects.labels, objects.areas,
    num_classes=max(1, config.num_classes), num_styles=num_styles,
    min_area=min_area, seed=seed,
  )  # fmt: skip
  encoder = jax.device_get(renderer.params["E"])
  about = {
    "format": style_bank.FORMAT,
    "encoder": style_bank.parameters_digest(encoder),
    "classes": renderer.class_names,
    "num_styles": num_styles,
    "min_area": min_area,
    "seed": seed,
    "step": renderer.step,
    "config": style_bank.public_config(config),
    "names": list(inputs.names),
  }
  bank = StyleBank(styles, objects, about)
  if jax.process_index() == 0:
    style_bank.save(workdir, bank)
    for line in describe(bank):
      print(line)
    style_page.write(renderer, bank, training_inputs(data, renderer.size))
    print(f"{style_bank.FILE} and {style_page.FILE} written to {workdir}")
  return bank


def describe(bank: StyleBank) -> list[str]:
  """Says how many styles there are, and which classes have fewer and why."""
  styles, about = bank.styles, bank.about
  lines = [
    f"{len(bank.objects.labels)} objects of {len(about['names'])} pictures: "
    f"{len(styles.labels)} styles"
  ]
  share = f"{about['min_area']:.3g} of the picture"
  for label, name in enumerate(about["classes"]):
    have = int((styles.labels == label).sum())
    used = int(styles.counts[styles.labels == label].sum())
    total = int(styles.class_counts[label])
    if have < about["num_styles"] and total:
      lines.append(
        f"{name}: {have} styles rather than {about['num_styles']}: {used} of "
        f"its {total} objects cover more than {share} (--min_area)"
      )
  return lines
