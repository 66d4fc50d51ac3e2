"""Every file of launch/ starts what it says: executed here, on stand-ins.

The programs that are not here (srun, gcloud, nvidia-smi, Kubernetes) are small
stand-ins; the scripts' own lines run, with processes of this machine.
"""

import json
import math
import os
import pathlib
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import tomllib

import jax
import pytest
import yaml
from tiny import command, tiny_config

from hdgan import config as config_lib
from hdgan import main
from hdgan.devices import mesh as meshes
from hdgan.devices import place as places
from hdgan.runs import directory

ROOT = pathlib.Path(__file__).parents[1]
LAUNCH = ROOT / "launch"
SCRIPTS = ("gpu_node.sh", "slurm.sh", "tpu_slice.sh")
JOBS = ("gke_gpu.yaml", "gke_tpu.yaml")
SMOKE = f"--config={ROOT / 'configs/smoke.py'}"


@pytest.fixture(autouse=True)
def compilation_cache():
  """`main` sets it for its process; here it is put back."""
  before = jax.config.jax_compilation_cache_dir
  yield
  jax.config.update("jax_compilation_cache_dir", before)


def test_every_file_has_its_test():
  # test_readme.py, test_colab.py, test_compare_with_original.py
  elsewhere = (
    "README.md", "colab.ipynb", "compare_with_original.py", "time_original.py",
  )  # fmt: skip
  there = {path.name for path in LAUNCH.iterdir() if path.is_file()}
  assert there == {*SCRIPTS, *JOBS, *elsewhere}


def test_the_readme_names_what_is_there():
  """Every file, the folder and files of a TPU host, extras that exist."""
  text = (LAUNCH / "README.md").read_text()
  for name in (*SCRIPTS, *JOBS, "colab.ipynb", "compare_with_original.py"):
    assert f"{name}`" in text or f"launch/{name} " in text, name
  for name in re.findall(r"launch/([\w.]+)", text):
    assert (LAUNCH / name).is_file(), name
  lines = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
  told = [shlex.split(line) for line in "".join(lines).splitlines()]
  # test_compare_with_original.py has those of the comparison.
  told = [words for words in told if words[0] not in ("git", "python")]
  assert len(told) == 3
  for words in told:
    assert words[:4] == ["gcloud", "compute", "tpus", "tpu-vm"]
    assert {"--zone=$ZONE", "--worker=all"} <= set(words)
  script = (LAUNCH / "tpu_slice.sh").read_text()
  assert "kill -TERM $(cat hdgan/hdgan.pid)" in text
  assert "hdgan.pid" in script and "${FOLDER:-hdgan}" in script
  extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
  for extra in re.findall(r"'\.\[(\w+)\]'", text):
    assert extra in extras["optional-dependencies"], extra


def environment(**changes):
  """This one's without what a launcher or a test session set."""
  foreign = ("SLURM_", "OMPI_", "HDGAN_", "TPU_", "XLA_FLAGS", "JAX_")
  kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
  paths = (str(ROOT), kept.get("PYTHONPATH", ""))
  return kept | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | changes


def stand_in(folder, name, code):
  """A program in Python by the name of one that is not here."""
  folder.mkdir(exist_ok=True)
  path = folder / name
  path.write_text(f"#!{sys.executable}\n{code}")
  path.chmod(path.stat().st_mode | stat.S_IEXEC)
  return path


def first_in_path(folder):
  return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="module")
def one_stage(tmp_path_factory):
  """A config of G1 alone, for as long as nobody stops it."""
  config = tiny_config(**{"stages[0].constant": 9000, "encoder.enabled": False})
  with config.unlocked():
    config.stages = config.stages[:1]
    config.stages[0].trainable = ("G1",)
    config.data.num_train = 4
    config.log_every = 10
    config.sample_every = config.checkpoint_every = 10**6
  path = tmp_path_factory.mktemp("config") / "config.json"
  path.write_text(config_lib.to_json(config))
  return f"--config={path}"


# In place of Python: what it was started with, and in which environment.
TOLD = """
import json, os, sys
print(json.dumps({"words": sys.argv[1:], "environment": dict(os.environ)}))
sys.exit(int(os.environ.get("STATUS", 0)))
"""


