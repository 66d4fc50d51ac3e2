"""E on photos: features of all objects of a split.

Each picture is one local batch of its own, and pooling sums in float64 on the
host, so that any number of devices gives the same file.
"""

import concurrent.futures
import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, PartitionSpec

from hdgan.datasets import prepared
from hdgan.datasets.synthesis_inputs import SynthesisInputs
from hdgan.datasets.transforms import dense_objects
from hdgan.devices import processes
from hdgan.devices.mesh import make_mesh, replicated, split
from hdgan.networks.encoder import FeatureEncoder
from hdgan.networks.model import Model, Params
from hdgan.rendering.renderer import (
  Renderer,
  pad_to_multiple,
  require_encoder,
)
from hdgan.styles.bank import Objects
from hdgan.styles.clusters import group_means

Example = dict[str, Any]

# With fewer output channels a convolution on the CPU cuts its sums by threads,
# and more devices round otherwise (Eigen's rule; measured with E's width >= 8).
CPU_CHANNELS = 8


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _encode(
  model: Model,
  net: FeatureEncoder,
  mesh: Mesh,
  params: Params,
  image: jax.Array,
) -> jax.Array:
  """E of [B, h, w, C] photos, B the number of devices: [B, h, w, C_feat]."""
  more = max(0, CPU_CHANNELS - net.channels)
  wide = net.clone(channels=net.channels + more)

  def one(params: Params, image: jax.Array) -> jax.Array:
    """E on a device's one photo: [1, h, w, C] to [1, h, w, C_feat]."""
    last = params["conv_out"]
    last = {
      "kernel": jnp.pad(last["kernel"], ((0, 0), (0, 0), (0, 0), (0, more))),
      "bias": jnp.pad(last["bias"], (0, more)),
    }
    photo = model.image({"image": image})
    raw: Any = wide.apply({"params": {**params, "conv_out": last}}, photo)
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
  net = require_encoder(renderer, "E")
  mesh = make_mesh(jax.local_device_count(), devices=jax.local_devices())
  params = jax.device_put(renderer.params["E"], replicated(mesh))
  unit = 2**net.downsamples
  waiting: list[tuple[Example, np.ndarray]] = []
  running: tuple[list, Any] = ([], None)

  def finish() -> Iterator[tuple[Example, np.ndarray]]:
    """Hands out what was running, [h, w, C_feat] each, padding cut off."""
    if running[0]:
      for (example, _), raw in zip(
        running[0], np.asarray(running[1]), strict=False
      ):
        height, width = example["image"].shape[:2]
        yield example, raw[:height, :width]

  def start() -> tuple[list, Any]:
    """Sends off what waits, as one batch [B, h, w, C]."""
    photos = [photo for _, photo in waiting]
    # Every device needs a photo; `finish` leaves the repeated ones out.
    photos += photos[-1:] * (mesh.size - len(photos))
    batch = jax.device_put(np.stack(photos), split(mesh))
    return list(waiting), _encode(renderer.model, net, mesh, params, batch)

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
  objects, pairs = dense_objects(label, instance)
  flat = raw.reshape(-1, raw.shape[-1])
  means, pixels = group_means(flat, objects.ravel(), len(pairs))
  shares = (pixels / objects.size).astype(np.float32)
  return means.astype(np.float32), pairs, shares


def training_inputs(
  data: prepared.Prepared, size: tuple[int, int]
) -> SynthesisInputs:
  """The training split, whole pictures at a stage's (H, W)."""
  return SynthesisInputs(
    data.names["train"],
    data.sources["train"],
    reading=data.reading,
    geometry=data.reading.geometry(size),
    own_size=False,
  )


def encode_split(renderer: Renderer, inputs: SynthesisInputs) -> Objects:
  """Encodes every object of a split, sharded over processes and devices.

  Args:
    renderer: with E's parameters.
    inputs: pictures at stage one's size.

  Returns:
    The objects of all pictures; pixels without a class belong to none.
  """
  first, count = processes.index(), processes.count()
  own = range(first, len(inputs), count)
  tell = prepared.progress_line("encoding")
  parts = []
  workers = max(1, inputs.reading.workers)
  with concurrent.futures.ThreadPoolExecutor(workers) as pool:
    reading = ahead(pool, inputs, own, 2 * workers)
    for done, (example, raw) in enumerate(encode_all(renderer, reading), 1):
      parts.append(pool_objects(raw, example["label"], example["instance"]))
      if processes.first():
        tell(done, len(own))
  sizes = [len(pairs) for _, pairs, _ in parts]
  channels = renderer.channels
  columns = {
    "features": np.concatenate(
      # An empty part first: a process may have had no picture.
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
  # As if one process had read all pictures in turn.
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
    picture_ids=columns["pictures"][order],
    areas=columns["areas"][order],
  )


def ahead(
  pool: concurrent.futures.Executor,
  inputs: SynthesisInputs,
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
  # What is gathered must have one shape everywhere.
  pad = [(0, most - len(values))] + [(0, 0)] * (values.ndim - 1)
  # As bytes: without 64-bit mode JAX would cut int64 ids to 32 bits.
  raw = np.ascontiguousarray(np.pad(values, pad)).view(np.uint8)
  parts = multihost_utils.process_allgather(raw)
  return np.concatenate([
    np.ascontiguousarray(part).view(values.dtype)[:n]
    for part, n in zip(parts, counts.ravel(), strict=True)
  ])  # fmt: skip
