"""From label and instance maps to the networks' input (section 3.3)."""

import jax
import jax.numpy as jnp

from hdgan.picture_spec import PictureSpec


def one_hot(
  label: jax.Array, num_classes: int, ignore_label: int = -1
) -> jax.Array:
  """One-hot vectors; ignored and unknown labels get all zeros.

  Args:
    label: [B, H, W] integer class ids.
    num_classes: C_label.
    ignore_label: id without a vector; -1 for none.

  Returns:
    [B, H, W, C_label] float32.
  """
  label = jnp.where(label == ignore_label, -1, label)
  return jax.nn.one_hot(label, num_classes, dtype=jnp.float32)


def boundary_map(instance: jax.Array) -> jax.Array:
  """Marks pixels with another instance id among their 4 neighbours.

  Args:
    instance: [B, H, W] integer ids; only their equality counts.

  Returns:
    [B, H, W] float32, 1 at boundaries and 0 elsewhere.
  """
  rows = instance[:, 1:] != instance[:, :-1]
  cols = instance[:, :, 1:] != instance[:, :, :-1]
  first, last = (1, 0), (0, 1)
  edges = jnp.pad(rows, ((0, 0), first, (0, 0)))
  edges |= jnp.pad(rows, ((0, 0), last, (0, 0)))
  edges |= jnp.pad(cols, ((0, 0), (0, 0), first))
  edges |= jnp.pad(cols, ((0, 0), (0, 0), last))
  return edges.astype(jnp.float32)


def to_unit_range(x: jax.Array, low: float, high: float) -> jax.Array:
  """Maps [B, H, W, C] values from [low, high] to float32 in [-1, 1]."""
  return (x.astype(jnp.float32) - low) * (2.0 / (high - low)) - 1.0


def condition(
  label: jax.Array,
  instance: jax.Array | None,
  *,
  spec: PictureSpec,
) -> jax.Array:
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
