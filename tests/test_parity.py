"""The networks, losses and training step against numbers of the original.

The small files in goldens/ always run; the full set runs where HDGAN_TEST_DATA
names the folder that holds parity/. `pytest tests/test_parity.py -s` prints the
worst error of every kind of array. Tolerances are relative to an array's
largest value, far above what two float32 implementations differ by.
"""

import copy
import json
import os
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from tiny import on_device, pool

from configs import cityscapes_512
from hdgan.config import learning_rate
from hdgan.networks import conditioning, losses, vgg
from hdgan.networks.discriminator import MultiscaleDiscriminator
from hdgan.networks.encoder import FeatureEncoder
from hdgan.networks.generator import Generator, GlobalGenerator
from hdgan.networks.layers import pyramid
from hdgan.networks.model import build_model
from hdgan.picture_spec import PictureSpec
from hdgan.training import train_step
from hdgan.weights import recognise, state_dict

GOLDENS = pathlib.Path(__file__).parent / "goldens"
CUTS = ("edges.npz", "losses.npz", "lr_schedule.npz", "train_step.npz")
TOLERANCES = {
  "network outputs": 1e-4, "features": 1e-4, "pyramid": 1e-4,
  "pooled features": 1e-4, "encoder gradient": 1e-3, "losses": 1e-4,
  "loss terms": 1e-4, "picture gradient": 1e-3, "VGG features": 1e-4,
  "VGG loss": 1e-4, "VGG gradient": 2e-2, "VGG gradient, 2-norm": 1e-2,
  "first gradients": 1e-3, "parameters after steps (absolute)": 2e-5,
  "edges and one-hot": 0.0, "learning rates": 1e-9,
}  # fmt: skip
worst: dict[str, tuple[float, str]] = {}


@pytest.fixture(scope="module", autouse=True)
def table():
  yield
  print("\narrays | worst | tolerance | in")
  for kind, (error, where) in sorted(worst.items()):
    print(f"{kind} | {error:.1e} | {TOLERANCES[kind]:.0e} | {where}")


def sources(*names):
  """Test cases: a golden where there is one, and the full set's file.

  Goldens that are cuts of the full set's files give way to these.
  """
  folder = os.environ.get("HDGAN_TEST_DATA", "")
  absent = pytest.mark.skipif(not folder, reason="HDGAN_TEST_DATA is unset")
  cases = []
  for name in names:
    cut = bool(folder) and name in CUTS
    if (GOLDENS / name).exists() and not cut:
      cases.append(pytest.param(GOLDENS / name, id=f"golden-{name[:-4]}"))
    path = pathlib.Path(folder) / "parity" / name
    if not name.startswith("local_enhancer_2"):
      cases.append(pytest.param(path, id=name[:-4], marks=absent))
  return pytest.mark.parametrize("path", cases)


def load(path):
  """Arrays of a file, pictures as [B, H, W, C], and its config."""
  with np.load(path) as file:
    arrays = {name: file[name] for name in file.files if name != "config"}
    config = json.loads(str(file["config"]))
  for name, array in arrays.items():
    if array.ndim == 4 and not name.startswith(("params", "step", "grads")):
      arrays[name] = array.transpose(0, 2, 3, 1)
  return arrays, config


def part(arrays, prefix):
  """The arrays whose name begins with `prefix`, without it."""
  size = len(prefix)
  return {k[size:]: v for k, v in arrays.items() if k.startswith(prefix)}


def shapes(weights):
  return {name: array.shape for name, array in weights.items()}


def read(weights, net=""):
  """Our parameters and table of the original's weights."""
  spec = recognise.infer(shapes(weights), "test", net)
  layers = state_dict.table_of(spec)
  params = state_dict.to_params(layers, weights)
  return spec, layers, jax.tree.map(jnp.asarray, params)


def compare(kind, got, want, where):
  """Asserts the relative error, and keeps the worst for the table."""
  got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
  assert got.shape == want.shape, (where, got.shape, want.shape)
  scale = 1.0 if "absolute" in kind else max(np.abs(want).max(), 1e-30)
  error = float(np.abs(got - want).max() / scale)
  note(kind, error, where)


def note(kind, error, where):
  worst[kind] = max(worst.get(kind, (0.0, "")), (error, where))
  assert error <= TOLERANCES[kind], f"{where}: {kind} off by {error:.2e}"


