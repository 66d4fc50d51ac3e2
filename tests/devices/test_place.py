"""Which process this is: what flags, variables and launchers say."""

import http.server
import threading

import pytest
from jax._src.clusters import cloud_tpu_cluster

from hdgan.devices import place as places
from hdgan.devices.place import ALONE, Place, find_place
from hdgan.errors import InputError

SLURM = {
  "SLURM_JOB_ID": "4101",  # 4096 + 5, so that the port is 61440 + 5.
  "SLURM_STEP_NODELIST": "node7",
  "SLURM_NTASKS": "2",
  "SLURM_STEP_NUM_TASKS": "2",
  "SLURM_STEP_NUM_NODES": "2",
  "SLURM_PROCID": "1",
  "SLURM_LOCALID": "0",
}
# Four tasks on each of two nodes; this is the last of all.
SHARED = SLURM | {
  "SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "7", "SLURM_LOCALID": "3",
}  # fmt: skip
# As mpirun of Open MPI 4 sets them: 1531576320 is 373920 * 4096, and 373920 is
# 1184 above a multiple of 4096.
OPEN_MPI = {
  "OMPI_COMM_WORLD_SIZE": "2",
  "OMPI_COMM_WORLD_RANK": "1",
  "OMPI_COMM_WORLD_LOCAL_RANK": "0",
  "OMPI_COMM_WORLD_LOCAL_SIZE": "1",
  "OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://10.96.0.1,10.148.0.1:34911",
}
OWN = {
  "HDGAN_COORDINATOR": "host0:1234",
  "HDGAN_PROCESSES": "4",
  "HDGAN_PROCESS": "2",
}


def gpus(visible: str) -> dict[str, str]:
  return {"CUDA_VISIBLE_DEVICES": visible}


def without(variables: dict[str, str], *names: str) -> dict[str, str]:
  return {k: v for k, v in variables.items() if k not in names}


@pytest.mark.parametrize(
  "environment, place",
  [
    ({}, None),
    # One task on each node has all GPUs of its node.
    (SLURM, Place("node7:61445", 2, index=1)),
    (SLURM | gpus("0,1,2,3,4,5,6,7"), Place("node7:61445", 2, index=1)),
    # Several tasks on a node have one each, unless SLURM shows each its own.
    (SHARED, Place("node7:61445", 8, index=7, devices=(3,))),
    (SHARED | gpus("0,1,2,3"), Place("node7:61445", 8, index=7, devices=(3,))),
    (SHARED | gpus("3"), Place("node7:61445", 8, index=7)),
    # Before there were variables of the step's.
    (without(SLURM, "SLURM_STEP_NUM_TASKS"), Place("node7:61445", 2, index=1)),
    # A batch script without srun; a shell that salloc opened in a step.
    (without(SLURM, "SLURM_STEP_NODELIST", "SLURM_STEP_NUM_TASKS"), None),
    (SLURM | {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}, None),
    (OPEN_MPI, Place("10.96.0.1:62624", 2, index=1)),
    (
      OPEN_MPI | {"OMPI_COMM_WORLD_LOCAL_SIZE": "2"},
      Place("10.96.0.1:62624", 2, index=1, devices=(0,)),
    ),
    (
      OPEN_MPI
      | {"OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp6://[fe80::1]:43370"},
      Place("[fe80::1]:62624", 2, index=1),
    ),
    (without(OPEN_MPI, "OMPI_MCA_orte_hnp_uri") | {"OMPI_COMM_WORLD_SIZE": "1"},
     None),
    # Open MPI 5 tells no address.
    (
      without(OPEN_MPI, "OMPI_MCA_orte_hnp_uri")
      | {"HDGAN_COORDINATOR": "host0:1234"},
      Place("host0:1234", 2, index=1),
    ),
    (OWN, Place("host0:1234", 4, index=2)),
    # Own variables before a launcher's.
    (SLURM | OWN, Place("host0:1234", 4, index=2)),
    # A pod of an indexed job; an indexed job of processes of their own.
    (
      without(OWN, "HDGAN_PROCESS") | {"JOB_COMPLETION_INDEX": "3"},
      Place("host0:1234", 4, index=3),
    ),
    ({"JOB_COMPLETION_INDEX": "3"}, None),
    # Empty is unset; one process is one of its own.
    (dict.fromkeys(OWN, ""), None),
    (OWN | {"HDGAN_PROCESSES": "1"}, ALONE),
    (OWN | {"HDGAN_COORDINATOR": "off"}, ALONE),
  ],
)  # fmt: skip
def test_environments(environment, place):
  assert find_place(environment=environment) == place