def run_script(name, *words, **changes):
  return subprocess.run(
    ["bash", str(LAUNCH / name), *words], capture_output=True, text=True,
    env=environment(**changes),
  )  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_parse_and_run_the_one_line(name, tmp_path, monkeypatch):
  text = (LAUNCH / name).read_text()
  subprocess.run(["bash", "-n", str(LAUNCH / name)], check=True)
  assert text.startswith("#!/usr/bin/env bash\n#")
  assert "set -euo pipefail" in text
  assert len(re.findall(r"^[^#\n]* -m hdgan\.main", text, re.MULTILINE)) == 1
  # The example in its head is one of the command line's.
  head = re.split(r"^[^#]", text, maxsplit=1, flags=re.MULTILINE)[0]
  (example,) = re.findall(rf"launch/{name} ((?:.*\\\n)*.*)", head)
  words = shlex.split(example.replace("\\\n#", ""))
  assert {"config", "workdir"} <= {w.partition("=")[0][2:] for w in words}
  end_of_dry_run(words, tmp_path, monkeypatch)


def end_of_dry_run(words, tmp_path, monkeypatch):
  """A command line is right but for files that are not here: it ends there."""
  monkeypatch.chdir(ROOT)
  for path in ("/shared", "my_folder", "runs"):
    words = [
      w.replace(f"={path}", f"={tmp_path / path.strip('/')}") for w in words
    ]
  status, _, said = command(*words)
  assert status == 2
  assert str(tmp_path) in said, said
  assert not list(tmp_path.iterdir())


# --- one GPU node ---


def test_gpu_node_without_gpus(tmp_path):
  """Where the driver is missing JAX would take the CPU."""
  for code in ("import sys; sys.exit(9)", ""):
    stand_in(tmp_path / "bin", "nvidia-smi", code)
    done = run_script("gpu_node.sh", PATH=first_in_path(tmp_path / "bin"))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: nvidia-smi lists no GPU")


def test_gpu_node(tmp_path):
  """The words as they are, all GPUs, and one process wherever it is started."""
  stand_in(tmp_path / "bin", "nvidia-smi", "print('GPU 0: NVIDIA H100')")
  python = stand_in(tmp_path / "bin", "told", TOLD)
  words = ["--config=a b.py", "--config.stages[0].size=64,64"]
  done = run_script(
    "gpu_node.sh", *words, PATH=first_in_path(tmp_path / "bin"),
    PYTHON=str(python), STATUS="3",
  )  # fmt: skip
  told = json.loads(done.stdout)
  assert done.returncode == 3
  assert told["words"] == ["-m", "hdgan.main", *words]
  assert told["environment"]["JAX_PLATFORMS"] == "cuda,cpu"
  within = told["environment"] | slurm_task(1)
  assert places.find_place(environment=within) == places.ALONE


# --- SLURM ---

# Options of sbatch that the script may have, and what their values look like.
SBATCH = {
  "job-name": r"\w+",
  "nodes": r"\d+",
  "ntasks-per-node": "1",
  "gpus-per-node": r"\d+",
  "cpus-per-task": r"\d+",
  "mem": "0",
  "time": r"\d+:\d\d:\d\d",
  "signal": r"B:USR1@\d+",
  "requeue": "",
  "open-mode": "append|truncate",
  "output": r"%x-%j\.out",
}


def test_sbatch_understands_the_directives():
  lines = (LAUNCH / "slurm.sh").read_text().splitlines()
  directives = [line for line in lines if line.startswith("#SBATCH")]
  found = {}
  for line in directives:
    name, _, value = line.removeprefix("#SBATCH --").partition("=")
    assert re.fullmatch(SBATCH[name], value), line
    found[name] = value
  # sbatch reads none behind the first command.
  command = next(i for i, line in enumerate(lines) if line[:1] not in ("#", ""))
  assert lines.index(directives[-1]) < command
  # One process a node, with all its GPUs; time for the last save.
  assert found["ntasks-per-node"] == "1"
  assert int(found["signal"].partition("@")[2]) >= 120
  assert {"requeue", "open-mode"} <= found.keys()


def slurm_task(index):
  """What srun tells the second or first of two tasks, on a node each."""
  return {
    "SLURM_JOB_ID": "12345",
    "SLURM_STEP_NODELIST": "localhost",
    "SLURM_NTASKS": "2",
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_PROCID": str(index),
    "SLURM_LOCALID": "0",
  }