@sources(
  "global_generator.npz", "local_enhancer_1.npz", "local_enhancer_2.npz"
)  # fmt: skip
def test_generator(path):
  arrays, _ = load(path)
  spec, _, params = read(part(arrays, "params/"))
  net = Generator(
    spec.channels, spec.width, spec.downsamples, spec.blocks,
    spec.enhancer_blocks, spec.enhancers,
  )  # fmt: skip
  image = jax.jit(net.apply)({"params": params}, arrays["input"])
  compare("network outputs", image, arrays["output"], path.stem)


@sources("local_enhancer_1.npz")
def test_pyramid_and_trunk_features(path):
  arrays, _ = load(path)
  spec, _, params = read(part(arrays, "params/"))
  small = pyramid(jnp.asarray(arrays["input"]), 2)[1]
  compare("pyramid", small[:, ::2, ::2], arrays["pyramid/1"], path.stem)
  g1 = GlobalGenerator(0, spec.width, spec.downsamples, spec.blocks)
  _, features = jax.jit(g1.apply)({"params": params["G1"]}, small)
  want = arrays["global_features_sub"]
  compare("features", features[:, ::2, ::2, ::2], want, path.stem)


@sources(
  "multiscale_discriminator.npz",
  "multiscale_discriminator_odd.npz",
  "multiscale_discriminator_nofeat.npz",
)
def test_discriminator(path):
  arrays, _ = load(path)
  spec, _, params = read(part(arrays, "params/"))
  net = MultiscaleDiscriminator(spec.scales, spec.width, spec.layers)
  outputs = jax.jit(net.apply)({"params": params["D"]}, arrays["input"])
  for scale, layers in enumerate(outputs):
    kept = layers if spec.features else layers[-1:]
    for i, layer in enumerate(kept):
      want = arrays[f"output/{scale}/{i}"]
      compare("features", layer, want, f"{path.stem} {scale}/{i}")


def dense(inst):
  """Objects [B, H, W] of ids [B, H, W, 1]: each picture counts its own."""
  rows = [np.unique(ids, return_inverse=True)[1] for ids in inst[..., 0]]
  return jnp.asarray(np.stack(rows).reshape(inst.shape[:3]), jnp.int32)


@sources("encoder.npz")
def test_encoder(path):
  arrays, _ = load(path)
  spec, _, params = read(part(arrays, "params/"), "E")
  net = FeatureEncoder(spec.channels, spec.width, spec.downsamples)
  objects = dense(arrays["inst"])

  def encode(image, objects):
    raw = net.apply({"params": params["E"]}, image)
    return pool(raw, objects, 8), raw

  pooled, raw = jax.jit(encode)(arrays["input"], objects)
  compare("network outputs", raw, arrays["raw"], path.stem)
  compare("pooled features", pooled, arrays["output"], path.stem)
  pooled, raw = jax.jit(encode)(arrays["input"][:1], objects[:1])
  compare("network outputs", raw, arrays["batch1/raw"], path.stem)
  compare("pooled features", pooled, arrays["batch1/output"], path.stem)
  gradient = jax.jit(
    jax.grad(lambda x: jnp.sum(encode(x, objects)[0] * arrays["cotangent"]))
  )(arrays["input"])
  compare("encoder gradient", gradient, arrays["grad_input"], path.stem)


@sources("edges.npz")
def test_edges_and_one_hot(path):
  arrays, config = load(path)
  inst = jnp.asarray(arrays["inst"])[..., 0]
  label = jnp.asarray(arrays["label"])[..., 0]
  edges = conditioning.boundary_map(inst)[..., None]
  compare("edges and one-hot", edges, arrays["edges"], path.stem)
  inputs = conditioning.condition(
    label, inst, spec=PictureSpec(config["label_nc"])
  )
  compare("edges and one-hot", inputs, arrays["input_label"], path.stem)


