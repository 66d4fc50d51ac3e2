"""CRN's generator: counts, widths, and a twin in PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import close, draw, draw_weights

from configs import crn as preset
from hdgan.networks import crn
from hdgan.networks.model import build_model


def count(tree):
  return sum(leaf.size for leaf in jax.tree.leaves(tree))


# Sums over the tensors of the checkpoints that its authors released, which are
# of 20 channels; for 36 by the same formula.
COUNTS = {
  20: (97_875_483, 98_622_851, 98_674_531),
  36: (98_760_219, 99_526_019, 99_582_307),
}


@pytest.mark.parametrize("channels", COUNTS)
def test_parameters_of_the_preset(channels):
  """20 are 19 classes and the rest; 36 are 35 and the boundary map."""
  config = preset.get_config()
  if channels == 36:
    with config.unlocked():
      config.num_classes, config.ignore_label, config.boundary = 35, -1, True
  for index, want in enumerate(COUNTS[channels]):
    stage = config.stages[index]
    model = build_model(config, stage)
    shapes = model.shapes()
    assert count(shapes) == want and shapes["D"] == {}
    assert shapes.keys() == {"D", *(f"G{k + 1}" for k in range(index + 1))}
    # Nine pictures at 256 alone.
    assert model.drawn == (9 if index == 0 else 1)
    assert shapes[f"G{index + 1}"]["conv_out"]["bias"].shape == (
      (27,) if index == 0 else (3,)
    )
    assert model.generator.unit * 4 == stage.size[0]


@pytest.mark.parametrize(
  "downsamples, enhancers, widths",
  [
    (6, 2, [1024] * 5 + [512, 512, 128, 32]),  # As published, from 4 on.
    (6, 3, [1024] * 5 + [512, 512, 128, 32, 8]),
    (3, 1, [1024, 1024, 512, 512, 128]),
    (1, 0, [512, 512]),
  ],
)
def test_widths(downsamples, enhancers, widths):
  assert list(crn.module_widths(1024, downsamples, enhancers)) == widths


def test_classes_and_the_rest():
  x = jnp.asarray([[1.0, 0, 0.3], [0, 0, 0.5]])[None, None]
  want = [[1.0, 0, 0, 0.3], [0, 0, 1, 0.5]]
  np.testing.assert_allclose(crn.with_rest(x, 2)[0, 0], want)


def test_area_by_hand():
  x = jnp.asarray([[1.0, 2, 0, 8], [3, 6, 0, 0]])[None, :, :, None]
  np.testing.assert_array_equal(crn.area_half(x)[0, :, :, 0], [[3.0, 2.0]])


@pytest.mark.parametrize("size", [(1, 5), (4, 2)])
def test_doubling_is_pytorch_s_with_aligned_corners(size):
  torch = pytest.importorskip("torch")
  x = np.array(draw(2, *size, 3))
  want = torch.nn.functional.interpolate(
    torch.tensor(x).permute(0, 3, 1, 2), scale_factor=2, mode="bilinear",
    align_corners=True,
  )  # fmt: skip
  got = crn.bilinear_double(jnp.asarray(x))
  close(np.asarray(got), want.permute(0, 2, 3, 1).numpy(), 1e-6)


def torch_twin(torch, params, x, enhancers, rest):
  """Written from the description alone: [B, C, H, W] in and out.

  A list of modules from the coarsest on; labels by average pooling, one label
  channel for what is of no class.
  """
  functional = torch.nn.functional

  def weight(kernel):
    return kernel.permute(3, 2, 0, 1)

  def module(p, x):
    for i in ("1", "2"):
      x = functional.conv2d(x, weight(p[f"conv_{i}"]["kernel"]), padding=1)
      # Over channels, rows and columns at once, unlike GroupNorm per group.
      x = functional.layer_norm(x, x.shape[1:], eps=1e-12)
      norm = p[f"norm_{i}"]
      x = x * norm["scale"][:, None, None] + norm["bias"][:, None, None]
      x = functional.leaky_relu(x, 0.2)
    return x

  none = 1 - x[:, :rest].sum(1, keepdim=True)
  x = torch.cat([x[:, :rest], none, x[:, rest:]], 1)
  modules = [params["G1"][f"module_{i}"] for i in range(1, len(params["G1"]))]
  if enhancers:  # G1 has no output layer then.
    modules = [params["G1"][name] for name in sorted(params["G1"])]
    modules += [params[f"G{k + 2}"]["module_1"] for k in range(enhancers)]
  labels = [x]
  for _ in modules[1:]:
    labels.insert(0, functional.avg_pool2d(labels[0], 2))
  y = module(modules[0], labels[0])
  for p, label in zip(modules[1:], labels[1:], strict=True):
    y = functional.interpolate(
      y, scale_factor=2, mode="bilinear", align_corners=True
    )
    y = module(p, torch.cat([y, label], 1))
  last = params[f"G{enhancers + 1}"]["conv_out"]
  return functional.conv2d(y, weight(last["kernel"]), last["bias"])


@pytest.mark.parametrize(("enhancers", "pictures"), [(0, 2), (1, 1)])
def test_pictures_and_gradients_are_the_twin_s(enhancers, pictures):
  """To 2e-5 and 2e-4 of the largest: sums of float32 in another order."""
  torch = pytest.importorskip("torch")
  net = crn.RefinementNetwork(
    channels=3, width=16, downsamples=1, enhancers=enhancers,
    pictures=pictures, rest=3,
  )  # fmt: skip
  size = 4 * 2**enhancers
  label = np.random.default_rng(0).integers(0, 4, (2, size, 2 * size))
  x = jnp.asarray(np.eye(4, dtype=np.float32)[label][..., :3])
  weights = draw_weights(net, x)
  params = weights["params"]
  target = draw(2, size, 2 * size, 3 * pictures)

  @jax.jit
  def both(params):
    def error(params):
      y = net.apply({"params": params}, x)
      return jnp.sum(y * target), y

    return jax.value_and_grad(error, has_aux=True)(params)

  (_, got), gradient = both(params)
  twins = jax.tree.map(
    lambda a: torch.tensor(np.array(a), requires_grad=True), params
  )
  want = torch_twin(
    torch, twins, torch.tensor(np.array(x)).permute(0, 3, 1, 2), enhancers, 3
  ).permute(0, 2, 3, 1)
  (want * torch.tensor(np.array(target))).sum().backward()
  close(np.asarray(got), want.detach().numpy(), 2e-5)
  for one, two in zip(
    jax.tree.leaves(gradient), jax.tree.leaves(twins), strict=True
  ):
    close(np.asarray(one), two.grad.numpy(), 2e-4)


def test_how_parameters_start():
  """Kernels within Xavier's bound, scales at 1, the others at 0."""
  config = preset.get_config()
  with config.unlocked():
    config.generator.width, config.generator.downsamples = 32, 1
    config.stages[0].size = (16, 32)
  start = build_model(config, config.stages[0]).init((0,))["G1"]
  first = start["module_1"]
  bound = (6 / (9 * (20 + 16))) ** 0.5
  assert 0.95 * bound < np.abs(first["conv_1"]["kernel"]).max() <= bound
  assert (first["norm_1"]["scale"] == 1).all()
  assert (
    not first["norm_2"]["bias"].any() and not start["conv_out"]["bias"].any()
  )
  assert "bias" not in first["conv_2"]


def test_layer_norm_of_a_flat_picture_is_its_shift():
  """Variance 0: nothing is divided by 0."""
  norm = crn.LayerNorm()
  params = {"params": {"scale": jnp.ones(2), "bias": jnp.asarray([0.5, -1])}}
  got = norm.apply(params, jnp.full((1, 2, 2, 2), 7.0))
  np.testing.assert_array_equal(got[0, 0, 0], [0.5, -1])