# Starts two tasks, puts their number before their lines as --label does, notes
# their process ids for scancel, and ends with the highest status.
SRUN = f"""
import os, subprocess, sys, threading
options, words = sys.argv[1:3], sys.argv[3:]
assert options == ["--label", "--wait=120"], options
tasks = {[slurm_task(0), slurm_task(1)]}
started = [
  subprocess.Popen(words, env=dict(os.environ, **task), stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT, text=True) for task in tasks
]
with open(os.path.dirname(__file__) + "/step", "w") as file:
  file.write(" ".join(str(task.pid) for task in started))
def label(index):
  for line in started[index].stdout:
    print(f"{{index}}: {{line}}", end="", flush=True)
threads = [threading.Thread(target=label, args=(i,)) for i in (0, 1)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit(max(task.wait() for task in started))
"""
SCANCEL = """
import os, signal, sys
assert sys.argv[1:] == ["--signal=TERM", "12345"], sys.argv
for pid in open(os.path.dirname(__file__) + "/step").read().split():
  os.kill(int(pid), signal.SIGTERM)
"""
SCONTROL = """
import os, sys
open(os.path.dirname(__file__) + "/asked", "a").write(" ".join(sys.argv[1:]))
"""


@pytest.fixture
def cluster(tmp_path):
  """A folder with SLURM's programs, and the environment of a batch script."""
  for name, code in (
    ("srun", SRUN), ("scancel", SCANCEL), ("scontrol", SCONTROL)
  ):  # fmt: skip
    stand_in(tmp_path / "bin", name, code)
  return environment(
    PATH=first_in_path(tmp_path / "bin"), PYTHON=sys.executable,
    SLURM_JOB_ID="12345", SLURM_NTASKS="2", SLURM_PROCID="0",
    SLURM_CPUS_PER_TASK="32",
  )  # fmt: skip


def start_slurm(env, *words):
  return subprocess.Popen(
    ["bash", str(LAUNCH / "slurm.sh"), *words], env=env,
    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
  )  # fmt: skip


def test_slurm_passes_on_words_and_status(tmp_path, cluster):
  python = stand_in(tmp_path / "bin", "told", TOLD)
  words = ["--config=a b.py", "--config.stages[0].size=64,64"]
  script = start_slurm(cluster | {"PYTHON": str(python), "STATUS": "2"}, *words)
  lines = script.communicate()[0].splitlines()
  assert script.returncode == 2
  told = {line[:3]: json.loads(line[3:]) for line in lines}
  assert told.keys() == {"0: ", "1: "}
  for task in told.values():
    assert task["words"] == ["-m", "hdgan.main", *words]
    assert task["environment"]["JAX_PLATFORMS"] == "cuda,cpu"
    assert task["environment"]["SRUN_CPUS_PER_TASK"] == "32"
  for index in (0, 1):
    place = places.find_place(environment=told[f"{index}: "]["environment"])
    assert (place.count, place.index, place.devices) == (2, index, ())
  assert not (tmp_path / "bin/asked").exists()


@pytest.mark.slow
def test_slurm_trains_and_goes_back_into_the_queue(
  tmp_path, cluster, one_stage
):
  """Two processes, stopped by the time limit; the next job goes on.

  Two of four pictures a step, so that an epoch has two steps.
  """
  env = cluster | {"JAX_PLATFORMS": "cpu"}
  workdir = tmp_path / "run"
  words = [one_stage, f"--workdir={workdir}", "--config.batch_size=2"]
  script = start_slurm(env, *words)
  said = ""
  for line in script.stdout:
    if line.startswith("0: step ") and "0: step" not in said:
      script.send_signal(signal.SIGUSR1)
    said += line
  script.communicate()
  assert script.returncode == 0, said
  newest = directory.checkpoints_of(workdir).latest()
  assert f"0: Stopped and saved at step {newest};" in said
  asked = (tmp_path / "bin/asked").read_text()
  assert asked == "requeue 12345"
  # Without end as it was begun: now to the end of the next epoch.
  end = newest // 2 + 1
  script = start_slurm(env, *words, f"--config.stages[0].constant={end}")
  said = script.communicate()[0]
  assert script.returncode == 0, said
  assert f"goes on from step {newest}" in said
  assert f"0: Finished after {2 * end} steps" in said
  assert "1: Finished" not in said
  assert (tmp_path / "bin/asked").read_text() == asked
  assert (workdir / "index.html").is_file()


# --- a TPU slice ---

