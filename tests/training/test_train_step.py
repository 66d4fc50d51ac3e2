"""The step against a slow twin: one gradient per loss, Adam by hand."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from tiny import (
  assert_bits,
  leaves,
  null_bias,
  tiny_batch,
  tiny_config,
  validated,
)

from hdgan.devices import mesh as meshes
from hdgan.networks import vgg
from hdgan.networks.model import build_model
from hdgan.training import made_up, schedule, stage_program, train_step

OBJECTS = 64
RATE = 1e-2  # Large, so that the order of updates shows.


def make(settings, stage=0, batch_size=1):
  """Model, state, batch, VGG's weights and the unjitted step of a stage."""
  stage = settings.stages[stage]
  model = build_model(settings, stage, OBJECTS)
  params = model.init((settings.seed,))
  # Larger weights than N(0, 0.02): gradients well above rounding.
  params = jax.tree.map(
    lambda x: x * np.float32(8 if x.ndim == 4 else 1), params
  )
  state = train_step.init_state(params, tuple(stage.trainable), settings)
  batch = tiny_batch(model, batch_size)
  weights = made_up.random_vgg() if settings.loss.vgg else {}
  step = train_step.bind_step(
    model, stage, settings, first_step=0, steps_per_epoch=9
  )
  return model, jax.tree.map(jnp.asarray, state), batch, weights, step


def own_gan(outputs, real, kind):
  """Sum over scales of the mean of (s - t)^2, or of -log(sigmoid(s or -s))."""
  total = 0.0
  for scale in outputs:
    s = scale[-1]
    if kind == "lsgan":
      total += jnp.mean((s - float(real)) ** 2)
    else:
      total += jnp.mean(-jax.nn.log_sigmoid(s if real else -s))
  return total


def slow_gradients(model, settings, stage, params, batch, weights, moved=None):
  """The original's order: G's loss, then D's on a detached fake.

  With `moved`, D sees the picture of that G instead.

  Returns:
    Losses by name; gradient of G's loss to what is trained; of D's to D.
  """
  condition, image = model.condition(batch), model.image(batch)
  kind, loss = settings.loss.gan, settings.loss

  def generate(moving):
    every = {**params, **moving}
    return model.generate(every, condition, model.features(every, batch))

  def g_loss(moving):
    picture = generate(moving)
    on_fake = model.discriminate(params["D"], condition, picture)
    on_real = model.discriminate(params["D"], condition, image)
    terms = {"G_GAN": own_gan(on_fake, True, kind)}
    if loss.feature_matching:
      scales, layers = stage.scales, settings.discriminator.layers
      terms["G_GAN_Feat"] = sum(
        jnp.mean(jnp.abs(a - b)) * 4 / (layers + 1) / scales
        for x, y in zip(on_fake, on_real, strict=True)
        for a, b in zip(x[:-1], y[:-1], strict=True)
      ) * loss.feature_matching  # fmt: skip
    if loss.vgg:
      maps = zip(
        (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1), vgg.vgg_features(weights, picture),
        vgg.vgg_features(weights, image), strict=True,
      )  # fmt: skip
      terms["G_VGG"] = loss.vgg * sum(
        w * jnp.mean(jnp.abs(a - b)) for w, a, b in maps
      )
    return sum(terms.values()), terms

  def d_loss(d_params, picture):
    detached = jax.lax.stop_gradient(picture)
    on_fake = model.discriminate(d_params, condition, detached)
    on_real = model.discriminate(d_params, condition, image)
    terms = {
      "D_fake": own_gan(on_fake, False, kind),
      "D_real": own_gan(on_real, True, kind),
    }
    return (terms["D_fake"] + terms["D_real"]) * 0.5, terms

  moving = {name: params[name] for name in stage.trainable}
  g_gradient, g_terms = jax.grad(g_loss, has_aux=True)(moving)
  picture = generate(moving if moved is None else moved)
  d_gradient, d_terms = jax.grad(d_loss, has_aux=True)(params["D"], picture)
  return {**g_terms, **d_terms}, g_gradient, d_gradient


