"""CRN's loss beside a twin in PyTorch, and its parts by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import close, draw

from hdgan.networks import crn_loss, vgg

MEAN = (123.68, 116.779, 103.939)  # Of red, green and blue.


@pytest.fixture(scope="module")
def narrow():
  """VGG19's 14 convolutions with 2 to 4 channels."""
  rng, channels, params = np.random.default_rng(3), 3, {}
  for block, (count, width) in enumerate(vgg.FORMS["crn"], start=1):
    for i in range(1, count + 1):
      shape = (3, 3, channels, width // 128 + 2)
      kernel = rng.normal(0, (2 / (9 * channels)) ** 0.5, shape)
      params[f"conv{block}_{i}"] = {
        "kernel": jnp.asarray(kernel, jnp.float32),
        "bias": jnp.asarray(rng.normal(0, 1, shape[3]), jnp.float32),
      }
      channels = shape[3]
  return params


def torch_maps(torch, params, x):
  """Six maps of [B, 3, H, W] in 0..255, from the description."""
  functional = torch.nn.functional
  x = x - torch.tensor(MEAN)[:, None, None]
  maps = [x]
  for name, layer in params.items():
    if name.endswith("_1") and name != "conv1_1":
      x = functional.avg_pool2d(x, 2)
    kernel = torch.tensor(np.array(layer["kernel"])).permute(3, 2, 0, 1)
    bias = torch.tensor(np.array(layer["bias"]))
    x = functional.relu(functional.conv2d(x, kernel, bias, padding=1))
    if name.endswith("_2"):
      maps.append(x)
  return maps


WEIGHTS = {
  256: (1, 1.6, 2.3, 1.8, 2.8, 0.08),
  512: (1, 2.6, 4.8, 3.7, 5.6, 0.15),
}


def torch_loss(torch, params, fake, real, masks, pictures, height):
  """Loops over pictures and classes; divisors as the authors give them."""
  functional = torch.nn.functional
  batch, total = fake.shape[0], 0.0
  for b in range(batch):
    errors = torch.zeros(pictures, masks.shape[1])
    for j in range(pictures):
      picture = (fake[b : b + 1, j::pictures] + 1) / 2 * 255
      one = torch_maps(torch, params, picture)
      two = torch_maps(torch, params, (real[b : b + 1] + 1) / 2 * 255)
      for divisor, x, y in zip(WEIGHTS[height], one, two, strict=True):
        error = (x - y).abs().mean(1) / divisor
        mask = functional.interpolate(
          masks[b : b + 1], x.shape[2:], mode="area"
        )
        errors[j] = errors[j] + (mask * error).mean((0, 2, 3))
    best = errors.min(0).values.sum()
    total = total + 0.999 * best + 0.001 * errors.mean(0).sum()
  return total / batch


@pytest.mark.parametrize("pictures", [1, 3])
def test_loss_and_gradient_are_the_twin_s(narrow, pictures):
  """To 1e-5 and 2e-4 of the largest: sums of float32 in another order.

  Pixels of no class count for one picture alone, which is compared whole.
  """
  torch = pytest.importorskip("torch")
  fake, real = draw(2, 16, 32, 3 * pictures), draw(2, 16, 32, 3, seed=1)
  label = np.random.default_rng(2).integers(0, 4, (2, 16, 32))
  masks = np.eye(4, dtype=np.float32)[label][..., :3]
  got, gradient = jax.jit(
    jax.value_and_grad(
      lambda x: crn_loss.crn_loss(
        narrow, x, real, jnp.asarray(masks), pictures=pictures
      )
    )
  )(fake)
  if pictures == 1:
    masks = np.ones_like(masks[..., :1])
  twin = torch.tensor(np.array(fake)).permute(0, 3, 1, 2).requires_grad_()
  want = torch_loss(
    torch, narrow, twin, torch.tensor(np.array(real)).permute(0, 3, 1, 2),
    torch.tensor(masks).permute(0, 3, 1, 2), pictures, 256,
  )  # fmt: skip
  want.backward()
  assert float(got) == pytest.approx(want.item(), rel=1e-5)
  close(np.asarray(gradient), twin.grad.permute(0, 2, 3, 1).numpy(), 2e-4)


def test_weights_above_256():
  divisors = [1 / weight for weight in crn_loss.LARGE]
  np.testing.assert_allclose(divisors, WEIGHTS[512])
  assert crn_loss.SMALL_HEIGHT == 256


def test_each_class_takes_its_best_picture():
  errors = jnp.asarray([[[1.0, 8], [3, 2]]])  # Of two pictures, two classes.
  want = 0.999 * (1 + 2) + 0.001 * (2 + 5)
  assert float(crn_loss.diversity(errors)) == pytest.approx(want)
