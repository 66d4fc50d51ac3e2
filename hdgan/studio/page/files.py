"""The page's files: the ES modules joined into the one that is sent."""

import pathlib
import re
from collections.abc import Sequence

FOLDER = pathlib.Path(__file__).parent
# In an order in which each imports only from those before it.
MODULES = (
  "frame", "dom", "icons", "raster", "plane", "history", "doc", "app", "link",
  "previews", "real", "disk", "record", "store",
  "view", "colours", "painter", "divider", "stage",
  "deeds", "selecting", "painting", "pointers", "tools",
  "hole", "commands", "keys",
  "pictures", "buttons", "bars", "classes", "levels", "objects", "looks",
  "object", "stamps", "standing", "panels",
  "dialog", "opening", "dialogs", "editor",
)  # fmt: skip
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./\w+\.js";\n', re.MULTILINE)
_EXPORT = re.compile(
  r"^export (?=(async )?(function|class|const)\b)", re.MULTILINE
)


def editor_module() -> str:
  """One ES module that exports `mount(el, rpc)`.

  A notebook's widget takes exactly one, and relative imports do not survive
  there; so imports go and the modules stand one after another.
  """
  return joined(MODULES) + "\nexport { mount };\n"


def widget_module() -> str:
  """The same for a notebook: exports what anywidget calls."""
  return joined([*MODULES, "widget"]) + "\nexport default { render };\n"


def style() -> str:
  """The editor's style sheet."""
  return (FOLDER / "editor.css").read_text("utf-8")


def joined(names: Sequence[str]) -> str:
  """Modules one after another, each after those that it imports from."""
  parts = []
  for name in names:
    text = (FOLDER / f"{name}.js").read_text("utf-8")
    text = _EXPORT.sub("", _IMPORT.sub("", text))
    parts.append(f"// {name}.js\n{text}")
  return "\n".join(parts)
