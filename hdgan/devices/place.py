"""Which of several processes this is, as flags and launchers say it."""

import contextlib
import dataclasses
import os
import re
from collections.abc import Mapping

from jax._src.clusters.cloud_tpu_cluster import GceTpuCluster

from hdgan.errors import InputError

_PORTS = 61440  # The first of 4096 that hardly anything else uses.


@dataclasses.dataclass(frozen=True)
class Place:
  """Which process this is among those that work as one.

  Attributes:
    coordinator: HOST:PORT, where process 0 listens.
    count: of processes.
    index: of this one, from 0.
    devices: numbers of the GPUs of this host that are this process's; () for
      all.
  """

  coordinator: str
  count: int
  index: int
  devices: tuple[int, ...] = ()


ALONE = Place("", count=1, index=0)


def find_place(
  coordinator: str = "",
  count: int = 0,
  index: int = -1,
  environment: Mapping[str, str] = os.environ,
) -> Place | None:
  """Finds out from flags and environment what this process is part of.

  Args:
    coordinator: HOST:PORT; "off" for a process of its own; "" to look in
      HDGAN_COORDINATOR, then at what SLURM or Open MPI say.
    count: of processes; 0 to look in HDGAN_PROCESSES, then as above.
    index: of this process; -1 to look in HDGAN_PROCESS, then as above and in
      the JOB_COMPLETION_INDEX of a Kubernetes job.
    environment: variables by name.

  Returns:
    `ALONE` if a process of its own is asked for; None if nothing is said.

  Raises:
    InputError: if something is missing or not a number.
  """
  environment = {k: v for k, v in environment.items() if v}
  coordinator = coordinator or environment.get("HDGAN_COORDINATOR", "")
  if coordinator == "off":
    return ALONE
  launched = _of_slurm(environment) or _of_open_mpi(environment)
  count = count or _number("HDGAN_PROCESSES", environment)
  if index < 0:
    index = _number("HDGAN_PROCESS", environment, -1)
  if index < 0 and (count or coordinator):
    index = _number("JOB_COMPLETION_INDEX", environment, -1)
  if launched is not None:
    coordinator = coordinator or launched.coordinator
    count = count or launched.count
    index = launched.index if index < 0 else index
  if count == 1:
    return ALONE
  if not (count or coordinator or index >= 0):
    return None
  missing = [
    name
    for name, there in (
      ("--coordinator=HOST:PORT", coordinator),
      ("--processes=COUNT", count),
      ("--process=INDEX", index >= 0),
    )
    if not there
  ]
  if missing:
    raise InputError(
      f"several processes need {' and '.join(missing)} too, or "
      "--coordinator=off for a process of its own"
    )
  if not re.fullmatch(r".+:\d+", coordinator):
    raise InputError(
      f"--coordinator={coordinator}: must be HOST:PORT, such as host0:1234"
    )
  if not 0 <= index < count:
    raise InputError(
      f"--process={index}: must be 0 to {count - 1} with --processes={count}"
    )
  devices = launched.devices if launched else ()
  return Place(coordinator, count, index, devices=devices)


def _number(name: str, environment: Mapping[str, str], default: int = 0) -> int:
  text = environment.get(name, str(default))
  try:
    return int(text)
  except ValueError as error:
    raise InputError(
      f"the environment's {name}={text!r} is not a number"
    ) from error


def _of_slurm(environment: Mapping[str, str]) -> Place | None:
  """What `srun` says; a batch script outside of it is one process."""
  names = ("SLURM_JOB_ID", "SLURM_STEP_NODELIST", "SLURM_PROCID")
  if any(name not in environment for name in names):
    return None
  count = _number(
    "SLURM_STEP_NUM_TASKS", environment, _number("SLURM_NTASKS", environment, 1)
  )
  if count == 1:
    return None
  # node7,..., node[007-012],... or node[3,5]: the first of them.
  host, digits = re.findall(
    r"^([^,\[]+)(?:\[(\w+))?", environment["SLURM_STEP_NODELIST"]
  )[0]
  port = _PORTS + _number("SLURM_JOB_ID", environment) % 4096
  nodes = _number("SLURM_STEP_NUM_NODES", environment, 1)
  local = _number("SLURM_LOCALID", environment)
  return Place(
    f"{host}{digits}:{port}",
    count=count,
    index=_number("SLURM_PROCID", environment),
    devices=_own_gpu(local, count > nodes, environment),
  )


def _of_open_mpi(environment: Mapping[str, str]) -> Place | None:
  """What `mpirun` says; version 5 tells no address."""
  count = _number("OMPI_COMM_WORLD_SIZE", environment, 1)
  if count == 1:
    return None
  # 1531576320.0;tcp://10.96.0.1,10.148.0.1:34911 or ...;tcp6://[fe80::1]:43370
  uri = environment.get("OMPI_MCA_orte_hnp_uri", "")
  found = re.match(r"(\d+)\.\d+;tcp6?://([^,:\[]+|\[[^,\]]+)", uri)
  port = _PORTS + int(found[1]) // 4096 % 4096 if found else 0
  host = found[2] + "]" * found[2].startswith("[") if found else ""
  return Place(
    f"{host}:{port}" if host else "",
    count=count,
    index=_number("OMPI_COMM_WORLD_RANK", environment),
    devices=_own_gpu(
      _number("OMPI_COMM_WORLD_LOCAL_RANK", environment),
      _number("OMPI_COMM_WORLD_LOCAL_SIZE", environment, 1) > 1,
      environment,
    ),
  )


def _own_gpu(
  local: int, shared: bool, environment: Mapping[str, str]
) -> tuple[int, ...]:
  """One GPU each where several processes share a host; () for all.

  A launcher that shows each process its own GPU has chosen already.
  """
  visible = environment.get("CUDA_VISIBLE_DEVICES", "").split(",")
  many_seen = len(visible) > 1 or visible == [""]
  return (local,) if shared and many_seen else ()


def on_tpu_slice() -> bool:
  """Whether this is one of several hosts of TPUs."""
  environment = os.environ
  if environment.get("JAX_PLATFORMS", "tpu").split(",")[0] != "tpu":
    return False
  several = "," in environment.get("TPU_WORKER_HOSTNAMES", "")
  if several or "MEGASCALE_COORDINATOR_ADDRESS" in environment:
    return True  # On GKE.
  # On a TPU VM its metadata server knows; a TPU elsewhere has none: one host.
  with contextlib.suppress(OSError):
    if GceTpuCluster.is_env_present():
      return GceTpuCluster.get_process_count() > 1
  return False