def adam_by_hand(params, gradient, count, moments):
  """Kingma and Ba's algorithm 1 in float64, with beta 0.5 and 0.999."""
  out, kept = {}, {}
  for name, g in gradient.items():
    m, v = moments.get(name, (0.0, 0.0))
    m, v = 0.5 * m + 0.5 * g, 0.999 * v + 0.001 * g * g
    kept[name] = (m, v)
    m_hat, v_hat = m / (1 - 0.5**count), v / (1 - 0.999**count)
    out[name] = params[name] - RATE * m_hat / (np.sqrt(v_hat) + 1e-8)
  return out, kept


def assert_close(actual, expected, tolerance):
  """Relative to each array's largest value; null biases are rounding noise."""
  actual, expected = leaves(actual), leaves(expected)
  assert actual.keys() == expected.keys()
  for name in actual:
    if not null_bias(name):
      error = np.abs(actual[name] - expected[name]).max()
      assert error <= tolerance * np.abs(expected[name]).max(), name


CASES = {
  "encoder, EMA": (0, 4, {"batch_size": 4}),
  "bce, GAN only, G1 frozen": (
    1, 1,
    {"loss.gan": "bce", "loss.feature_matching": 0.0, "ema": 0.0,
     "encoder.enabled": False, "stages[0].trainable": ("G1",),
     "boundary": False},
  ),
  "vgg": (
    0, 1,
    {"loss.vgg": 10.0, "loss.vgg_file": "x", "encoder.enabled": False,
     "stages[0].trainable": ("G1",)},
  ),
}  # fmt: skip


class Case:
  """Three steps of a case on one batch, and the slow twin's first step."""

  def __init__(self, name):
    index, self.batch_size, changes = CASES[name]
    self.changes = {"optimizer.learning_rate": RATE, **changes}
    self.settings = validated(**self.changes)
    self.stage = self.settings.stages[index]
    self.model, state, self.batch, self.weights, step = make(
      self.settings, index, self.batch_size
    )
    self.traces = 0

    def counted(*args):
      self.traces += 1
      return step(*args)

    self.jitted = jax.jit(counted)
    self.states, self.metrics = [state], []
    for _ in range(3):
      new, values = self.jitted(self.states[-1], self.batch, self.weights)
      self.states.append(new)
      self.metrics.append(values)

  @functools.cached_property
  def slow(self):
    """Losses, gradients to G and to D, and to D on G's next fake."""
    args = self.model, self.settings, self.stage

    @jax.jit
    def twin(params, moved, batch, weights):
      terms, g, d = slow_gradients(*args, params, batch, weights)
      late = slow_gradients(*args, params, batch, weights, moved)[2]
      return terms, g, d, late

    moved = {k: self.states[1].params[k] for k in self.stage.trainable}
    return twin(self.states[0].params, moved, self.batch, self.weights)


@functools.cache
def case_of(name):
  return Case(name)


@pytest.fixture(
  params=[
    pytest.param(name, marks=[pytest.mark.slow] * (name == "vgg"))
    for name in CASES
  ]
)
def case(request):
  return case_of(request.param)


@pytest.fixture
def first_stage():
  return case_of("encoder, EMA")


def test_metrics_are_the_losses_before_the_update(case):
  loss = case.settings.loss
  names = {"G_GAN", "D_fake", "D_real", "rate", "skipped"}
  names |= {"G_GAN_Feat"} if loss.feature_matching else set()
  names |= {"G_VGG"} if loss.vgg else set()
  metrics = case.metrics[0]
  assert metrics.keys() == names
  for name, value in case.slow[0].items():
    assert metrics[name].dtype == np.float32
    np.testing.assert_allclose(metrics[name], value, rtol=1e-5)
  np.testing.assert_allclose(metrics["rate"], RATE, rtol=1e-6)


