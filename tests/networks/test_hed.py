"""HED against a twin in PyTorch, its alignment, and its weight file."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from hdgan.errors import InputError
from hdgan.networks import hed
from hdgan.weights import state_dict as names

torch = pytest.importorskip("torch")
WIDTHS = (64, 128, 256, 512, 512)


@pytest.fixture(scope="module")
def weights():
  """A state dict in the port's names; small enough for a mixed sigmoid."""
  rng = np.random.default_rng(0)
  table = names.shapes_of(names.hed_table())
  scale = {name: np.sqrt(2 / np.prod(s[1:])) for name, s in table.items()}
  scale |= {n: 0.002 for n in table if "Score" in n and n.endswith("weight")}
  scale |= {n: 0.01 for n in table if n.endswith("bias")}
  return {
    name: rng.normal(0, scale[name], shape).astype(np.float32)
    for name, shape in table.items()
  }


def twin(weights, x, padding=1):
  """As the port computes it; `padding` of the first convolution."""
  functional = torch.nn.functional
  tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
  size, scores = x.shape[2:], []
  counts = {"One": 2, "Two": 2, "Thr": 3, "Fou": 3, "Fiv": 3}
  grown = 2 * (padding - 1)
  for block, count in counts.items():
    place = int(block != "One")
    if place:
      x = functional.max_pool2d(x, 2, 2)
    for _ in range(count):
      name = f"netVgg{block}.{place}"
      one, padding = padding, 1
      x = torch.relu(
        functional.conv2d(
          x, tensors[f"{name}.weight"], tensors[f"{name}.bias"], padding=one
        )
      )
      place += 2
    score = f"netScore{block}"
    y = functional.conv2d(x, tensors[f"{score}.weight"],
                          tensors[f"{score}.bias"])  # fmt: skip
    full = tuple(n + grown for n in size)
    scores.append(functional.interpolate(y, full, mode="bilinear"))
  fused = functional.conv2d(
    torch.cat(scores, 1), tensors["netCombine.0.weight"],
    tensors["netCombine.0.bias"],
  )  # fmt: skip
  return torch.sigmoid(fused)[0, 0].numpy()


def params_of(weights):
  params = names.to_params(names.hed_table(), weights)
  return {
    name: {leaf: jnp.asarray(a) for leaf, a in leaves.items()}
    for name, leaves in params.items()
  }


def test_counts_of_vgg16_and_the_port_s_names():
  shapes = [s for leaves in hed.shapes().values() for s in leaves.values()]
  # VGG16's convolutions, five scores with a bias each, a sum with one.
  assert sum(np.prod(s) for s in shapes) == 14_714_688 + sum(WIDTHS) + 5 + 6
  table = list(names.shapes_of(names.hed_table()).items())
  assert table[0] == ("netVggOne.0.weight", (64, 3, 3, 3))
  assert ("netVggTwo.1.weight", (128, 64, 3, 3)) in table
  assert ("netVggFiv.5.bias", (512,)) in table
  assert ("netScoreThr.weight", (1, 256, 1, 1)) in table
  assert table[-2] == ("netCombine.0.weight", (1, 5, 1, 1))


def test_is_what_pytorch_computes(weights):
  """Sizes that pooling rounds down, too; float32 in another order."""
  x = np.random.default_rng(1).normal(0, 60, (1, 3, 35, 42))
  x = x.astype(np.float32)
  want = twin(weights, torch.from_numpy(x))
  assert want.std() > 0.05
  x = jnp.asarray(x.transpose(0, 2, 3, 1))
  got = jax.jit(hed.hed)(params_of(weights), x)
  np.testing.assert_allclose(np.asarray(got)[0], want, atol=2e-5)


def test_a_photo_is_prepared_as_by_pix2pix(weights, monkeypatch):
  """Mirrored, blue first, less the mean, padded by 35 zeros, cut again."""
  monkeypatch.setattr(hed, "_MIRRORED", 16)
  monkeypatch.setattr(hed, "_STEP", 16)
  monkeypatch.setattr(hed, "_compiled",
                      jax.jit(hed.hed))  # fmt: skip
  # 128x144 with what is put around it, so that pooling leaves nothing over.
  photo = np.random.default_rng(2).integers(0, 256, (28, 44, 3), np.uint8)
  mirrored = np.pad(photo.astype(np.float32), ((16, 16), (16, 16), (0, 0)),
                    "reflect")  # fmt: skip
  bgr = mirrored[..., ::-1] - np.float32([104.00698793, 116.66876762,
                                          122.67891434])  # fmt: skip
  x = torch.from_numpy(bgr.transpose(2, 0, 1)[None].copy())
  want = twin(weights, x, padding=35)[50:78, 50:94]
  got = hed.edge_map(params_of(weights), photo)
  assert got.shape == (28, 44) and got.dtype == np.float32
  np.testing.assert_allclose(got, want, atol=2e-5)


def test_weights_are_read_back_or_refused(weights, tmp_path):
  path = tmp_path / "hed.safetensors"
  flat = {
    f"{name}.{leaf}": np.ascontiguousarray(array)
    for name, leaves in names.to_params(names.hed_table(), weights).items()
    for leaf, array in leaves.items()
  }
  safetensors.numpy.save_file(flat, path)
  loaded = hed.load(str(path))
  np.testing.assert_array_equal(
    loaded["score3"]["kernel"][0, 0, :, 0],
    weights["netScoreThr.weight"][0, :, 0, 0],
  )
  del flat["fuse.bias"]
  safetensors.numpy.save_file(flat, path)
  hed.load.cache_clear()
  with pytest.raises(InputError, match=r"fuse.bias is missing.*convert hed"):
    hed.load(str(path))
