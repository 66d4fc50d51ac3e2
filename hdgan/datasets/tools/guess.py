"""Tells from names and first lines which tool an export is of."""

from hdgan.datasets.tools.voc import CLASS_FOLDERS
from hdgan.datasets.tree import Tree
from hdgan.errors import InputError

_MOST_FILES, _MOST_BYTES = 20, 2**20
# Keys that its JSON has, by `data.name`.
_KEYS = {
  "labelme": (b'"shapes"', b'"imagePath"'),
  "coco_json": (b'"images"', b'"categories"', b'"annotations"'),
}


def guess(tree: Tree) -> str:
  """The `data.name` that reads an export, or ''.

  Args:
    tree: of any folder or zip.
  """
  folders = [f"/{name}/" for name in tree.folders()]
  if any(f"/{one}/" in name for name in folders for one in CLASS_FOLDERS):
    has_map = any(f"/{name}".endswith("/labelmap.txt") for name in tree.parts)
    return "cvat" if has_map else "voc"
  jsons = [name for name in tree.parts if name.lower().endswith(".json")]
  for name in jsons[:_MOST_FILES]:
    try:
      data = tree.parts[name].read()
    except InputError:
      continue  # Whoever needs it says more.
    for tool, keys in _KEYS.items():
      # COCO's lists may come in any order.
      if data.lstrip()[:1] == b"{" and all(key in data for key in keys):
        return tool
    head = data[:_MOST_BYTES].lstrip()
    if head[:1] == b"[" and (
      b'"annotation_id"' in head
      or (b'"annotations"' in head and b'"data"' in head)
    ):
      return "label_studio"
  last = (name.rpartition("/")[2] for name in tree.parts)
  masks = any(one.startswith("task-") and "-annotation-" in one for one in last)
  return "label_studio" if masks else ""