def test_each_optimizer_gets_the_gradient_of_its_own_loss(case):
  _, g_gradient, d_gradient, late = case.slow
  after = case.states[1]
  # After one step the first moment is half the gradient. Sums in another
  # order differ by up to 1e-3 of an array's largest gradient.
  for optimizer, gradient in (
    (after.g_optimizer, g_gradient),
    (after.d_optimizer, d_gradient),
  ):
    assert int(optimizer.count) == 1
    assert_close(doubled(optimizer.mu), gradient, 1e-3)
  # Both losses are taken before either update: D's gradient is not the one
  # on the picture that G makes after its update.
  with pytest.raises(AssertionError):
    assert_close(doubled(after.d_optimizer.mu), late, 2e-2)


def doubled(tree):
  return jax.tree.map(lambda x: 2 * np.asarray(x), tree)


def test_parameters_move_as_adam_says(case):
  """Over three steps; each gradient comes back from the moments."""
  for unit in (*case.stage.trainable, "D"):
    moments = {}
    for count in (1, 2, 3):
      old, new = case.states[count - 1 : count + 1]
      # Two steps in three keep the moment of the step before: g = 2 m - m'.
      m, before = (moment_of(state, unit) for state in (new, old))
      g = {k: 2 * m[k].astype(np.float64) - before[k] for k in m}
      want, moments = adam_by_hand(leaves(old.params[unit]), g, count, moments)
      now = leaves(new.params[unit])
      for name, value in want.items():
        if not null_bias(f"{unit}/{name}"):
          np.testing.assert_allclose(
            now[name], value, atol=2e-5, err_msg=f"{unit}/{name}"
          )


def moment_of(state, unit):
  if unit == "D":
    return leaves(state.d_optimizer.mu)
  return leaves(state.g_optimizer.mu[unit])


def test_what_is_not_trained_stays_bit_equal_and_has_no_moments(case):
  before, after = case.states[0], case.states[-1]
  assert after.g_optimizer.mu.keys() == set(case.stage.trainable)
  assert after.g_optimizer.nu.keys() == set(case.stage.trainable)
  for unit in before.params.keys() - {*case.stage.trainable, "D"}:
    assert_bits(after.params[unit], before.params[unit])
  assert int(after.step) == 3


def test_what_is_trained_moves(case):
  """All leaves but null biases, those of E in stage one among them."""
  for unit in (*case.stage.trainable, "D"):
    old, new = (leaves(case.states[i].params[unit]) for i in (0, 1))
    for name in old:
      if not null_bias(f"{unit}/{name}"):
        assert (old[name] != new[name]).any(), f"{unit}/{name}"


def test_the_moving_average_by_hand(case):
  before, after = case.states[:2]
  if not case.settings.ema:
    assert after.ema == {}
    return
  assert after.ema.keys() == {k for k in after.params if k[0] == "G"}
  old, new = leaves(before.ema), leaves(after.params)
  for name, leaf in leaves(after.ema).items():
    np.testing.assert_allclose(
      leaf, 0.9 * old[name] + 0.1 * new[name], atol=1e-7
    )


def test_one_trace_for_all_steps(case):
  assert case.traces == 1
  assert case.jitted._cache_size() == 1


@pytest.mark.parametrize("way", ["4 devices", "norms", "networks", "2 parts"])
def test_same_numbers_another_way(first_stage, way):
  changes = {**first_stage.changes, "remat": way if way[0] == "n" else "none"}
  changes["accumulate"] = 2 if way == "2 parts" else 1
  _, state, batch, weights, step = make(validated(**changes), 0, 4)
  if way == "4 devices":
    mesh = meshes.make_mesh(4)
    assert mesh.size == 4
    state = jax.device_put(state, meshes.replicated(mesh))
    batch = meshes.put_batch(batch, mesh)
  after, values = jax.jit(step)(state, batch, weights)
  # Sums in another order: float32 rounding, through some 10 layers.
  for name in values:
    np.testing.assert_allclose(
      values[name], first_stage.metrics[0][name], rtol=2e-5
    )
  expected = first_stage.states[1]
  assert_close(after.g_optimizer.mu, expected.g_optimizer.mu, 1e-3)
  assert_close(after.d_optimizer.mu, expected.d_optimizer.mu, 1e-3)
  if way == "4 devices":
    for leaf in jax.tree.leaves(after):
      assert leaf.sharding.is_fully_replicated
      copies = {np.asarray(s.data).tobytes() for s in leaf.addressable_shards}
      assert len(leaf.addressable_shards) == 4 and len(copies) == 1


