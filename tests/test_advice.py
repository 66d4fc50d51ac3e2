"""What a message tells a user to type works when it is typed as it stands.

A new piece of advice is a row of `SITUATIONS`: how the situation comes about
and the command that meets it. Every flag and command in what is then printed is
typed, and must lead past the fault. `pytest tests/test_advice.py -s` shows all.
"""

import ast
import dataclasses
import pathlib
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable

import jax
import numpy as np
import pytest
from PIL import Image
from tiny import command, save_run, tiny_config

from hdgan import config as config_lib
from hdgan import convert, train
from hdgan.datasets.streets import builder as synthetic_streets
from hdgan.networks.model import build_model
from hdgan.runs import directory
from hdgan.validation import validate
from hdgan.weights import state_dict

ROOT = pathlib.Path(__file__).parents[1]
SMOKE = f"--config={ROOT / 'configs/smoke.py'}"

# ---------------------------------------------------------------- as it is read

FIELDS = [field.name for field in config_lib.FIELDS]
FIELDS += [field.name for field in config_lib.STAGE_FIELDS]
# The parts above fields too: "say data.suffixes" helps nobody.
FIELDS += ["data.suffixes", "stages"]
_FIELD = "|".join(re.escape(name) for name in sorted(FIELDS, key=len)[::-1])
BAD = (
  # A value is quoted as `num_classes = 8`, or with config. in front.
  re.compile(rf"(?<![\w.\-\]])(?:{_FIELD})="),
  re.compile(rf"\b(?:say|set|lower|raise|choose) (?:config\.)?(?:{_FIELD})\b"),
  re.compile(r"\b(?:to|or|lower|raise) config\.[a-z]"),
  re.compile(rf"\blower (?:{_FIELD})\b|\bset it to \S"),
)


def texts_of(source: str) -> list[tuple[int, str]]:
  """Lines and strings of a module, what is filled in as {}; no docstrings."""
  tree = ast.parse(source)
  aside = {
    id(node.body[0].value)
    for node in ast.walk(tree)
    if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
    and node.body
    and isinstance(node.body[0], ast.Expr)
  }
  found = []
  for node in ast.walk(tree):
    if isinstance(node, ast.JoinedStr):
      aside |= {id(part) for part in node.values}
      parts = [getattr(part, "value", "") for part in node.values]
      text = "".join(p if isinstance(p, str) else "{}" for p in parts)
      found.append((node.lineno, text))
    elif isinstance(node, ast.Constant) and id(node) not in aside:
      found.append((node.lineno, str(node.value)))
  return found


def badly_said(source: str) -> list[str]:
  return [
    f"{line}: {text}"
    for line, text in texts_of(source)
    if any(pattern.search(text) for pattern in BAD)
  ]


@pytest.mark.parametrize(
  "path", sorted((ROOT / "hdgan").rglob("*.py")),
  ids=lambda path: str(path.relative_to(ROOT / "hdgan")),
)  # fmt: skip
def test_fields_are_said_as_they_are_typed(path):
  assert badly_said(path.read_text()) == []


@pytest.mark.parametrize(
  "old",
  [
    'f"ignore_label={max(bad)} if these pixels have no class"',
    'f"objects; say max_instances={bound}, or 0 to have them counted"',
    '"no such folder; say data.root=FOLDER"',
    '"say data.prepared_dir=FOLDER"',
    'f"processes; say batch_size={n}"',
    '"choose a smaller stage size or data.transform=resize"',
    '"num_classes=0 (label is a picture); set it to -1"',
    '"needs 3 image channels; set loss.vgg to 0"',
    '"change one, or set mesh.data=0"',
    '"free some space or lower config.keep, then run the same command again"',
    '''"A lower optimizer.learning_rate, or precision='float32', may help"''',
    'f"append a stage to config.stages (it has {last + 1})"',
    '"remove them (files pair by name; say data.suffixes where they differ)"',
  ],
)
def test_what_was_said_once_is_caught(old):
  """Messages of the first version, none of which could be typed."""
  assert badly_said(f"x = {old}")


def test_what_may_be_said():
  assert not badly_said(
    """
say = "say --config.num_classes=8, or --config.stages[0].size=64,64"
quote = f"(num_classes = {n}); config.seed={seed} must be at least 0"
mine = "say --size=HEIGHT,WIDTH"
"""
  )


