"""`python -m hdgan` and the command `hdgan`: the same as `-m hdgan.main`."""

import runpy


def main() -> None:
  """Runs `hdgan.main` as the main module, so that its flags are the same."""
  runpy.run_module("hdgan.main", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
  main()