def test_bf16_keeps_parameters_and_losses_in_float32(first_stage):
  settings = validated(**first_stage.changes, precision="bf16")
  _, state, batch, weights, step = make(settings, 0, 4)
  lowered = jax.jit(step).lower(state, batch, weights)
  assert "bf16" in lowered.as_text()
  after, values = lowered.compile()(state, batch, weights)
  for leaf in jax.tree.leaves(after):
    assert leaf.dtype in (np.float32, np.int32)
    assert np.isfinite(leaf).all()
  for name in values:
    assert values[name].dtype == np.float32
    # bfloat16 has 8 bits: 0.4 % per rounding.
    np.testing.assert_allclose(
      values[name], first_stage.metrics[0][name], rtol=0.05
    )


@pytest.mark.slow
def test_bf16_sums_over_devices_are_of_float32(first_stage):
  """Gradients of 1 device and of 4: digits that bfloat16 does not have."""
  settings = validated(**first_stage.changes, precision="bf16")
  _, state, batch, _, _ = make(settings, 0, 4)
  found = []
  for devices in (1, 4):
    mesh = meshes.make_mesh(4, devices)
    plan = schedule.plan_stages(settings, 4, OBJECTS)[0]
    cut = meshes.put_batch(batch, mesh)
    step = stage_program.StageProgram(settings, plan, mesh).lower(cut)
    after, _, _ = step.compile()(
      meshes.place(state, meshes.replicated(mesh)), cut,
      meshes.put_flag(False, mesh), {},
    )  # fmt: skip
    moments = {"G": after.g_optimizer.mu, "D": after.d_optimizer.mu}
    found.append(leaves(moments))
  one, four = found
  off = {
    name: np.linalg.norm(four[name] - one[name]) / np.linalg.norm(one[name])
    for name in one
    if not null_bias(name.split("/", 1)[1])
  }
  # 2^-9 is half a place of bfloat16; a few layers' activations are rounded
  # another way by each program, half of the arrays never see one of them.
  assert max(off.values()) < 0.05
  assert np.median(list(off.values())) < 1e-5


def test_the_rate_follows_the_epochs_of_its_own_stage():
  settings = tiny_config(**{"stages[2].constant": 1, "stages[2].decay": 2})
  stage = settings.stages[2]
  model = build_model(settings, stage, OBJECTS)
  step = train_step.bind_step(
    model, stage, settings, first_step=6, steps_per_epoch=3
  )
  rate = step.keywords["rate"]
  # Steps 6..14 are epochs 1, 1, 1, 2, 2, 2, 3, 3, 3: full, full, half.
  got = [float(rate(jnp.int32(n))) for n in range(6, 15)]
  want = [5e-4] * 6 + [2.5e-4] * 3
  np.testing.assert_allclose(got, want, rtol=1e-6)


