"""What is published, and what it must not tell."""

import json

import numpy as np
import pytest
from evaluation.study.folders import (
  METHODS,
  STEMS,
  make_folders,
  write_picture,
)
from PIL import Image

from hdgan.errors import InputError
from hdgan.evaluation.study import bundle, stimuli
from hdgan.evaluation.study.methods import Methods, find_methods
from hdgan.evaluation.study.plan import read_plan
from hdgan.evaluation.study.regions import Region


def build(tmp_path, entries, name="out", *, seed=0, region=None, **design):
  methods = find_methods(entries)
  given = {"trials": 20, "sentinels": 2, "pages": 3, **design}
  shape = bundle.design_of(methods, (0, 125), seed=seed, **given)
  region = region or Region()
  return bundle.write_study(tmp_path / name, methods, shape, region, 400)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
  """A study of pictures whose files know who took them."""
  root = tmp_path_factory.mktemp("study")
  entries = make_folders(root)
  rng = np.random.default_rng(5)
  exif = Image.Exif()
  exif[0x013B] = "KUENSTLER"
  for stem in STEMS:
    (root / "bilder_real" / f"{stem}.png").unlink()
    path = root / "bilder_real" / f"{stem}.jpg"
    write_picture(path, rng, exif=exif, comment=b"KOMMENTAR")
  plan = build(root, entries)
  return root, plan


def published(root):
  return [p for p in (root / "out" / "public").rglob("*") if p.is_file()]


def test_nothing_published_names_a_method_a_map_or_an_origin(study):
  root, plan = study
  files = published(root)
  words = [*METHODS[:2], "bilder", *STEMS, "strasse", "KUENSTLER", "KOMMENTAR"]
  words += ["Exif", "sentinel", "blurred", str(root), '"kind"', '"seed"']
  for path in files:
    data = path.read_bytes()
    for word in words:
      assert word.encode() not in data, (path.name, word)
      assert word not in path.name
  # The name of the photos is a word; there is none like it on the page.
  page = (root / "out" / "public" / "index.html").read_text()
  assert " real" not in page and '"real' not in page and ">real" not in page


def test_all_pictures_are_of_one_size_and_kind(study):
  root, plan = study
  images = [path for path in published(root) if path.suffix == ".jpg"]
  assert {path.stem for path in images} == set(plan.pictures)
  assert len({path.stat().st_size for path in images}) == 1
  heads = set()
  for path in images:
    with Image.open(path) as image:
      image.load()
      assert image.size == (32, 24) and set(image.info) == {
        "jfif", "jfif_version", "jfif_unit", "jfif_density"
      }  # fmt: skip
      heads.add(path.read_bytes()[:20])
  assert len(heads) == 1
  names = {path.name for path in published(root)}
  assert names - {path.name for path in images} == {"index.html"}


def test_the_plan_tells_which_picture_is_whose(study):
  root, plan = study
  assert read_plan(root / "out" / "plan.json") == plan
  assert plan.methods == METHODS and plan.real == "real"
  for name, picture in plan.pictures.items():
    ending = ".jpg" if picture.method == "real" else ".png"
    folder = root / f"bilder_{picture.method}"
    own = np.asarray(Image.open(folder / f"{picture.stem}{ending}"), float)
    image = Image.open(root / "out" / "public" / "images" / f"{name}.jpg")
    error = np.abs(np.asarray(image, float) - own).mean()
    assert error > 25 if picture.blurred else error < 10
  sentinels = [t for page in plan.pages for t in page if t.kind == "sentinel"]
  for trial in sentinels:
    left, right = plan.pictures[trial.left], plan.pictures[trial.right]
    assert left.stem == right.stem and left.blurred != right.blurred
    sharp = right if left.blurred else left
    assert sharp.method == "real" and trial.ms == 0


def test_the_page_holds_the_trials_of_the_plan(study):
  root, plan = study
  page = (root / "out" / "public" / "index.html").read_text()
  text = page.split('id="study">')[1].split("</script>")[0]
  data = json.loads(text)
  assert set(data) == {"study", "width", "pictures", "pages"}
  assert data["study"] == plan.study and data["width"] == 400
  assert data["pictures"] == sorted(data["pictures"])
  shown = [
    [(data["pictures"][a], data["pictures"][b], ms) for a, b, ms in page]
    for page in data["pages"]
  ]
  assert shown == [
    [(one.left, one.right, one.ms) for one in page] for page in plan.pages
  ]


