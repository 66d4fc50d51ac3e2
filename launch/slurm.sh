#!/usr/bin/env bash
# Trains on GPU nodes under SLURM, one process a node with all of its GPUs:
#
#   sbatch --nodes=4 launch/slurm.sh --config=configs/cityscapes_1024.py \
#     --workdir=/shared/runs/streets --config.batch_size=32 \
#     --config.data.root=/shared/cityscapes \
#     --config.loss.vgg_file=/shared/vgg19.safetensors
#
# All words behind the script go on to hdgan. Submit with hdgan's environment
# active, from a folder that all nodes see; options of sbatch go before the
# script, such as --account, --partition, and whatever differs from these:
#SBATCH --job-name=hdgan
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=32
#SBATCH --mem=0
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.out
set -euo pipefail

# Without GPUs JAX would train on the CPUs, for weeks.
export JAX_PLATFORMS="${JAX_PLATFORMS:-cuda,cpu}"
# Since Slurm 22.05 srun does not take it from the job.
export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}"

# Five minutes before the time is up: all processes save and end, and the job
# goes back into the queue. (SLURM itself does that where a node fails, or where
# another job takes the nodes.)
again=no
# Not to srun, which would kill its processes: to them.
trap 'again=yes; scancel --signal=TERM "$SLURM_JOB_ID"' USR1

# Behind the first that ends, the others have two minutes to say why.
srun --label --wait=120 "${PYTHON:-python}" -m hdgan.main "$@" &
step=$!
# The shell hears USR1 while it waits; it must then wait once more.
status=0
wait "$step" || status=$?
if [[ "$again" == yes ]]; then
  status=0
  wait "$step" || status=$?
fi
if [[ "$again" == yes && ("$status" == 0 || "$status" == 143) ]]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