def test_a_state_is_born_where_it_is_to_live():
  """Kernels cut over 4 devices by their outputs: the same numbers, in parts."""
  settings = validated()
  model = build_model(settings, settings.stages[0], OBJECTS)
  mesh = meshes.make_mesh(4)

  def where(array):
    cut = array.ndim == 4 and array.shape[3] % 4 == 0
    axes = (None, None, None, "data") if cut else ()
    return NamedSharding(mesh, PartitionSpec(*axes))

  drawn = model.init((settings.seed,))
  shardings = jax.tree.map(where, model.shapes())
  params = meshes.place(drawn, shardings)
  state = train_step.init_state(params, ("G1", "E"), settings)
  assert_bits(state.params, drawn)
  kernel = drawn["G1"]["down_1"]["kernel"]
  held = state.params["G1"]["down_1"]["kernel"].addressable_shards
  assert [shard.data.shape for shard in held] == [(3, 3, 4, 2)] * 4
  np.testing.assert_array_equal(held[3].data, kernel[..., 6:])
  # Adam's moments are born beside the parameters that they belong to.
  for moments in (state.g_optimizer.mu, state.g_optimizer.nu):
    assert moments["G1"]["down_1"]["kernel"].sharding.is_equivalent_to(
      shardings["G1"]["down_1"]["kernel"], 4
    )


