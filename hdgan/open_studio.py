"""`--mode=studio`: the editor in the browser."""

import pathlib
import secrets
import sys
from collections.abc import Sequence

from ml_collections import ConfigDict

from hdgan.errors import InputError
from hdgan.rendering.renderer import open_renderer
from hdgan.runs import directory


def run(
  config: ConfigDict | None,
  workdir: pathlib.Path,
  input: str,
  step: int | None,
  size: str,
  host: str,
  port: int,
  allow_host: Sequence[str],
) -> None:
  """Runs `--mode=studio`, its flags by name, until a signal ends it."""
  try:
    from hdgan.studio import address, guard, scenes, server
    from hdgan.studio.studio import Studio
  except ModuleNotFoundError as error:
    raise InputError(
      f"--mode=studio needs more packages ({error}); say: pip install "
      "'hdgan[studio]', in a clone pip install -e '.[studio]'"
    ) from error
  config = directory.own_config(workdir, config, "studio")
  host = host or address.LOCAL
  hosts = guard.Hosts(host, allow_host)
  # Before the model is read, so that a port in use is told at once.
  with address.listen(host, port, workdir) as listening:
    renderer = open_renderer(workdir, step, config=config)
    studio = Studio(renderer, scenes.find(renderer, input), size)
    studio.warm_up()
    warning = address.warning(listening, host)
    if warning:
      print(warning, file=sys.stderr)
    token = secrets.token_urlsafe(24)
    print(f"studio: {address.of_socket(listening, host)}#token={token}")
    print("open it in a browser; Ctrl-C ends the studio", flush=True)
    server.serve(server.make_app(studio, token, hosts), listening)