@pytest.mark.parametrize(
  "nodes, first",
  [
    ("node7", "node7"),
    ("localhost", "localhost"),
    ("node7,node9", "node7"),
    ("node[007-012]", "node007"),
    ("node[3,5]", "node3"),
    ("gpu-a[3,5],other1", "gpu-a3"),
    ("other1,gpu-a[3,5]", "other1"),
  ],
)
def test_the_first_of_a_list_of_nodes(nodes, first):
  place = find_place(environment=SLURM | {"SLURM_STEP_NODELIST": nodes})
  assert place.coordinator == f"{first}:61445"


def test_flags_before_variables():
  assert find_place("host1:99", 8, 5, OWN) == Place("host1:99", 8, index=5)
  assert find_place("", 0, 0, OWN) == Place("host0:1234", 4, index=0)
  assert find_place("off", 0, -1, SLURM) == ALONE
  # One of several that a launcher started, alone.
  assert find_place("", 1, -1, SLURM) == ALONE
  assert find_place("host1:99", 0, -1, SLURM).coordinator == "host1:99"


@pytest.mark.parametrize(
  "environment, says",
  [
    (without(OWN, "HDGAN_COORDINATOR"), "need --coordinator=HOST:PORT too"),
    (without(OWN, "HDGAN_PROCESSES"), "need --processes=COUNT too"),
    (without(OWN, "HDGAN_PROCESS"), "need --process=INDEX too"),
    ({"HDGAN_PROCESS": "0"}, "HOST:PORT and --processes=COUNT too"),
    (without(OPEN_MPI, "OMPI_MCA_orte_hnp_uri"), "--coordinator=HOST:PORT too"),
    (OWN | {"HDGAN_PROCESS": "4"}, "--process=4: must be 0 to 3"),
    (OWN | {"HDGAN_PROCESSES": "four"}, "HDGAN_PROCESSES='four' is not"),
    (OWN | {"HDGAN_COORDINATOR": "host0"}, "host0: must be HOST:PORT"),
    (OWN | {"HDGAN_COORDINATOR": "host0:http"}, "must be HOST:PORT"),
    (SLURM | {"SLURM_PROCID": "2"}, "--process=2: must be 0 to 1"),
  ],
)
def test_what_is_missing_or_wrong_is_said(environment, says):
  with pytest.raises(InputError) as error:
    find_place(environment=environment)
  assert says in str(error.value)
  assert "\n" not in str(error.value)


class Metadata(http.server.BaseHTTPRequestHandler):
  """What a TPU VM's metadata server says of a slice of two hosts."""

  workers = "t1v-n-1-w-0,t1v-n-1-w-1"

  def do_GET(self):
    name = self.path.rpartition("/")[2]
    said = {
      "agent-worker-number": "1",
      "worker-network-endpoints": self.workers,
      "tpu-env": "ACCELERATOR_TYPE: 'v5litepod-16'\n",
    }[name]
    self.send_response(200)
    self.end_headers()
    self.wfile.write(said.encode())

  def log_message(self, *_):
    pass


@pytest.fixture
def tpu_vm(monkeypatch):
  """A TPU VM of Google Compute Engine, which JAX asks its metadata server."""
  server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
  threading.Thread(target=server.serve_forever).start()
  monkeypatch.setenv("GCE_METADATA_IP", f"127.0.0.1:{server.server_port}")
  monkeypatch.setattr(cloud_tpu_cluster, "running_in_cloud_tpu_vm", True)
  for name in ("JAX_PLATFORMS", "TPU_WORKER_HOSTNAMES", "TPU_SKIP_MDS_QUERY"):
    monkeypatch.delenv(name, raising=False)
  yield
  server.shutdown()
  server.server_close()


def test_hosts_of_a_slice_are_told_from_one_host(tpu_vm, monkeypatch):
  """By the metadata server, or on GKE by variables; not where CPUs are used."""
  assert places.on_tpu_slice()
  monkeypatch.setattr(Metadata, "workers", "t1v-n-1-w-0")
  assert not places.on_tpu_slice()
  monkeypatch.setenv("TPU_WORKER_HOSTNAMES", "pod-0.service,pod-1.service")
  assert places.on_tpu_slice()
  monkeypatch.setenv("JAX_PLATFORMS", "cpu")
  assert not places.on_tpu_slice()


def test_a_tpu_whose_server_does_not_answer_is_one_host(tpu_vm, monkeypatch):
  monkeypatch.setenv("GCE_METADATA_IP", "127.0.0.1:9")
  assert not places.on_tpu_slice()
