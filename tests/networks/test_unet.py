"""pix2pix's networks: counts, and a twin in PyTorch with the same weights."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import (
  close,
  draw,
  draw_weights,
  leaves,
  on_device,
  tiny_batch,
  validated,
)

from configs import pix2pix
from hdgan.networks import unet
from hdgan.networks.model import build_model
from hdgan.networks.unet import UNet
from hdgan.training import step_gradients, train_step


def count(tree):
  return sum(leaf.size for leaf in jax.tree.leaves(tree))


# Channels; parameters of G, and of D, which sees the photo's three as well.
COUNTS = [
  (3, 54_413_955, 2_768_705),
  (20, 54_431_363, 2_786_113),
  (35, 54_446_723, 2_801_473),
  (36, 54_447_747, 2_802_497),
]


@pytest.mark.parametrize("channels, of_g, of_d", COUNTS)
def test_parameters_of_the_preset(channels, of_g, of_d):
  """36 are 35 classes and the boundary map; 3 are a picture."""
  config = pix2pix.get_config()
  with config.unlocked():
    config.boundary = channels == 36
    config.num_classes = 0 if channels == 3 else min(channels, 35)
  shapes = build_model(config, config.stages[0]).shapes()
  assert (count(shapes["G1"]), count(shapes["D"])) == (of_g, of_d)
  assert shapes.keys() == {"G1", "D"} and shapes["D"].keys() == {"D1"}


class Twin:
  """pix2pix in PyTorch, from arrays by our names; pictures are [B, C, H, W]."""

  def __init__(self, params):
    self.torch = pytest.importorskip("torch")
    self.arrays = {
      name: self.torch.tensor(
        np.asarray(array, np.float64), requires_grad=True
      )
      for name, array in leaves(params).items()
    }  # fmt: skip

  def conv(self, x, name, stride, up=False):
    act = self.torch.nn.functional
    # Ours are [k, k, in, out].
    order = (2, 3, 0, 1) if up else (3, 2, 0, 1)
    weight = self.arrays[f"{name}/kernel"].permute(*order).contiguous()
    layer = act.conv_transpose2d if up else act.conv2d
    bias = self.arrays.get(f"{name}/bias")
    return layer(x, weight, bias, stride=stride, padding=1)

  def norm(self, x, name):
    scale, shift = (self.arrays[f"{name}/{k}"] for k in ("scale", "bias"))
    batch_norm = self.torch.nn.functional.batch_norm
    return batch_norm(x, None, None, scale, shift, training=True, eps=1e-5)

  def generate(self, x, n, masks=()):
    act, skips = self.torch.nn.functional, []
    x = self.conv(x, "G1/down_1", 2)
    for i in range(2, n + 1):
      skips.append(x)
      x = self.conv(act.leaky_relu(x, 0.2), f"G1/down_{i}", 2)
      if i < n:
        x = self.norm(x, f"G1/down_norm_{i}")
    for i in range(1, n):
      x = self.norm(
        self.conv(act.relu(x), f"G1/up_{i}", 2, up=True), f"G1/up_norm_{i}"
      )
      if i <= len(masks):
        x = x * self.torch.tensor(masks[i - 1].transpose(0, 3, 1, 2)) * 2
      x = self.torch.cat([skips.pop(), x], 1)
    return self.torch.tanh(self.conv(act.relu(x), f"G1/up_{n}", 2, up=True))

  def discriminate(self, x, layers):
    act = self.torch.nn.functional
    for i in range(1, layers + 2):
      x = self.conv(x, f"D/D1/conv_{i}", 2 if i <= layers else 1)
      if i > 1:
        x = self.norm(x, f"D/D1/norm_{i}")
      x = act.leaky_relu(x, 0.2)
    return self.conv(x, f"D/D1/conv_{layers + 2}", 1)

  def picture(self, x):
    """[B, H, W, C] of ours as a tensor."""
    array = np.asarray(x, np.float64).transpose(0, 3, 1, 2)
    return self.torch.tensor(array)


def ours(tensor):
  return tensor.detach().numpy().transpose(0, 2, 3, 1)


def test_forward_against_the_twin(monkeypatch):
  """With dropout. Tolerances: the twin computes in float64, ours in float32."""
  net, x = UNet(channels=3, width=4, downsamples=4), draw(2, 16, 32, 5)
  params = draw_weights(net, x)
  shapes = [(2, 2, 4, 16), (2, 4, 8, 8), (2, 8, 16, 4)]
  rng = np.random.default_rng(3)
  masks = [rng.random(shape) < 0.5 for shape in shapes]
  left = list(masks)

  def given(key, share, shape):
    mask = left.pop(0)
    assert share == 0.5 and mask.shape == shape
    return jnp.asarray(mask)

  monkeypatch.setattr(unet.jax.random, "bernoulli", given)
  rngs = {"dropout": jax.random.key(0)}
  run = jax.jit(lambda p: net.apply(p, x, rngs=rngs))
  got = run(params)
  twin = Twin(params["params"])
  close(got, ours(twin.generate(twin.picture(x), 4, masks)), 1e-4)
  assert not left


def test_one_pixel_at_the_bottleneck():
  """One picture: its innermost layer has no variance, and no norm."""
  net, x = UNet(channels=1, width=2, downsamples=3), draw(1, 8, 8, 2)
  params = draw_weights(net, x)
  twin = Twin(params["params"])
  want = ours(twin.generate(twin.picture(x), 3))
  got = jax.jit(net.apply)(params, x)
  close(got, want, 1e-4)


TINY = {
  "generator.kind": "unet", "generator.downsamples": 2, "generator.blocks": 9,
  "generator.enhancer_blocks": 3, "discriminator.kind": "pix2pix",
  "encoder.enabled": False, "loss.gan": "bce", "loss.feature_matching": 0.0,
  "loss.l1": 100.0, "ema": 0.0,
  **{f"stages[{i}].{k}": v for i in range(3) for k, v in
     {"enhancers": 0, "scales": 1, "trainable": ("G1",)}.items()},
}  # fmt: skip


def model_of(**changes):
  config = validated(**TINY, **changes)
  return config, build_model(config, config.stages[0])


def test_losses_and_gradients_against_the_twin():
  """Both losses before either update; D's is the mean of its two terms."""
  config, model = model_of()
  rng = np.random.default_rng(0)
  params = jax.tree.map(
    lambda x: rng.normal(0, 0.2, x.shape).astype(np.float32), model.shapes()
  )
  batch = on_device(tiny_batch(model, 2))
  step = functools.partial(
    step_gradients.gradients, vgg_params={}, model=model, trainable=("G1",),
    loss=train_step.bind_losses(model, config),
  )  # fmt: skip
  of_g, of_d, metrics = jax.jit(step)(params, batch)

  twin = Twin({"G1": params["G1"], "D": params["D"]})
  bce = twin.torch.nn.functional.binary_cross_entropy_with_logits
  map_, photo = (twin.picture(f(batch)) for f in (model.condition, model.image))
  fake = twin.generate(map_, 2)

  def judged(picture, real):
    score = twin.discriminate(twin.torch.cat([map_, picture], 1), 1)
    return bce(score, twin.torch.full_like(score, float(real)))

  terms = {
    "G_GAN": judged(fake, True),
    "G_L1": 100 * (fake - photo).abs().mean(),
    "D_real": judged(photo, True),
    "D_fake": judged(fake.detach(), False),
  }
  assert metrics.keys() == terms.keys()
  for name, value in terms.items():
    np.testing.assert_allclose(metrics[name], value.item(), rtol=1e-4)
  for loss, found in (
    (terms["G_GAN"] + terms["G_L1"], {"G1": of_g["G1"]}),
    ((terms["D_real"] + terms["D_fake"]) / 2, {"D": of_d}),
  ):
    names = leaves(found)
    wanted = twin.torch.autograd.grad(
      loss, [twin.arrays[name] for name in names], retain_graph=True
    )
    for got, want in zip(names.values(), wanted, strict=True):
      # Sums of hundreds of pixels, through norms of few: float32 rounding.
      close(got, want.numpy(), 1e-3)


def test_a_map_always_gives_the_same_picture():
  """Dropout is on without a key too, and other keys drop other pixels."""
  _, model = model_of(**{"generator.dropout": 0.5})
  _, plain = model_of()
  assert model.draws and not plain.draws
  x, params = draw(1, 16, 32, 9), plain.init((0,))

  @functools.partial(jax.jit, static_argnums=0)
  def generate(model, params, key):
    return model.generate(params, x, None, key)

  one, again = (generate(model, params, None) for _ in (0, 1))
  np.testing.assert_array_equal(one, again)
  other = generate(model, params, jax.random.key(1))
  assert np.abs(one - other).max() > 1e-3
  assert np.abs(one - generate(plain, params, None)).max() > 1e-3
