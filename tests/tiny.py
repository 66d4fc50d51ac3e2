"""The smallest run that has everything: three stages, E, EMA, 4 pictures."""

import contextlib
import resource
import signal
from collections.abc import Iterator

import numpy as np
from ml_collections import ConfigDict

from configs import smoke
from hdgan import config as config_lib
from hdgan.validation import validate


def tiny_config(**changes: object) -> ConfigDict:
  """Three stages of 3 steps each; `changes` by dotted name."""
  config = smoke.get_config()
  with config.unlocked():
    config.data.num_train = 3
    config.data.size = (32, 64)
    config.data.workers = 1
    config.generator.width = 4
    config.generator.downsamples = 1
    config.discriminator.layers = 1
    config.encoder.width = 2
    config.encoder.downsamples = 1
    for stage in config.stages:
      stage.size = (32, 64) if stage.enhancers else (16, 32)
      stage.constant, stage.decay = 1, 0
    config.stages[2].scales = 3
    config.log_every = config.checkpoint_every = 1
    config.sample_every = 3
    config.keep = 99
  for name, value in changes.items():
    *path, last = name.replace("__", ".").split(".")
    node = config
    for part in path:
      node = node[part] if part[-1] != "]" else config.stages[int(part[-2])]
    with config.unlocked():
      if isinstance(node, ConfigDict):
        with node.unlocked():
          node[last] = value
  return config


def data_config(tmp_path, **changes: object) -> ConfigDict:
  """A folder of 8 classes at 16x32, prepared beside it; an unlocked config."""
  config = config_lib.defaults()
  config.num_classes = 8
  config.data.root = str(tmp_path / "data")
  config.data.prepared_dir = str(tmp_path / "copies")
  config.data.size = (32, 64)
  config.stages[0].size = (16, 32)
  config.update_from_flattened_dict(changes)
  return config


def tiny_batch(model, batch_size=1, seed=0):
  """Objects of 8x8 pixels, 3 classes, a photo of noise."""
  rng, (height, width) = np.random.default_rng(seed), model.size
  blocks = np.arange(height * width // 64).reshape(height // 8, width // 8)
  objects = blocks.repeat(8, 0).repeat(8, 1).astype(np.int32)
  objects = np.stack([np.roll(objects, 3 * i, 1) for i in range(batch_size)])
  image = rng.integers(0, 256, (*objects.shape, 3), np.uint8)
  return {
    "label": objects % 3,
    "instance": objects + 1000,
    "objects": objects,
    "image": image,
  }


def on_device(batch):
  """A batch of numpy arrays as JAX arrays."""
  import jax.numpy as jnp

  return {name: jnp.asarray(array) for name, array in batch.items()}


def draw(*shape, seed=0):
  """Normal float32 numbers as a JAX array."""
  import jax.numpy as jnp

  rng = np.random.default_rng([seed, *shape])
  return jnp.asarray(rng.standard_normal(shape), jnp.float32)


def close(got, want, tolerance=1e-5):
  """Equal but for a part of the largest value."""
  scale = np.abs(want).max()
  np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * scale)


def draw_weights(net, x):
  """Small random weights; `net.init` takes seconds to compile."""
  import jax
  import jax.numpy as jnp
  from flax.core.meta import unbox

  rng = np.random.default_rng(1)
  shapes = unbox(jax.eval_shape(net.init, jax.random.key(0), x))
  return jax.tree.map(
    lambda leaf: jnp.asarray(rng.normal(0, 0.05, leaf.shape), jnp.float32),
    shapes,
  )


def pool(x, ids, count):
  """Replaces each pixel by the mean over its object, as the model does."""
  from hdgan.networks import encoder

  return encoder.broadcast(encoder.segment_means(x, ids, count)[0], ids)


