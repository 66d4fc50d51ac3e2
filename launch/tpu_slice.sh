#!/usr/bin/env bash
# Trains on a Cloud TPU slice, one process a host, started from anywhere:
#
#   TPU=my-slice ZONE=us-east5-b bash launch/tpu_slice.sh \
#     --config=configs/cityscapes_1024.py --workdir=/shared/runs/streets \
#     --config.batch_size=16 \
#     --config.data.root=/shared/cityscapes \
#     --config.loss.vgg_file=/shared/vgg19.safetensors
#
# All words go on to hdgan on every host, where a clone of it lies in ~/hdgan
# with an environment in .venv and the extra `tpu` (launch/README.md installs
# them). What the hosts say comes here; when this connection ends the run does
# not.
set -euo pipefail
: "${TPU:?the name of the slice}" "${ZONE:?its zone}"

words=$(printf ' %q' "$@")
# Typed by the shell of each host. JAX finds the others by itself; without the
# extra `tpu` it would train on the CPUs.
command="cd ${FOLDER:-hdgan} || exit
export JAX_PLATFORMS=\${JAX_PLATFORMS:-tpu,cpu}
nohup ${PYTHON:-.venv/bin/python} -m hdgan.main$words \\
  < /dev/null >> hdgan.log 2>&1 &
echo \$! > hdgan.pid
tail --pid=\$! --lines=0 -f hdgan.log
wait \$!"

gcloud compute tpus tpu-vm ssh "$TPU" --zone="$ZONE" --worker=all \
  --command="$command"
