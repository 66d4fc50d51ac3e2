"""From label and instance maps to the networks' input (section 3.3)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer, Num

from hdgan.picture_spec import PictureSpec


def one_hot(
  label: Integer[Array, "b h w"], num_classes: int, ignore_label: int = -1
) -> Float[Array, "b h w {num_classes}"]:
  """One-hot vectors; ignored and unknown labels get all zeros.

  Args:
    label: [B, H, W] integer class ids.
    num_classes: C_label.
    ignore_label: id without a vector; -1 for none.

  Returns:
    [B, H, W, C_label] float32.
  """
  # one_hot gives zeros for every id outside 0..num_classes-1.
  label = label.astype(jnp.int32)
  label = jnp.where(label == ignore_label, -1, label)
  return jax.nn.one_hot(label, num_classes, dtype=jnp.float32)


def boundary_map(instance: Integer[Array, "b h w"]) -> Float[Array, "b h w"]:
  """Marks pixels with another instance id among their 4 neighbours.

  Args:
    instance: [B, H, W] integer ids; only their equality counts.

  Returns:
    [B, H, W] float32, 1 at boundaries and 0 elsewhere.
  """
  rows = instance[:, 1:] != instance[:, :-1]
  cols = instance[:, :, 1:] != instance[:, :, :-1]
  first, last = (1, 0), (0, 1)
  # A difference marks both of its pixels.
  edges = jnp.pad(rows, ((0, 0), first, (0, 0)))
  edges |= jnp.pad(rows, ((0, 0), last, (0, 0)))
  edges |= jnp.pad(cols, ((0, 0), (0, 0), first))
  edges |= jnp.pad(cols, ((0, 0), (0, 0), last))
  return edges.astype(jnp.float32)


def to_unit_range(
  x: Num[Array, "b h w c"], low: float, high: float
) -> Float[Array, "b h w c"]:
  """Maps [B, H, W, C] values from [low, high] to float32 in [-1, 1]."""
  return (x.astype(jnp.float32) - low) * (2.0 / (high - low)) - 1.0


def condition(
  label: Integer[Array, "b h w"] | Num[Array, "b h w c"],
  instance: Integer[Array, "b h w"] | None,
  *,
  spec: PictureSpec,
) -> Float[Array, "b h w _"]:
  """Builds what G and D are conditioned on.

  Args:
    label: [B, H, W] integer class ids; or a picture [B, H, W, C].
    instance: [B, H, W] integer ids, or None for no boundary channel.
    spec: what the label means.

  Returns:
    [B, H, W, C_label (+ 1)] float32; the boundary map comes last.
  """
  if spec.num_classes:
    x = one_hot(label, spec.num_classes, spec.ignore_label)
  else:
    x = to_unit_range(label, *spec.label_range)
  if instance is None:
    return x
  return jnp.concatenate([x, boundary_map(instance)[..., None]], axis=-1)