@pytest.mark.parametrize("variant", ["zero_bias", "with_bias"])
@sources("vgg.npz")
def test_vgg(path, variant):
  arrays, config = load(path)
  params = vgg_params(config["variants"][variant], part(arrays, "check/"))
  taps = [f"relu{i}_1" for i in range(1, 6)]
  maps = jax.jit(vgg.vgg_features)(params, arrays["input"])
  for name, found in zip(taps, maps, strict=True):
    want, key = arrays[f"{variant}/{name}"], f"{variant}/{name}"
    every = config["subsample"][name]
    space, channels = every["space"], every["channels"]
    where = f"{path.stem} {key}"
    cut = found[:, ::space, ::space, ::channels]
    compare("VGG features", cut, want, where)
    mean, deviation = np.mean(found, (0, 1, 2)), np.std(found, (0, 1, 2))
    compare("VGG features", mean, arrays[f"mean/{key}"], where)
    compare("VGG features", deviation, arrays[f"std/{key}"], where)
  of_real = vgg.vgg_features(params, jnp.asarray(arrays["other"]))
  terms = [losses.mean_difference(a, b) for a, b in zip(maps, of_real)]  # noqa: B905
  compare("VGG loss", terms, arrays[f"{variant}/loss_terms"], path.stem)
  loss, gradient = jax.jit(
    jax.value_and_grad(
      lambda x: losses.vgg_loss(vgg.vgg_features(params, x), of_real)
    )
  )(arrays["input"])
  want = arrays[f"{variant}/grad_input"]
  compare("VGG loss", loss, arrays[f"{variant}/loss"], path.stem)
  compare("VGG gradient", gradient, want, path.stem)
  distance = np.linalg.norm(gradient - want) / np.linalg.norm(want)
  note("VGG gradient, 2-norm", float(distance), path.stem)


def vgg_params(recipe, checks):
  """Makes VGG weights by the recipe that the file was made with."""
  # The golden is of the 13 convolutions that the paper's loss needs.
  weights, layers = {}, state_dict.vgg_table()[:13]
  for i, layer in enumerate(layers):
    out, fan_in = layer.weight[0], np.prod(layer.weight[1:])
    draw = np.random.RandomState(recipe["weight_seed"] + i).randn(*layer.weight)
    weight = draw.astype(np.float32) * np.float32(np.sqrt(2 / fan_in))
    bias = np.zeros(out, np.float32)
    if recipe["bias_seed"] is not None:
      draw = np.random.RandomState(recipe["bias_seed"] + i).randn(out)
      bias = draw.astype(np.float32) * np.float32(recipe["bias_scale"])
    weights |= {f"{layer.name}.weight": weight, f"{layer.name}.bias": bias}
    variant = "zero_bias" if recipe["bias_seed"] is None else "with_bias"
    want = checks[f"{variant}/{layer.name}.weight"]
    np.testing.assert_allclose(weight.ravel()[:3], want[:3], rtol=1e-6)
  return jax.tree.map(jnp.asarray, state_dict.to_params(layers, weights))


@sources("losses.npz")
def test_losses(path):
  arrays, config = load(path)
  condition = conditioning.condition(
    jnp.asarray(arrays["label"])[..., 0], jnp.asarray(arrays["inst"])[..., 0],
    spec=PictureSpec(config["options"]["label_nc"]),
  )  # fmt: skip
  for variant in config["variants"]:
    check_losses(variant, arrays, config, condition, path.stem)


def check_losses(variant, arrays, config, condition, where):
  kind, scales = variant.split("_D")
  weights = part(arrays, f"params/D{scales}/")
  if kind == "bce":  # Trained without features, so other names, same numbers.
    names = config["key_map_nofeat"][scales]
    weights = {names[name]: array for name, array in weights.items()}
  spec, _, params = read(weights)
  net = MultiscaleDiscriminator(spec.scales, spec.width, spec.layers)
  weight = config["options"]["lambda_feat"] if kind == "lsgan" else 0.0

  def discriminate(image):
    x = jnp.concatenate([condition, image], axis=-1)
    return net.apply({"params": params["D"]}, x)

  def generator_loss(fake):
    on_fake, on_real = (
      discriminate(fake),
      discriminate(jnp.asarray(arrays["real"])),
    )
    adversarial = losses.gan_loss(on_fake, True, kind)
    matching = weight * losses.feature_matching_loss(on_fake, on_real)
    return adversarial + matching, (on_fake, on_real, adversarial, matching)

  gradient, (on_fake, on_real, adversarial, matching) = jax.jit(
    jax.grad(generator_loss, has_aux=True)
  )(arrays["fake"])
  want = part(arrays, f"{variant}/")
  where = f"{where} {variant}"
  compare("picture gradient", gradient, want["grad_fake"], where)
  compare("losses", adversarial, want["G_GAN"], where)
  terms = {"D_fake": (on_fake, False), "D_real": (on_real, True)}
  for name, (outputs, real) in terms.items():
    compare("losses", losses.gan_loss(outputs, real, kind), want[name], where)
  for name, (outputs, real) in (terms | {"G_GAN": (on_fake, True)}).items():
    each = [losses.gan_loss([scale], real, kind) for scale in outputs]
    compare("loss terms", each, want[f"per_scale/{name}"], where)
  if weight:
    compare("losses", matching, want["G_GAN_Feat"], where)
    pairs = zip(on_fake, on_real, strict=True)
    each = [
      [losses.mean_difference(a, b) for a, b in zip(x[:-1], y[:-1])]  # noqa: B905
      for x, y in pairs
    ]
    compare("loss terms", each, want["feat_l1"], where)


