"""HED, holistically-nested edge detection (Xie and Tu, ICCV 2015), frozen.

VGG16's 13 convolutions; the last map of each block is scored by one number per
pixel, the five scores are brought to the picture's size, and a weighted sum of
them says how likely each pixel is an edge. For edges -> photo (Fig. 2), with
pix2pix's preparation of the photo.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hdgan.networks.convolution import conv
from hdgan.networks.layers import Params
from hdgan.networks.vgg import max_pool, read_params

# Convolutions per block, and their channels; a 2x2 max pooling in between.
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
MEAN = (104.00698793, 116.66876762, 122.67891434)  # Blue, green, red.
# pix2pix mirrors the photo by as much.
_MIRRORED = 128
# The released network pads its first convolution by 35 zeros, ours by one. It
# decides which pixels are pooled together.
_ZEROS = 34
# Sizes are rounded up to multiples, so that few of them are compiled.
_STEP = 64


def shapes() -> dict[str, dict[str, tuple[int, ...]]]:
  """Shapes of all parameters: kernels [k, k, C, D], biases [D]."""
  result, channels = {}, 3
  for block, (count, width) in enumerate(BLOCKS, start=1):
    for i in range(1, count + 1):
      result[f"conv{block}_{i}"] = (3, 3, channels, width)
      channels = width
    result[f"score{block}"] = (1, 1, width, 1)
  result["fuse"] = (1, 1, len(BLOCKS), 1)
  return {
    name: {"kernel": kernel, "bias": kernel[3:]}
    for name, kernel in result.items()
  }


def hed(
  params: Params, image: Float[Array, "b h w 3"]
) -> Float[Array, "b h w"]:
  """Computes how likely each pixel is an edge.

  Args:
    params: a kernel and a bias for each name in `shapes`.
    image: [B, H, W, 3] blue, green, red in 0..255 less `MEAN`; H and W at
      least 16.

  Returns:
    [B, H, W] float32 in 0..1.
  """
  scores, x = [], image
  for block, (count, _) in enumerate(BLOCKS, start=1):
    if block > 1:
      x = max_pool(x)
    for i in range(1, count + 1):
      x = jax.nn.relu(_layer(params[f"conv{block}_{i}"], x, 1))
    score = _layer(params[f"score{block}"], x)
    scores.append(jax.image.resize(score, (*image.shape[:3], 1), "bilinear"))
  fused = _layer(params["fuse"], jnp.concatenate(scores, axis=-1))
  return jax.nn.sigmoid(fused[..., 0])


def _layer(
  layer: Params, x: Float[Array, "b h w c"], padding: int = 0
) -> Float[Array, "b h w d"]:
  """A convolution with its bias."""
  bias = layer["bias"][None, None, None, :]
  return conv(x, layer["kernel"], 1, padding) + bias


_compiled = jax.jit(hed)


def edge_map(params: Params, photo: np.ndarray) -> np.ndarray:
  """Runs HED on a photo as pix2pix does.

  The photo is mirrored 128 pixels beyond its border, and only what belongs to
  it is kept.

  Args:
    params: as `load` gives them.
    photo: [H, W, 3] uint8, red, green, blue.

  Returns:
    [H, W] float32 in 0..1.
  """
  height, width, _ = photo.shape
  margin = _MIRRORED + _ZEROS
  mirrored = np.pad(photo, (*[(_MIRRORED, _MIRRORED)] * 2, (0, 0)), "reflect")
  bgr = mirrored[..., ::-1].astype(np.float32) - np.array(MEAN, np.float32)
  # Beyond the other end zeros are too far away to matter.
  ends = [(_ZEROS, _ZEROS + -(n + 2 * margin) % _STEP) for n in (height, width)]
  padded = np.pad(bgr, (*ends, (0, 0)))
  edge = np.asarray(_compiled(params, jnp.asarray(padded[None])))[0]
  return edge[margin : margin + height, margin : margin + width]


@functools.lru_cache(maxsize=1)
def load(path: str) -> Params:
  """Reads parameters that `python -m hdgan.convert hed` has written.

  Args:
    path: of a safetensors file.

  Returns:
    {name: {kernel: [k, k, C, D], bias: [D]}} float32.

  Raises:
    InputError: if there is no such file or it holds something else.
  """
  how = (
    "make one with `python -m hdgan.convert hed --from=FILE.pth --to="
    "hed.safetensors` from the weights of a PyTorch port"
  )
  return read_params(path, shapes(), name=f"--method=hed:{path}", how=how)