@pytest.mark.parametrize(
  "parts, devices", [(4, 1), pytest.param(2, 2, marks=pytest.mark.slow)]
)
def test_parts_of_a_batch_equal_the_whole(first_stage, parts, devices):
  """Losses, gradients and three steps; only sums come in another order."""
  _, state, batch, weights, step = make(
    validated(**first_stage.changes, accumulate=parts), 0, 4
  )
  mesh = meshes.make_mesh(4 // parts, devices)
  state = meshes.place(state, meshes.replicated(mesh))
  batch = meshes.put_batch(batch, mesh)
  step = jax.jit(step, out_shardings=meshes.replicated(mesh))
  for number in range(3):
    state, values = step(state, batch, weights)
    for name in values:
      # Later steps start from parameters that differ by rounding.
      close = 2e-5 if not number else 1e-3
      np.testing.assert_allclose(
        values[name], first_stage.metrics[number][name], rtol=close
      )
    if not number:
      expected = first_stage.states[1]
      assert_close(state.g_optimizer.mu, expected.g_optimizer.mu, 1e-3)
      assert_close(state.d_optimizer.mu, expected.d_optimizer.mu, 1e-3)
  assert int(state.step) == 3 and int(state.g_optimizer.count) == 3
  got, want = leaves(state.params), leaves(first_stage.states[3].params)
  for name, value in want.items():
    if not null_bias(name):
      # Adam moves each number by about RATE, whatever the gradient's size: a
      # gradient near 0 may go another way. Nearly all must go the same.
      off = np.abs(got[name] - value)
      assert np.quantile(off, 0.9) <= 0.02 * RATE, name


def test_parts_need_less_memory():
  sizes = []
  for parts in (1, 4):
    settings = validated(batch_size=4, accumulate=parts)
    _, state, batch, weights, step = make(settings, 0, 4)
    lowered = jax.jit(step).lower(state, batch, weights)
    sizes.append(lowered.compile().memory_analysis().temp_size_in_bytes)
  # A quarter of what grows with the batch, and one more gradient.
  assert sizes[1] < 0.6 * sizes[0]


@pytest.mark.parametrize("bad", ["image", "gradient", "parameters"])
def test_a_step_that_is_not_finite_is_left_out(first_stage, bad):
  """Of a photo, of a gradient whose square overflows, of the parameters."""
  state, batch = first_stage.states[1], dict(first_stage.batch)
  step = first_stage.jitted
  if bad == "image":
    photo = batch["image"].astype(np.float32)
    photo[2, 3, 4] = np.nan
    batch["image"] = photo
    # Of another dtype: not to count as a second trace of the step.
    step = jax.jit(make(first_stage.settings, 0, 4)[-1])
  elif bad == "gradient":
    huge = jax.tree.map(lambda x: x * np.float32(1e36), state.params["D"])
    state = state.replace(params={**state.params, "D": huge})
  else:
    broken = jax.tree.map(lambda x: x * np.float32(np.nan), state.params["D"])
    state = state.replace(params={**state.params, "D": broken})
  before = jax.device_get(state)
  after, metrics = step(state, batch, first_stage.weights)
  assert float(metrics["skipped"]) == 1.0
  assert int(after.step) == int(before.step) + 1
  assert_bits(after.replace(step=before.step), before)
  # And it goes on from there as if the bad batch had never been.
  if bad == "image":
    again, metrics = first_stage.jitted(
      after.replace(step=before.step), first_stage.batch, first_stage.weights
    )
    assert float(metrics["skipped"]) == 0.0
    assert_bits(again, first_stage.states[2])


@pytest.mark.slow
def test_the_guard_costs_neither_digits_nor_a_second_state():
  """Against the step without it, where the state is most of the memory.

  A sum that two ask for may be compiled to another order: the last place of a
  few arrays.
  """
  settings = validated(**{
    "generator.width": 64, "stages[0].size": (16, 16),
    "encoder.enabled": False, "stages[0].trainable": ("G1",),
  })  # fmt: skip
  _, state, batch, weights, step = make(settings)
  bare = functools.partial(train_step.attempt, **step.keywords)
  guarded, unguarded = (
    jax.jit(one, donate_argnums=0).lower(state, batch, weights).compile()
    for one in (step, bare)
  )
  # All gradients at once, a quarter of the state, before the first update.
  more, less = (
    c.memory_analysis().temp_size_in_bytes for c in (guarded, unguarded)
  )
  assert more - less < 0.4 * sum(x.nbytes for x in jax.tree.leaves(state))
  copies = [jax.tree.map(jnp.copy, state) for _ in range(2)]
  new, metrics = guarded(copies[0], batch, weights)
  want, bare_metrics, _ = unguarded(copies[1], batch, weights)
  assert float(metrics.pop("skipped")) == 0.0
  assert_bits(metrics, bare_metrics)
  new, want = leaves(new), leaves(want)
  same = [new[name].tobytes() == want[name].tobytes() for name in want]
  assert np.mean(same) > 0.9
  for name in want:
    largest = np.abs(want[name]).max()
    np.testing.assert_allclose(new[name], want[name], 0, 2.4e-7 * largest)


def test_what_the_guard_takes_for_finite():
  """The largest float32 is 3.40e38, so the largest gradient 1.84e19."""
  for number, well in ((1.84e19, True), (1.85e19, False), (np.nan, False)):
    gradient = {"G1": {"kernel": jnp.asarray([1.0, -number], jnp.float32)}}
    assert bool(train_step.all_finite(gradient, {})) == well
  for loss, well in ((3e38, True), (np.inf, False)):
    metrics = {"G_GAN": jnp.float32(loss)}
    assert bool(train_step.all_finite({}, metrics)) == well


def test_no_finite_gradient_moves_a_parameter_out_of_the_finite():
  """The steepest: a first moment at its bound, a second that has vanished."""
  settings = validated()
  optimizer = train_step.adam(settings)
  params = {"kernel": jnp.zeros(2)}
  state = optimizer.init(params)._replace(
    count=jnp.int32(1000), mu={"kernel": jnp.asarray([1.84e19, -1.84e19])}
  )
  gradient = {"kernel": jnp.zeros(2)}
  new, moments = train_step._update(
    optimizer, gradient, state, params, jnp.float32(1e10)
  )
  assert all(np.isfinite(x).all() for x in jax.tree.leaves((new, moments)))


def test_losses_without_a_discriminator():
  """What is left is L1, and nothing of D's."""
  config = validated(**{
    "loss.gan": "none", "loss.feature_matching": 0.0, "loss.l1": 100.0
  })  # fmt: skip
  model = build_model(config, config.stages[0], OBJECTS)
  one = jnp.ones((1, 4, 4, 3))
  g, d, terms = train_step.bind_losses(model, config)(
    {}, one, one, one / 2, {}, batch={}
  )
  assert (float(g), float(d)) == (50.0, 0.0)
  assert {name: float(x) for name, x in terms.items()} == {"G_L1": 50.0}