GCLOUD = """
import json, os, subprocess, sys
print(json.dumps(sys.argv[1:]), flush=True)
(command,) = [w[10:] for w in sys.argv if w.startswith("--command=")]
sys.exit(subprocess.run(["sh", "-c", command]).returncode)
"""


def run_slice(tmp_path, *words, **changes):
  """What gcloud was told, and what its command, run once, said and left."""
  stand_in(tmp_path / "bin", "gcloud", GCLOUD)
  done = run_script(
    "tpu_slice.sh", *words, PATH=first_in_path(tmp_path / "bin"),
    TPU="my-slice", ZONE="us-east5-b", FOLDER=str(tmp_path), **changes,
  )  # fmt: skip
  told, _, said = done.stdout.partition("\n")
  return done.returncode, json.loads(told), (tmp_path / "hdgan.log").read_text()


def test_tpu_slice(tmp_path):
  """On all hosts at once, in the environment there, words as they are."""
  python = stand_in(tmp_path / "bin", "told", TOLD)
  words = ["--config=a b.py", "--config.stages[0].size=64,64", "--x='$HOME'"]
  status, told, said = run_slice(
    tmp_path, *words, PYTHON=str(python), STATUS="3"
  )
  assert told[:5] == ["compute", "tpus", "tpu-vm", "ssh", "my-slice"]
  assert told[5:7] == ["--zone=us-east5-b", "--worker=all"]
  assert told[7].startswith("--command=") and len(told) == 8
  on_host = json.loads(said)
  assert status == 3
  assert on_host["words"] == ["-m", "hdgan.main", *words]
  assert on_host["environment"]["JAX_PLATFORMS"] == "tpu,cpu"
  assert (tmp_path / "hdgan.pid").read_text().strip().isdecimal()


def test_tpu_slice_asks_for_its_name():
  done = run_script("tpu_slice.sh", SMOKE)
  assert done.returncode != 0 and "the name of the slice" in done.stderr


# --- Kubernetes ---


def read_job(name):
  """A JobSet, its one job and its one container."""
  job_set = yaml.safe_load((LAUNCH / name).read_text())
  (replicated,) = job_set["spec"]["replicatedJobs"]
  job = replicated["template"]["spec"]
  (container,) = job["template"]["spec"]["containers"]
  return job_set, job, container


def variables(container, pod):
  """The environment that Kubernetes makes of `env` for a pod.

  Args:
    container: of a job.
    pod: what `fieldRef` finds, by path.
  """
  found = {}
  for entry in container["env"]:
    value = entry.get("value")
    if value is None:
      value = pod[entry["valueFrom"]["fieldRef"]["fieldPath"]]
    # $(NAME) stands for a variable further up.
    found[entry["name"]] = re.sub(
      r"\$\((\w+)\)", lambda name: found[name[1]], value
    )
  return found


def pod_of(job_set, index):
  """Labels that JobSet, and the variable that the job, gives a pod."""
  first = job_set["spec"].get("coordinator", {})
  name = job_set["metadata"]["name"]
  host = "-".join(
    str(part)
    for part in (
      name, first.get("replicatedJob"), first.get("jobIndex"),
      first.get("podIndex"),
    )
  )  # fmt: skip
  labels = {
    "metadata.labels['jobset.sigs.k8s.io/coordinator']": f"{host}.{name}"
  }
  return labels, {"JOB_COMPLETION_INDEX": str(index)}


@pytest.mark.parametrize("name", JOBS)
def test_a_job_set_hangs_together(name):
  job_set, job, container = read_job(name)
  assert job_set["apiVersion"] == "jobset.x-k8s.io/v1alpha2"
  assert job_set["kind"] == "JobSet"
  assert job_set["spec"]["network"]["enableDNSHostnames"] is True
  # A process for each index, none started again alone.
  assert job["completionMode"] == "Indexed"
  assert job["parallelism"] == job["completions"] > 1
  pod = job["template"]["spec"]
  # Only so may a job have a podFailurePolicy.
  assert (job["backoffLimit"], pod["restartPolicy"]) == (0, "Never")
  assert job_set["spec"]["failurePolicy"]["maxRestarts"] > 0
  assert pod["terminationGracePeriodSeconds"] >= 120
  stops = job["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"]
  words = container["command"] + container["args"]
  assert words[:3] == ["python", "-m", "hdgan.main"]
  assert main.take_flag("stopped_status", words)[0] == str(*stops)
  mounted = {mount["name"] for mount in container["volumeMounts"]}
  assert mounted == {volume["name"] for volume in pod["volumes"]}
  assert container["workingDir"] == "/hdgan"
  for path in (
    main.take_flag("workdir", words)[0],
    main.take_flag("config.data.root", words)[0],
    {e["name"]: e.get("value") for e in container["env"]}["XDG_CACHE_HOME"],
  ):
    assert path.startswith("/shared/")
  (config,) = {w for w in words if w.startswith("--config=")}
  assert (ROOT / config.partition("=")[2]).is_file()
  # No device stays idle.
  (devices,) = container["resources"]["limits"].values()
  batch = int(main.take_flag("config.batch_size", words)[0])
  count = job["completions"]
  assert meshes.mesh_size(batch, devices, 0, count) == count * devices


