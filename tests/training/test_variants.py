"""What a config's variants become, and which runs are taken as they are."""

import pytest
from tiny import save_run, tiny_config

from hdgan import config as config_lib
from hdgan.errors import InputError
from hdgan.training import variants

TWO = {"one": {"stages[1].scales": 1}, "two": {"seed": 4, "ema": 0.0}}


FOLDER = {"data.name": "paired_folder"}


def plan(tmp_path, found=TWO):
  return variants.plan_trials(tiny_config(**FOLDER), found, tmp_path, 2)


def test_runs_in_the_order_of_the_table(tmp_path):
  trials = plan(tmp_path)
  assert [str(t.workdir.relative_to(tmp_path)) for t in trials] == [
    "one/seed_0", "one/seed_1", "two/seed_0", "two/seed_1",
  ]  # fmt: skip
  assert [t.config.seed for t in trials] == [0, 1, 0, 1]
  assert [t.config.stages[1].scales for t in trials] == [1, 1, 2, 2]
  base = tiny_config(**FOLDER)
  assert config_lib.differences(base, trials[2].config) == [("ema", 0.9, 0.0)]


@pytest.mark.parametrize(
  "fields, said",
  [
    ({"generator.hight": 3}, "variant 'a': there is no field 'generator.hight"),
    ({"stages[7].scales": 1}, "variant 'a': there is no field 'stages[7].sca"),
    ({"ema": 2.0}, "variant 'a': config.ema=2.0 must be in [0, 1)"),
  ],
)
def test_variants_that_are_no_configs(tmp_path, fields, said):
  with pytest.raises(InputError) as error:
    plan(tmp_path, {"a": fields})
  assert str(error.value).startswith(said)


@pytest.mark.parametrize(
  "text, said",
  [
    ("", "an ablation needs a function get_variants() beside get_config()"),
    ("def get_variants(): return {}", "that gives a dict of at least one"),
    ("def get_variants(): return {'../x': {}}", "the variant '../x' names a"),
    ("def get_variants(): return {'x': 3}", "the variant 'x' must be a dict"),
  ],
)
def test_files_without_variants(tmp_path, text, said):
  file = tmp_path / "my.py"
  file.write_text(text)
  with pytest.raises(InputError) as error:
    variants.read_variants(str(file))
  assert said in str(error.value) and str(file) in str(error.value)


def test_drawn_data_differs_from_seed_to_seed(tmp_path):
  with pytest.raises(InputError, match="--seeds=2: .* say --seeds=1"):
    variants.plan_trials(tiny_config(), TWO, tmp_path, 2)
  assert len(variants.plan_trials(tiny_config(), TWO, tmp_path, 1)) == 2


def test_a_run_s_config_is_no_ablation():
  with pytest.raises(InputError, match="give a file such as configs/abl"):
    variants.read_variants("runs/mine/config.json")


@pytest.mark.parametrize(
  "typed, said",
  [
    ({"seed": 3}, "--config.seed has no effect with --mode=ablate"),
    ({"ema": 0.0}, "--config.ema has no effect: every variant says it itself"),
  ],
)
def test_fields_that_no_run_would_have(typed, said):
  with pytest.raises(InputError) as error:
    variants.check_typed(typed, {"a": {"ema": 0.5}, "b": {"ema": 0.9}})
  assert str(error.value).startswith(said)
  variants.check_typed({"ema": 0.0}, {"a": {"ema": 0.5}, "b": {}})


def test_finished_half_done_and_other_runs(tmp_path):
  """Three pictures: three stages of three steps each."""
  trial, other = plan(tmp_path)[0], plan(tmp_path, {"a": {}})[0]
  assert not variants.is_finished(trial)
  save_run(trial.workdir, trial.config, stage=2, step=8)
  assert not variants.is_finished(trial)
  save_run(trial.workdir, trial.config, stage=2, step=9)
  assert not variants.is_finished(trial)  # Its style bank is to be made.
  (trial.workdir / variants.bank.FILE).touch()
  assert variants.is_finished(trial)
  with pytest.raises(InputError) as error:
    variants.is_finished(
      variants.Trial("a", 0, config=other.config, workdir=trial.workdir)
    )
  assert "holds a run with stages[1].scales = 1, this ablation asks for 2" in (
    str(error.value)
  )
