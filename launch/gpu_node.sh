#!/usr/bin/env bash
# Trains on all GPUs of one machine, in one process:
#
#   bash launch/gpu_node.sh --config=configs/paired_folder.py \
#     --workdir=runs/mine --config.data.root=my_folder \
#     --config.num_classes=8 --config.batch_size=8
#
# All words go on to hdgan. Ctrl-C and SIGTERM save; the same command goes on.
set -euo pipefail

# Where the driver or the extra `cuda` is missing, JAX would train on the CPU,
# for weeks. JAX_PLATFORMS=cpu says that this is meant.
export JAX_PLATFORMS="${JAX_PLATFORMS:-cuda,cpu}"
if [[ "$JAX_PLATFORMS" == cuda* ]]; then
  if [[ "$(nvidia-smi --list-gpus 2> /dev/null || true)" != *GPU* ]]; then
    echo "error: nvidia-smi lists no GPU; JAX_PLATFORMS=cpu trains without" >&2
    exit 2
  fi
fi

# A process of its own, whatever it was started from.
export HDGAN_COORDINATOR=off

exec "${PYTHON:-python}" -m hdgan.main "$@"
