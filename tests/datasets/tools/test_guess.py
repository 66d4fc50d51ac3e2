"""What a paired folder says that is an export of a tool."""

import pytest
from archives import config_of, write

from hdgan.datasets.paired_folder import PairedFolder

MASK = {"SegmentationClass/a.png": b"", "JPEGImages/a.jpg": b""}
COCO = b'{"info": {}, "images": [], "annotations": [], "categories": []}'
LABELME = b'{"version": "5", "shapes": [], "imagePath": "a.jpg"}'


@pytest.mark.parametrize("packed", ["", "export.zip"])
@pytest.mark.parametrize(
  ("name", "files"),
  [
    ("cvat", {**MASK, "labelmap.txt": b""}),
    ("voc", {f"VOCdevkit/VOC2012/{name}": b"" for name in MASK}),
    ("labelme", {"b.json": b"{}", "x/a.json": LABELME}),
    ("coco_json", {"annotations/instances_default.json": COCO}),
    ("coco_json", {"train/_annotations.coco.json": COCO}),
    ("label_studio", {"p.json": b'[{"id": 1, "annotations": [], "data": {}}]'}),
    ("label_studio", {"p.json": b' [{"image": "a", "annotation_id": 3}]'}),
    ("label_studio", {"task-1-annotation-1-by-1-tag-cat-0.png": b""}),
  ],
)
def test_the_line_names_the_data_set(tmp_path, name, files, packed):
  write(tmp_path / "data", files, packed)
  (fault,) = PairedFolder.find(config_of("paired_folder", tmp_path)).faults
  assert fault == (
    f"{tmp_path}/data: no train_label/ (or train_A/), but what an annotation "
    f"tool exports; say --config.data.name={name}"
  )


def test_what_is_no_export_is_told_as_before(tmp_path):
  write(tmp_path / "data", {"a.json": b"{}", "b.json": b"", "c.png": b""})
  (fault,) = PairedFolder.find(config_of("paired_folder", tmp_path)).faults
  assert "has no train_label/ (or train_A/); found a.json" in fault