def test_the_same_seed_makes_the_same_study_another_another(study):
  root, plan = study
  entries = [f"{name}={root / f'bilder_{name}'}" for name in METHODS]
  assert build(root, entries, "again") == plan
  first, again = (root / name / "public" for name in ("out", "again"))
  for path in first.rglob("*"):
    if path.is_file():
      copy = again / path.relative_to(first)
      assert copy.read_bytes() == path.read_bytes()
  other = build(root, entries, "other", seed=1)
  assert other.study != plan.study
  assert not set(other.pictures) & set(plan.pictures)

  def sides(one):
    return [one.pictures[t.left].method for page in one.pages for t in page]

  assert sides(other) != sides(plan)


def test_pictures_are_cut_to_their_boxes(tmp_path):
  entries = make_folders(tmp_path, METHODS[:2], STEMS[:1])
  region = Region(boxes={STEMS[0]: (4, 8, 12, 16)})
  plan = build(
    tmp_path, entries, region=region, trials=1, sentinels=0, pages=1
  )  # fmt: skip
  for name, picture in plan.pictures.items():
    own = Image.open(tmp_path / f"bilder_{picture.method}" / f"{STEMS[0]}.png")
    want = stimuli.encoded(np.asarray(own)[8:24, 4:16])
    path = tmp_path / "out" / "public" / "images" / f"{name}.jpg"
    assert path.read_bytes().rstrip(b"\0") == want


def test_a_folder_that_is_there_is_kept(study):
  root, _ = study
  before = (root / "out" / "plan.json").read_bytes()
  entries = [f"{name}={root / f'bilder_{name}'}" for name in METHODS]
  with pytest.raises(InputError, match="out is there already; answers belong"):
    build(root, entries)
  assert (root / "out" / "plan.json").read_bytes() == before


def test_a_damaged_picture_leaves_nothing_behind(tmp_path):
  entries = make_folders(tmp_path, METHODS[:2], STEMS[:3])
  path = tmp_path / f"bilder_{METHODS[1]}" / f"{STEMS[1]}.png"
  methods = find_methods(entries)
  path.write_bytes(path.read_bytes()[:-20])
  shape = bundle.design_of(
    methods, (0,), trials=3, sentinels=0, pages=1, seed=0
  )  # fmt: skip
  with pytest.raises(InputError, match=f"{STEMS[1]}.png: damaged"):
    bundle.write_study(tmp_path / "out", methods, shape, Region(), 400)
  assert not (tmp_path / "out").exists()


def test_by_default_a_page_holds_what_there_is(tmp_path):
  few = find_methods(make_folders(tmp_path / "few", METHODS, STEMS[:3]))
  design = bundle.design_of(few, (0,))
  assert (design.trials, design.sentinels, design.pages) == (9, 3, 50)
  many = [f"{i}" for i in range(51)]
  paths = dict.fromkeys(METHODS[:2], {})
  more = Methods(paths, dict.fromkeys(many, (8, 8)))
  assert bundle.design_of(more, (0,)).trials == 51
  paths = dict.fromkeys(METHODS, {})
  more = Methods(paths, dict.fromkeys(many, (8, 8)))
  design = bundle.design_of(more, (0,))
  assert (design.trials, design.sentinels) == (100, 10)


def test_it_says_what_was_built(tmp_path):
  entries = make_folders(tmp_path, METHODS[:2], STEMS)
  methods = find_methods(entries)
  shape = bundle.design_of(
    methods, (0, 125), trials=12, sentinels=1, pages=2, seed=0
  )  # fmt: skip
  plan = bundle.write_study(tmp_path / "o", methods, shape, Region(), 400)
  first, few, blurred = bundle.describe(shape, plan)
  assert first == (
    "2 pages of 12 comparisons, 1 sentinel and 1 repeat; unsermodell, "
    "fremdmodell; 12 maps; time: unlimited, 0.125 s"
  )
  assert few.startswith("only 12 maps: one comes again after 6 trials")
  assert blurred.startswith("no method is called real")
