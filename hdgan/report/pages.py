"""Pages that open without a network: HTML, style sheet and script in one file.

A page is written as files of its own beside the module that fills it: NAME.html
with `$name` where something is filled in, NAME.css, and NAME.js where it has a
script. `$head` is what most begin with, from its title to its style sheet.
"""

import pathlib
import string

_HEAD = pathlib.Path(__file__).with_name("page_head.html")


def fill_page(module: str, **parts: str) -> str:
  """Fills the page that lies beside a module.

  Args:
    module: its `__file__`; the page has the same name.
    **parts: HTML by the name that the page calls it.

  Returns:
    The page, its style sheet as `$style` and its script as `$script` inside.

  Raises:
    KeyError: if the page asks for a part that is not given.
  """
  path = pathlib.Path(module)
  for name, ending in (("style", ".css"), ("script", ".js")):
    if path.with_suffix(ending).is_file():
      text = path.with_suffix(ending).read_text(encoding="utf-8")
      parts[name] = text.rstrip()
  page = path.with_suffix(".html").read_text(encoding="utf-8")
  if "$head" in page:
    head = string.Template(_HEAD.read_text(encoding="utf-8"))
    parts["head"] = head.substitute(parts).rstrip()
  return string.Template(page).substitute(parts)