# --------------------------------------------------------------- as it is typed


@dataclasses.dataclass
class Place:
  """Where a situation takes place: folders that it may fill."""

  tmp: pathlib.Path
  monkeypatch: pytest.MonkeyPatch

  @property
  def root(self) -> pathlib.Path:
    """A good folder of pictures, to be spoiled."""
    return self.tmp / "data"

  def edit(self, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Changes a picture of the folder."""
    with Image.open(self.root / name) as picture:
      array = np.array(picture)
    Image.fromarray(change(array)).save(self.root / name)

  def run(self, name: str, step: int = 3, **changes: object) -> pathlib.Path:
    """A run with random weights of a tiny config, which ends at step 9."""
    config = tiny_config(**changes)
    with config.unlocked():
      config.data.prepared_dir = str(self.tmp / "copies")
    save_run(self.tmp / name, config, stage=step // 4, step=step)
    return self.tmp / name


@dataclasses.dataclass(frozen=True)
class Situation:
  """A fault, or a line at least, and what its advice must lead to.

  Attributes:
    name: for people.
    words: flags besides SMOKE (or `base`), with {tmp} and {root} filled in.
    happens: brings the fault about.
    base: the first words.
    says: a part of the line whose advice is typed.
    advice: how many pieces of advice there are.
    then: what typing one leads to: "trains" (all checks are passed), "ends"
      (status 0), or a part of the next fault.
    fill: what stands for a placeholder.
  """

  name: str
  words: str
  says: str
  advice: int = 1
  then: str = "trains"
  happens: Callable[[Place], object] = lambda place: None
  base: str = "folder"
  fill: tuple[tuple[str, str], ...] = ()


def bad_label(*values: int) -> Callable[[Place], None]:
  """One value that is no class in each of the first files."""

  def spoil(place: Place) -> None:
    for i, value in enumerate(values):

      def change(label: np.ndarray, value: int = value) -> np.ndarray:
        label[0, :5] = value
        return label

      place.edit(f"train_label/street_{i:05d}.png", change)

  return spoil


def masks(place: Place) -> None:
  for path in [*place.root.glob("*_label/*.png")]:
    path.rename(path.with_stem(path.stem + "_mask"))


def odd_names(place: Place) -> None:
  """`a_l.png` beside `a_p.png`: no one suffix mends it."""
  for path in [*place.root.glob("*_label/*.png")]:
    path.rename(path.with_stem(path.stem + "_l"))
  for path in [*place.root.glob("*_img/*.png"), *place.root.glob("*_inst/*")]:
    path.rename(path.with_stem(path.stem + "_p"))


def brighter(place: Place) -> None:
  array = np.full((64, 128, 3), 300, np.uint16)
  (place.root / "train_img/street_00000.png").unlink()
  np.save(place.root / "train_img/street_00000.npy", array)
  for path in sorted((place.root / "train_img").glob("*.png")):
    np.save(path.with_suffix(".npy"), array)
    path.unlink()
  for path in sorted((place.root / "val_img").glob("*.png")):
    np.save(path.with_suffix(".npy"), array)
    path.unlink()


def drawings(place: Place) -> None:
  """Labels that are pictures, of all values."""
  for path in place.root.glob("*_label/*.png"):
    name = str(path.relative_to(place.root))
    place.edit(name, lambda x: np.resize(np.arange(256, dtype="u1"), x.shape))


def greys(place: Place) -> None:
  """Photos of one channel."""
  for path in place.root.glob("*_img/*.png"):
    place.edit(str(path.relative_to(place.root)), lambda photo: photo[..., 0])


def portraits(place: Place) -> None:
  shutil.rmtree(place.root)
  synthetic_streets.write_folder(
    place.root, num_train=3, num_val=1, size=(96, 64)
  )


def no_home(place: Place) -> None:
  def unknown(uid: int) -> None:
    raise KeyError(uid)

  place.monkeypatch.setattr("pwd.getpwuid", unknown)
  place.monkeypatch.delenv("HOME")
  place.monkeypatch.delenv("XDG_CACHE_HOME")


def of_folder(place: Place, name: str = "run") -> None:
  """A run on the folder of pictures."""
  data = {"data.name": "paired_folder", "data.root": str(place.root)}
  place.run(name, **data)


def other_count(place: Place) -> None:
  """A run on 3 pictures, of which 2 are left."""
  of_folder(place, "new")
  for part in ("label", "inst", "img"):
    (place.root / f"train_{part}/street_00000.png").unlink()


def imported(place: Place) -> None:
  config = validate(tiny_config())
  directory.begin(place.tmp / "new", config, ())
  shapes = build_model(config, config.stages[0], 64).shapes()["G1"]
  zeros = jax.tree.map(lambda x: np.zeros(x.shape, np.float32), shapes)
  state = {"params": {"G1": zeros}}
  with directory.checkpoints_of(place.tmp / "new") as checkpoints:
    checkpoints.save(0, state, {"stage": 0, "imported": "G1"})


RANGE = "--config.num_classes=0 --config.boundary=False "
SITUATIONS = [
  # One's own folder.
  Situation("label", "", "label value 11", 2, happens=bad_label(11)),
  Situation("labels", "", "label values 11", happens=bad_label(11, 30)),
  Situation("objects", "--config.max_instances=2", "objects, more than", 2),
  Situation("suffix", "", "have no photo", happens=masks),
  Situation("suffixes", "", "have no photo", 1, "have no instance map",
            odd_names, fill=(("label=SUFFIX", "label=_l"),
                             ("image=SUFFIX", "image=_p"))),
  Situation("no root", "--config.data.root=", "must name a folder",
            fill=(("DIR", "{root}"),)),
  Situation("other root", "--config.data.root=/no", "no such folder",
            fill=(("FOLDER", "{root}"),)),
  Situation("range", "", "values 300..300 leave", happens=brighter),
  Situation("label range", RANGE + "--config.data.label_range=0,1", "leave",
            happens=drawings),
  Situation("too small", "--config.data.transform=crop "
            "--config.stages[2].size=128,128", "is smaller than", 2,
            fill=(("HEIGHT,WIDTH", "64,128"),)),
  Situation("portraits", "", "change their shape", 1, "trains", portraits),
  Situation("home", "--config.data.prepared_dir=", "no home folder", 1,
            "trains", no_home, fill=(("FOLDER", "{tmp}/copies"),)),
  Situation("copies", "--config.data.prepared_dir=/dev/null", "cannot be",
            fill=(("FOLDER", "{tmp}/copies"),)),
  # Streets that are drawn.
  Situation("classes", "--config.num_classes=9", "has 8 classes", base="drawn"),
  Situation("streets", "--config.data.num_train=0", "at least 1", base="drawn"),
  Situation("street size", "--config.data.size=16,16", "at least 32",
            base="drawn"),
  Situation("street objects", "--config.max_instances=2", "but a street has", 2,
            base="drawn"),
  # The config.
  Situation("size", "--config.stages[1].size=70,128", "must be multiples of 8"),
  Situation("sides", "--config.stages[1].size=64", "must be (height, width)"),
  Situation("mesh", "--config.mesh.data=64", "is more than the"),
  Situation("batch", "--config.batch_size=3 --config.mesh.data=2",
            "must be a multiple of", 2),
  Situation("parts", "--config.batch_size=8 --config.accumulate=3",
            "must divide", 2),
  Situation("no VGG", "--config.loss.vgg=10", "needs weights", 3,
            "trains|no such file"),
  Situation("VGG file", "--config.loss.vgg=10 --config.loss.vgg_file=no.st",
            "no such file"),
  Situation("VGG of grey", "--config.loss.vgg=10 --config.loss.vgg_file=x "
            "--config.data.image_channels=1", "needs 3 image channels",
            happens=greys),
  Situation("ignored", RANGE + "--config.ignore_label=3", "has no effect with",
            happens=drawings),
  Situation("label mix", "--config.loss.label_mix=5", "has no effect with"),
  Situation("no classes", RANGE + "--config.discriminator.kind=segmentation",
            "names each pixel's class", happens=drawings),
  Situation("no layers", "--config.discriminator.kind=segmentation "
            "--config.stages[0].scales=1 --config.stages[1].scales=1 "
            "--config.stages[2].scales=1", "feature_matching=10.0 has no"),
  Situation("load width", "--config.data.load_width=9", "has no effect with"),
  Situation("bounds", "--config.data.image_range=255,0", "(lowest, highest)"),
  Situation("epochs", "--config.stages[0].constant=0", "at least one epoch"),
  Situation("width", "--config.generator.width=3", "must be a multiple of 2"),
  Situation("unit", "--config.stages[0].trainable=G1,G2,E", "names 'G2'"),
  Situation("unit twice", "--config.stages[0].trainable=G1,E,G1", "twice"),
  Situation("no G", "--config.stages[0].trainable=E", "must name one of"),
  Situation("random", "--config.stages[0].trainable=G1", "random start"),
  Situation("enhancers", "--config.stages[2].enhancers=0 "
            "--config.stages[2].trainable=G1", "must not be fewer"),
  Situation("names", "--config.stages[2].name=global", "must differ"),
  Situation("a gap", "--config.stages[7].decay=1", "no such stage", 1,
            "no such stage", fill=(("NAME", "more"),)),
  Situation("no config", "--config.seed=1", "needs --config=FILE", 1, "trains",
            base="bare", fill=(("FILE", str(ROOT / "configs/smoke.py")),)),
  # Other runs.
  Situation("other networks", "--config.init_from={tmp}/old "
            "--config.generator.width=16 --config.encoder.enabled=True",
            "generator.width: 4 there, 16 here",
            happens=lambda place: place.run("old")),
  Situation("other config", "--config.seed=5", "holds a run with another", 1,
            "ends", lambda place: place.run("new", step=9), base="drawn"),
  Situation("other pictures", "--config={tmp}/new/config.json",
            "the run began with 3", 1, "trains", other_count, base="bare"),
  Situation("import", "", "holds imported weights", 1, "no arrays under|trains",
            imported),
  # A trained model: only what is typed there counts.
  Situation("no maps", "--input=nowhere --output={tmp}/out", "neither a folder",
            1, "ends", of_folder, "synthesize",
            fill=(("FOLDER", "{root}/val_label"),)),
  Situation("two splits", "--input={root} --output={tmp}/out", "holds 2 splits",
            2, "ends", lambda place: place.run("run"), "synthesize"),
  Situation("no bank", "--input=val --output={tmp}/out --style_seed=1",
            "draws from a style bank", 1, "ends",
            lambda place: place.run("run"), "synthesize"),
]  # fmt: skip

FLAG = r"--[a-z_]+(?:\.[\w.\[\]]+)?=[^\s;)`]*[^\s;:)`.,]"
PIECE = re.compile(
  rf"`(?P<command>python -m hdgan[^`]+)`|(?P<flags>{FLAG}(?: {FLAG})*)"
  r"|leave (?P<without>--\w+) out"
)


def pieces(line: str, typed: list[str]) -> list[tuple[str, list[str], bool]]:
  """Advice in a line: its kind, its words, whether in another workdir.

  Flags that the user typed are quotes, not advice.
  """
  found, last = [], 0
  for match in PIECE.finditer(line):
    clause, last = line[last : match.start()], match.end()
    kind = match.lastgroup
    words = shlex.split(match[kind])
    if not set(words) <= {*typed, "--config.field=value"}:
      elsewhere = re.search("another (--)?workdir", clause) is not None
      found.append((kind, words, elsewhere))
  return found


class Trains(SystemExit):
  """Everything is checked; from here on it would train."""


@pytest.fixture
def place(tmp_path, monkeypatch, good):
  before = jax.config.jax_compilation_cache_dir
  monkeypatch.chdir(tmp_path)
  shutil.copytree(good, tmp_path / "data")
  yield Place(tmp_path, monkeypatch)
  jax.config.update("jax_compilation_cache_dir", before)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
  root = tmp_path_factory.mktemp("good")
  synthetic_streets.write_folder(root, num_train=3, num_val=2, size=(64, 128))
  return root


def outcome(words: list[str], monkeypatch) -> tuple[str, list[str]]:
  """What a command comes to, "trains", "ends" or "fails", and its lines."""

  def stop(run: train.Run) -> None:
    raise Trains(0)

  with monkeypatch.context() as patch:
    patch.setattr(train.Run, "begin", stop)
    reached = []
    patch.setattr(Trains, "__init__", lambda self, code: reached.append(code))
    status, out, err = command(*words)
  lines = [line for line in (out + err).splitlines() if line]
  if reached:
    return "trains", lines
  return ("fails" if status else "ends"), lines


BASES = {
  "bare": "--workdir={tmp}/new",
  "drawn": f"{SMOKE} --workdir={{tmp}}/new --config.data.prepared_dir="
  "{tmp}/copies",
  "folder": f"{SMOKE} --workdir={{tmp}}/new --config.data.name=paired_folder "
  "--config.data.root={root} --config.data.prepared_dir={tmp}/copies",
  "synthesize": "--mode=synthesize --workdir={tmp}/run",
}


@pytest.mark.parametrize("case", SITUATIONS, ids=lambda case: case.name)
def test_advice_works_as_it_is_typed(case, place):
  def filled(text: str) -> str:
    return text.replace("{tmp}", str(place.tmp)).replace(
      "{root}", str(place.root)
    )

  case.happens(place)
  typed = filled(f"{BASES[case.base]} {case.words}").split()
  _, lines = outcome(typed, place.monkeypatch)
  told = [line for line in lines if case.says in line]
  assert told, lines
  advice = pieces(told[0], typed)
  assert len(advice) == case.advice, (told[0], advice)
  for made in re.findall(r"echo '[^']*' > \w+\.json", told[0]):
    subprocess.run(made, shell=True, check=True)
  for kind, words, elsewhere in advice:
    for name, value in case.fill:
      words = [word.replace(name, filled(value)) for word in words]
    if kind == "command":
      if words[2] == "hdgan.convert":
        convert.parser().parse_args(words[3:])
        continue
      assert outcome(words[3:], place.monkeypatch)[0] == "ends"
      words = []
    again = [*typed, *words]
    if kind == "without":
      again = [word for word in typed if not word.startswith(words[0])]
    elif elsewhere:
      again.append(f"--workdir={place.tmp / 'another'}")
    shutil.rmtree(place.tmp / "out", ignore_errors=True)
    end, now = outcome(again, place.monkeypatch)
    print(f"{told[0]}\n  -> {' '.join(words)}\n  -> {end}: {' | '.join(now)}\n")
    assert told[0] not in now
    wanted = case.then.split("|")
    assert end in wanted or any(part in "\n".join(now) for part in wanted), now


# ------------------------------------------------- what only trainings can tell


def write_configs(folder: pathlib.Path, **changes: object) -> pathlib.Path:
  """One stage of two steps without E, as one.py and as one.json."""
  plain = {"encoder.enabled": False, "stages[0].trainable": ("G1",)}
  config = tiny_config(**plain, **{"data.num_train": 1, **changes})
  with config.unlocked():
    config.data.num_val = 0
    config.stages = config.stages[:1]
    config.data.prepared_dir = str(folder / "copies")
  text = config_lib.to_json(validate(config))
  (folder / "one.json").write_text(text)
  (folder / "one.py").write_text(
    "from hdgan import config\n\n"
    f"def get_config():\n  return config.from_json({text!r})\n"
  )
  return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
  """A run whose last stage ends in a decay."""
  decay = {"stages[0].constant": 0, "stages[0].decay": 2}
  home = write_configs(tmp_path_factory.mktemp("finished"), **decay)
  words = [f"--config={home / 'one.json'}", f"--workdir={home / 'run'}"]
  status, out, _ = command(*words)
  assert status == 0 and "Finished after 2 steps" in out
  return home


def last_line(*words: object) -> str:
  status, out, err = command(*map(str, words))
  assert status == 0, err
  return out.strip().splitlines()[-1]


@pytest.mark.parametrize("how", ["one.py", "run/config.json", ""])
def test_a_finished_run_is_extended_as_it_says(
  how, finished, tmp_path, monkeypatch
):
  """And again by the same command, and by one without the flags."""
  home = shutil.copytree(finished, tmp_path / "home")
  workdir = f"--workdir={home / 'run'}"
  named = [workdir, *([f"--config={home / how}"] if how else [])]
  line = last_line(*named)
  (_, more, _), (_, epochs, _), (_, new, elsewhere) = pieces(line, named)
  assert more == ["--config.stages[1].name=more"] and elsewhere
  assert epochs == [
    "--config.stages[1].constant=0",
    "--config.stages[1].decay=2",
  ]
  assert last_line(*named, *more).startswith("Finished after 4 steps")
  shutil.rmtree(home / "run/checkpoints/4")  # Killed in the new stage.
  assert last_line(*named, *more).startswith("Finished after 4 steps")
  assert "--config.stages[2].name=more_2" in last_line(*named, *more)
  # The file never heard of the new stage.
  if how in ("run/config.json", ""):
    assert last_line(*named).startswith("This run is finished (step 4)")
  else:
    (line,) = command(*named)[2].splitlines()
    ((kind, words, _),) = pieces(line, named)
    assert (kind, words) == ("without", ["--config"])
  assert last_line(workdir).startswith("This run is finished (step 4)")
  other = [*named, *new, f"--workdir={tmp_path / 'other'}"]
  if not how:
    other.append(f"--config={home / 'one.py'}")
  assert outcome(other, monkeypatch)[0] == "trains"


@pytest.mark.parametrize("constant, decay", [(1, 0), (0, 1)])
def test_epochs_are_added_as_it_says(constant, decay, place):
  """A stage at the full rate is made longer."""
  stage = {"stages[0].constant": constant, "stages[0].decay": decay}
  write_configs(place.tmp, **stage, **{"data.num_train": 3})
  config = config_lib.get_config(str(place.tmp / "one.json"))
  save_run(place.tmp / "run", config, step=3)
  words = [f"--workdir={place.tmp / 'run'}"]
  (_, more, _), _ = pieces(last_line(*words), words)
  field = "constant" if constant else "decay"
  assert more == [f"--config.stages[0].{field}=11"]
  assert outcome([*words, *more], place.monkeypatch) == ("trains", [])


def test_a_lower_rate_as_it_says(finished, tmp_path, monkeypatch):
  words = [
    f"--config={finished / 'one.py'}", f"--workdir={tmp_path / 'run'}",
    "--config.optimizer.learning_rate=1e30",
  ]  # fmt: skip
  status, _, err = command(*words)
  line = err.splitlines()[-1]
  assert status == 2 and "not finite" in line
  ((_, lower, elsewhere),) = pieces(line, words)
  assert lower == ["--config.optimizer.learning_rate=0.0002"]
  # Nothing was saved, so that the workdir is still free.
  assert "nothing was saved yet" in line and not elsewhere
  assert outcome([*words, *lower], monkeypatch) == ("trains", [])


def test_an_import_says_its_flags(tmp_path, capsys):
  """Of G's 4 channels: 3 classes and the boundary map, or 4 classes."""
  torch = pytest.importorskip("torch")
  spec = state_dict.GeneratorSpec(4, 3, 4, 1, 1)
  shapes = state_dict.shapes_of(state_dict.generator_table(spec))
  weights = {name: torch.zeros(shape) for name, shape in shapes.items()}
  torch.save(weights, tmp_path / "latest_net_G.pth")

  def lines(*more: str) -> str:
    workdir = tmp_path / f"W{len(list(tmp_path.iterdir()))}"
    words = [f"--from={tmp_path / 'latest_net_G.pth'}", f"--workdir={workdir}"]
    convert.main(["import", *words, *more])
    return "".join(capsys.readouterr())

  told = pieces(lines(), [])
  counts = [words for _, words, _ in told]
  assert counts == [[f"--num_classes={n}"] for n in (3, 4, 0)]
  for words in counts:
    said = lines(*words)
    if words == ["--num_classes=0"]:
      ways = pieces(said, words)
      assert [w for _, w, _ in ways] == [
        ["--boundary=false"], ["--label_range=LOWEST,HIGHEST"],
      ]  # fmt: skip
      words = [*words, "--boundary=false", "--label_range=0,255"]
      said = lines(*words)
    ((_, size, _),) = pieces(said, words)
    assert size == ["--size=HEIGHT,WIDTH"]
    done = lines(*words, "--size=8,8")
    assert "is ready: python -m hdgan.main --mode=synthesize" in done
