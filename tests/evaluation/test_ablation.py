"""The table of an ablation, by hand."""

from hdgan.evaluation import ablation


def entry(segmenter, miou, accuracy, oracle=0.5):
  return {
    "segmenter": segmenter,
    "result": {"miou": miou, "accuracy": accuracy},
    "oracle": {"miou": oracle, "accuracy": 0.8},
    "share_of_oracle": {"miou": miou / oracle},
  }


def test_scores_of_a_segmenter_s_seeds_are_averaged():
  result = {
    "segmentation": [entry("own (seed 0)", 0.2, 0.6, 0.5),
                     entry("own (seed 1)", 0.3, 0.7, 0.6)],
    "distances": [{"kid": {"value": 0.04}, "fid": {"value": 120.0}}],
    "lpips": [{"mean": 0.6}],
  }  # fmt: skip
  scores = ablation.scores_of(result)
  assert scores == {
    "mIoU": 0.25, "accuracy": 0.6499999999999999, "mIoU / photos'": 0.45,
    "KID": 0.04, "FID": 120.0, "LPIPS": 0.6,
  }  # fmt: skip
  assert ablation.oracle_of(result) == {"mIoU": 0.55, "accuracy": 0.8}


def test_several_segmenters_have_columns_of_their_own():
  result = {"segmentation": [entry("own", 0.2, 0.6), entry("onnx", 0.1, 0.5)]}
  scores = ablation.scores_of(result)
  assert scores["own: mIoU"] == 0.2 and scores["onnx: accuracy"] == 0.5


def test_without_an_oracle_there_is_no_row_of_it():
  one = {**entry("labels", 0.2, None), "oracle": None, "share_of_oracle": None}
  result = {"segmentation": [one]}
  assert ablation.scores_of(result) == {"mIoU": 0.2}
  assert ablation.oracle_of(result) == {}


def test_a_table_by_hand():
  """Deviation of 1, 3: sqrt(((1 - 2)^2 + (3 - 2)^2) / 1) = 1.4142."""
  scores = ablation.summary([{"KID": 1.0}, {"KID": 3.0}])
  assert scores["KID"]["values"] == [1.0, 3.0]
  one = ablation.summary([{"KID": 2.0, "FID": 7.0}])
  document = {
    "oracle": {},
    "variants": {
      "gan": {"scores": scores, "runs": [0, 0]},
      "fm": {"scores": one, "runs": [0]},
    },
  }
  assert ablation.text(document).splitlines() == [
    "variant  runs              KID   FID",
    "gan         2  2.0000 ± 1.4142",
    "fm          1           2.0000  7.00",
  ]
