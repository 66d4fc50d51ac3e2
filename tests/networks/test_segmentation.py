"""The discriminator that segments: counts, a twin in PyTorch, its kernels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from flax.core.meta import unbox
from tiny import close, draw, draw_weights, leaves

from hdgan.networks import segmentation
from hdgan.networks.segmentation import SegmentationDiscriminator


def block(inputs, width):
  """Numbers of two 3x3 convolutions and a 1x1, with biases."""
  return (9 * inputs + 9 * width + inputs) * width + 3 * width


@pytest.mark.parametrize(
  "classes, width, pairs, want",
  [
    # Down 3-128-128-256-256-512-512, up to 512, 256, 256, 128, 128, 64 with as
    # many channels of the way down beside all but the last; then one to 36.
    (35, 64, 3, sum([
      block(3, 128), block(128, 128), block(128, 256), block(256, 256),
      block(256, 512), block(512, 512),
      block(512, 512), block(1024, 256), block(512, 256), block(512, 128),
      block(256, 128), block(256, 64), 64 * 36 + 36,
    ])),
    (2, 4, 1, block(3, 8) + block(8, 8) + block(8, 8) + block(16, 4) + 15),
  ],
)  # fmt: skip
def test_parameters(classes, width, pairs, want):
  net = SegmentationDiscriminator(classes, width, pairs)
  x = jnp.zeros((1, 64, 64, 3))
  shapes = unbox(jax.eval_shape(net.init, jax.random.key(0), x))["params"]
  assert list(shapes) == ["D1"]
  assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == want
  out = jax.eval_shape(net.apply, {"params": shapes}, x)
  assert out.shape == (1, 64, 64, classes + 1)


def twin(weights, x, pairs):
  """The same U-Net in PyTorch; `weights` by path, x [B, C, H, W]."""

  def conv(name, x):
    kernel = torch.tensor(weights[f"{name}/kernel"].transpose(3, 2, 0, 1))
    bias = torch.tensor(weights[f"{name}/bias"])
    return F.conv2d(x, kernel, bias, padding=kernel.shape[-1] // 2)

  def halve(x):
    return F.avg_pool2d(x, 2, ceil_mode=True)

  def double(x, like):
    x = F.interpolate(x, scale_factor=2, mode="nearest")
    return x[..., : like.shape[2], : like.shape[3]]

  def relu(x):
    return F.leaky_relu(x, 0.2)

  levels = [x]
  for i in range(1, 2 * pairs + 1):
    y = conv(f"down_{i}/conv_1", x if i == 1 else relu(x))
    y = halve(conv(f"down_{i}/conv_2", relu(y)))
    x = y + halve(conv(f"down_{i}/conv_side", x))
    levels.append(x)
  for i in range(1, 2 * pairs + 1):
    like = levels[2 * pairs - i]
    y = conv(f"up_{i}/conv_1", double(relu(x), like))
    y = conv(f"up_{i}/conv_2", relu(y))
    x = y + double(conv(f"up_{i}/conv_side", x), like)
    if i < 2 * pairs:
      x = torch.cat([x, like], 1)
  return conv("conv_out", relu(x))


def test_scores_are_those_of_a_twin():
  """Of 10x14 pixels, which do not halve evenly."""
  net, x = SegmentationDiscriminator(3, 2, 2), draw(2, 10, 14, 3)
  params = jax.tree.map(lambda x: x * 4, draw_weights(net, x))
  got = jax.jit(net.apply)(params, x)
  weights = leaves(params["params"]["D1"])
  want = twin(weights, torch.tensor(np.asarray(x.transpose(0, 3, 1, 2))), 2)
  assert got.shape == (2, 10, 14, 4)
  close(got, want.numpy().transpose(0, 2, 3, 1))


@pytest.mark.parametrize("shape", [(3, 3, 8, 16), (1, 1, 5, 3), (3, 3, 3, 7)])
def test_the_largest_singular_value(shape):
  largest = jax.jit(segmentation.largest_singular)
  kernel = draw(*shape)
  true = np.linalg.norm(np.asarray(kernel).reshape(-1, shape[-1]), ord=2)
  got = float(largest(kernel))
  assert 0.95 * true <= got <= 1.00001 * true
  # Where one value stands out it is found.
  rng = np.random.default_rng(0)
  flat = np.asarray(kernel).reshape(-1, shape[-1])
  out = 20 * np.outer(*(rng.standard_normal(n) for n in flat.shape))
  got = largest(jnp.asarray((flat + out).reshape(shape), jnp.float32))
  assert float(got) == pytest.approx(
    np.linalg.norm(flat + out, ord=2), rel=1e-5
  )


def test_kernels_are_divided_and_nothing_else():
  params = {
    "up_1": {"conv_1": {"kernel": draw(3, 3, 4, 6), "bias": draw(6)}},
    "conv_out": {"kernel": draw(1, 1, 6, 2), "bias": draw(2)},
  }
  got = jax.jit(segmentation.normalised)(params)
  kernel = np.asarray(got["up_1"]["conv_1"]["kernel"]).reshape(-1, 6)
  assert np.linalg.norm(kernel, ord=2) == pytest.approx(1, abs=0.05)
  plain = leaves(params)
  for name, value in leaves(got).items():
    if name != "up_1/conv_1/kernel":
      np.testing.assert_array_equal(value, plain[name])
  # A kernel ten times as large is the same, and no gradient makes it grow.
  kernel, weight = draw(3, 3, 2, 4), draw(3, 3, 2, 4, seed=1)

  def total(a):
    got = segmentation.normalised({"x": {"kernel": a * kernel}})
    return jnp.sum(got["x"]["kernel"] * weight)

  grow = jax.jit(jax.grad(total))
  assert abs(float(grow(1.0))) < 1e-4
