"""Names of machines, and what stands behind them."""

import importlib.util

import jax
import pytest

from hdgan.devices import targets
from hdgan.devices.chips import find_chip
from hdgan.devices.targets import CARDS, find_machine, parse_target
from hdgan.errors import InputError


@pytest.mark.parametrize(
  "text, platform, model, shape",
  [
    ("here", "here", "", ""), ("cpu:3", "cpu", "", "3"),
    (" H100:8 ", "gpu", "h100", "8"), ("a100-80:01", "gpu", "a100-80", "1"),
    ("v5e:2x4", "tpu", "v5e", "2x4"), ("v5p:2x2x1", "tpu", "v5p", "2x2x1"),
  ],
)  # fmt: skip
def test_names(text, platform, model, shape):
  assert parse_target(text)[1:] == (platform, model, shape)


@pytest.mark.parametrize(
  "text, way",
  [
    ("h101:4", "did you mean 'h100:4'"),
    ("gpu", "there are here, cpu:4, a100-40:4"),
    ("h100", "say --target=h100:4"),
    ("cpu:0", "1 to 4096; say --target=cpu:4"),
    ("h100:-1", "say --target=h100:4"),
    ("cpu:99999", "1 to 4096"),
    ("v5e:4", "say --target=v5e:2x2"),
    ("v6e:0x2", "say --target=v6e:2x2"),
    ("", "there are here"),
  ],
)
def test_names_that_mean_nothing(text, way):
  with pytest.raises(InputError, match=way):
    parse_target(text)


def test_cpus_share_this_machines_memory():
  jax.devices()
  two, four = (find_machine(parse_target(f"cpu:{n}")) for n in (2, 4))
  assert [len(m.devices) for m in (two, four)] == [2, 4]
  assert two.memory == 2 * four.memory
  here = find_machine(parse_target("here"))
  assert (here.devices, here.memory) == (jax.devices(), four.memory)


def test_more_cpus_than_jax_has_started_with():
  jax.devices()
  with pytest.raises(InputError, match="with 4 CPU devices; start another"):
    find_machine(parse_target("cpu:5"))


@pytest.mark.parametrize(
  "name, way", [("h100:4", "plan-gpu"), ("v5e:2x2", "tpu")]
)
def test_a_missing_compiler(name, way, monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
  with pytest.raises(InputError, match=rf"say pip install -e '\.\[{way}\]'"):
    find_machine(parse_target(name))


def test_a_compiler_of_another_jax(monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
  monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.1.2")
  with pytest.raises(InputError, match="plugin 0.1.2 is of another JAX than"):
    find_machine(parse_target("h100:4"))


def test_cards_are_described():
  for card in CARDS.values():
    text = targets.describe_card(card)
    assert f"device_memory_size: {find_chip(card.kind).memory}\n" in text
    assert f'device_description_str: "{card.kind}"' in text
    assert text.count("{") == text.count("}")
  text = targets.describe_card(CARDS["h100"])
  assert "shared_memory_per_block_optin: 232448\n" in text


@pytest.mark.parametrize(
  "said, share", [("", 0.75), ("0.9", 0.9), ("much", 0.75), ("7", 0.75)]
)
def test_what_jax_takes_of_a_gpu(said, share, monkeypatch):
  monkeypatch.setenv("XLA_PYTHON_CLIENT_MEM_FRACTION", said)
  assert targets.gpu_share() == share