@sources("lr_schedule.npz")
def test_learning_rates(path):
  arrays, config = load(path)
  for name, variant in config["variants"].items():
    during, after = arrays[f"lr_during/{name}"], arrays[f"lr_after/{name}"]
    constant, decay = variant["niter"], variant["niter_decay"]
    rates = [
      learning_rate(variant["lr"], constant, decay, epoch)
      for epoch in range(1, len(during) + 2)
    ]
    for column in (0, 1):  # of G and of D
      compare("learning rates", rates[:-1], during[:, column], path.stem)
      compare("learning rates", rates[1:], after[:, column], path.stem)


@sources("train_step.npz")
def test_train_step(path):
  arrays, config = load(path)
  g_spec, g_table, params = read(part(arrays, "params/G/"))
  d_spec, d_table, d_params = read(part(arrays, "params/D/"))
  settings = step_config(g_spec, d_spec, config)
  stage = settings.stages[0]
  model = build_model(settings, stage)
  optimizer = train_step.adam(settings)
  params = {**params, **d_params}
  state = train_step.TrainState(
    jnp.zeros((), jnp.int32), params, optimizer.init({"G1": params["G1"]}),
    optimizer.init(params["D"]), {},
  )  # fmt: skip
  step = jax.jit(
    train_step.bind_step(
      model, stage, settings, first_step=0, steps_per_epoch=100
    )
  )
  batch = {
    "label": arrays["label"][..., 0], "instance": arrays["inst"][..., 0],
    "image": arrays["real"],
  }  # fmt: skip
  batch = on_device(batch)
  fake = model.generate(params, model.condition(batch), None)
  compare("network outputs", fake, arrays["fake"], path.stem)
  null = {f"{net}/{k}" for net in "GD" for k in config["null_bias_keys"][net]}
  for k in range(3):
    state, metrics = step(state, batch, {})
    for name in ("G_GAN", "G_GAN_Feat", "D_real", "D_fake"):
      compare("losses", metrics[name], arrays[f"losses/{name}"][k], path.stem)
    if k == 0:  # Adam's first moment is then 1 - beta1 times the gradient.
      moments = {**state.g_optimizer.mu, "D": state.d_optimizer.mu}
      gradients = jax.tree.map(lambda m: m / 0.5, moments)
      compare_weights(
        "first gradients", gradients, part(arrays, "grads1/"), g_table,
        d_table, null,
      )  # fmt: skip
    want = part(arrays, f"step{k + 1}/")
    if want:
      compare_weights(
        "parameters after steps (absolute)", state.params, want, g_table,
        d_table, null,
      )  # fmt: skip


def step_config(g_spec, d_spec, config):
  """A run with the networks and options of the file."""
  settings = copy.deepcopy(cityscapes_512.get_config()).unlock()
  options = config["options"]
  settings.num_classes = options["label_nc"]
  settings.data = ConfigDict({
    **settings.data, "image_range": (-1.0, 1.0)
  })  # fmt: skip
  settings.generator.update(
    width=g_spec.width, downsamples=g_spec.downsamples, blocks=g_spec.blocks
  )
  settings.discriminator.update(width=d_spec.width, layers=d_spec.layers)
  settings.loss.vgg = 0.0
  stage = ConfigDict(settings.stages[0])
  stage.update(size=(64, 64), scales=d_spec.scales)
  settings.stages = (stage,)
  return settings


def compare_weights(kind, params, want, g_table, d_table, null):
  """Compares all but the biases that instance norm cancels."""
  found = {
    **{
      f"G/{k}": v for k, v in state_dict.to_state_dict(g_table, params).items()
    },
    **{
      f"D/{k}": v for k, v in state_dict.to_state_dict(d_table, params).items()
    },
  }
  assert set(found) == set(want)
  for name in set(want) - null:
    compare(kind, found[name], want[name], name)