def scan(root, split, suffixes=None):
  """A split's examples in name order, or every fault of its folders."""
  from hdgan.datasets import folder
  from hdgan.errors import raise_faults

  faults: list[str] = []
  folders = folder.split_folders(root, split, faults)
  examples = folder.pair(folders, suffixes or {}, faults)
  raise_faults(faults)
  return examples


def leaves(tree) -> dict[str, np.ndarray]:
  """Arrays by names such as `G1/conv_in/kernel`."""
  import jax

  return {
    jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


def assert_bits(one, two) -> None:
  """Equal names, dtypes and bits."""
  one, two = leaves(one), leaves(two)
  assert one.keys() == two.keys()
  for name in one:
    assert one[name].dtype == two[name].dtype, name
    assert one[name].tobytes() == two[name].tobytes(), name


def null_bias(name: str) -> bool:
  """Whether an instance norm removes this bias (of G, E or D) again."""
  layer, _, leaf = name.rpartition("/")
  if leaf != "bias" or layer.endswith("conv_out"):
    return False
  if "/D" in f"/{name}" and layer.split("/")[-2][0] == "D":
    # The first and the last convolution of D_k have no norm behind them;
    # with one strided layer only conv_2 is between them.
    return layer.endswith("conv_2")
  return True


def validated(**changes: object) -> ConfigDict:
  """`tiny_config`, checked and locked."""
  return validate(tiny_config(**changes))


def save_run(workdir, config, stage=0, step=3, seed=5, **told) -> dict:
  """Writes a run's folder with one checkpoint of random weights.

  What else is `told` goes into the checkpoint's info.

  Returns:
    The state's parameters; its average is half of G.
  """
  import jax

  from hdgan.datasets.streets import builder as synthetic_streets
  from hdgan.networks.model import build_model
  from hdgan.runs import directory
  from hdgan.training import train_step

  config = validate(config)
  model = build_model(config, config.stages[stage], 64)
  params = model.init((seed,))
  trainable = tuple(config.stages[stage].trainable)
  state = train_step.init_state(params, trainable, config)
  if config.ema:
    half = jax.tree.map(lambda x: x * np.float32(0.5), state.ema)
    state = state.replace(ema=half)
  state = state.replace(step=np.int32(step))
  directory.begin(workdir, config, synthetic_streets.CLASSES)
  info = {
    "step": step, "stage": stage, "stage_name": config.stages[stage].name,
    "epoch": 1, "images": 3, "max_instances": 64,
    "config": config_lib.plain(config), **told,
  }  # fmt: skip
  with directory.checkpoints_of(workdir, 99) as checkpoints:
    checkpoints.save(step, state, info)
  return {**params, **state.ema}


def command(*words: str) -> tuple[int, str, str]:
  """Runs a command line in this process: exit status, stdout, stderr."""
  import contextlib
  import io
  import sys
  import unittest.mock
  import warnings

  # They define flags, which must not be undone below.
  import array_record.python.array_record_data_source  # noqa: F401
  import grain  # noqa: F401
  from absl.testing import flagsaver

  from hdgan import main

  out, err, status = io.StringIO(), io.StringIO(), 0
  argv = ["hdgan", *words]
  sys.modules.pop("config_config", None)  # The last config file's module.
  with (
    # ml_collections looks for overrides there.
    unittest.mock.patch.object(sys, "argv", argv),
    flagsaver.flagsaver(),
    contextlib.redirect_stdout(out),
    contextlib.redirect_stderr(err),
    warnings.catch_warnings(),
  ):
    # ml_collections loads config files in a way that Python 3.15 drops.
    warnings.filterwarnings("ignore", "the load_module", DeprecationWarning)
    try:
      main.main(main.parse(argv))
    except SystemExit as end:
      status = end.code
  return status, out.getvalue(), err.getvalue()


@contextlib.contextmanager
def file_limit(size: int) -> Iterator[None]:
  """Fails every write, also of libraries, that makes a file larger.

  As a full disk does, at any byte; the system says EFBIG rather than ENOSPC.
  """
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
  resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)