@pytest.mark.parametrize("name", JOBS)
def test_the_command_line_of_a_job_set(name, tmp_path, monkeypatch):
  _, _, container = read_job(name)
  end_of_dry_run(container["args"], tmp_path, monkeypatch)


def test_processes_of_gpu_pods():
  job_set, job, container = read_job("gke_gpu.yaml")
  for index in range(job["completions"]):
    labels, own = pod_of(job_set, index)
    place = places.find_place(environment=variables(container, labels) | own)
    assert place == places.Place(
      "hdgan-worker-0-0.hdgan:1234", job["completions"], index=index
    )
  (port,) = container["ports"]
  assert place.coordinator.endswith(f":{port['containerPort']}")
  (worker,) = job_set["spec"]["replicatedJobs"]
  assert (worker["name"], worker["replicas"]) == ("worker", 1)


def test_hosts_of_tpu_pods():
  """They are GKE's to number: nothing of ours speaks before JAX does."""
  job_set, job, container = read_job("gke_tpu.yaml")
  _, own = pod_of(job_set, 1)
  env = variables(container, {}) | own
  assert places.find_place(environment=env) is None
  assert env["JAX_PLATFORMS"].split(",")[0] == "tpu"
  node = job["template"]["spec"]["nodeSelector"]
  chips = map(int, node["cloud.google.com/gke-tpu-topology"].split("x"))
  on_each = container["resources"]["limits"]["google.com/tpu"]
  assert math.prod(chips) == job["completions"] * on_each


def free_port():
  with socket.socket() as free:
    free.bind(("localhost", 0))
    return free.getsockname()[1]


@pytest.mark.slow
def test_pods_train_until_one_is_told_to_go(tmp_path, one_stage):
  """All save the same step, and all say by their status that it goes on."""
  job_set, job, container = read_job("gke_gpu.yaml")
  words = [
    sys.executable, *container["command"][1:],
    *[w.replace("/shared", str(tmp_path)) for w in container["args"]],
    "--config.batch_size=2", "--config.data.root=",
  ]  # fmt: skip
  words = [one_stage if w.startswith("--config=") else w for w in words]
  port = free_port()
  pods = []
  for index in range(job["completions"]):
    labels, own = pod_of(job_set, index)
    env = variables(container, labels) | own
    env["HDGAN_COORDINATOR"] = f"localhost:{port}"
    env["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    env["JAX_PLATFORMS"] = "cpu"
    pods.append(
      subprocess.Popen(
        words,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
      )  # fmt: skip
    )
  first, second = pods
  for line in first.stdout:
    if line.startswith("step "):
      second.send_signal(signal.SIGTERM)
      break
  said = first.communicate()[0]
  silent = second.communicate()[0]
  assert (first.returncode, second.returncode) == (75, 75), said + silent
  newest = directory.checkpoints_of(tmp_path / "runs/streets").latest()
  assert f"Stopped and saved at step {newest};" in said


# --- one process, for real ---


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gpu_node.sh", "tpu_slice.sh"])
def test_one_process_trains(name, tmp_path, one_stage):
  words = [
    one_stage, f"--workdir={tmp_path / 'run'}", "--config.stages[0].constant=1"
  ]  # fmt: skip
  changes = {"PYTHON": sys.executable, "JAX_PLATFORMS": "cpu"}
  if name == "tpu_slice.sh":
    status, _, said = run_slice(tmp_path, *words, **changes)
  else:
    # Inside an allocation of two tasks it is one process all the same.
    done = run_script(name, *words, **changes, **slurm_task(1))
    status, said = done.returncode, done.stdout
  assert status == 0, said
  assert "Finished after 4 steps" in said
