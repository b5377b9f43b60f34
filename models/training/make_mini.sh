#!/bin/sh
# From nothing to the ONNX folder: sh make_mini.sh OUT_DIR [HOURS]     (HOURS of training, default 6, on two CPU cores)
# Everything in between is kept in OUT_DIR/work; a second call goes on from there. Seeds are fixed; two lock-free workers and a clock
# pace the training, so two runs are alike and not equal.
set -eu
out=$1
hours=${2:-6}
here=$(cd "$(dirname "$0")" && pwd)
work=$out/work
mkdir -p "$work"
out=$(cd "$out" && pwd)
work=$out/work
cd "$here"
python=${PYTHON:-python3}

# The allocator keeps its pages: on virtual machines, page faults of large buffers cost more than the arithmetic.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=268435456 MALLOC_ARENA_MAX=2 OMP_NUM_THREADS=1

[ -f "$work/vae.pt" ] || $python vae.py basis --out "$work/vae.pt"
$python data.py shards --out "$work/quads" --vae "$work/vae.pt" --quads 10000
[ -f "$work/decoder-trained" ] || { $python vae.py train --vae "$work/vae.pt" --data "$work/quads" --minutes 40; touch "$work/decoder-trained"; }
in_hours() { $python -c "import datetime as d, sys; print(f'{d.datetime.now(d.timezone.utc) + d.timedelta(hours=float(sys.argv[1]) * float(sys.argv[2])):%Y-%m-%dT%H:%M}')" "$hours" "$1"; }
deadline=$(in_hours 1)
# A third plain diffusion, the rest transfers: the swap is learnt on a network that knows its pictures.
[ -f "$work/plain/state.pt" ] || $python train.py --data "$work/quads" --out "$work/plain" --plain 1 --learning-rate 1e-3 --floor 3e-4 \
    --deadline "$(in_hours 0.33)"
$python train.py --data "$work/quads" --out "$work/transfer" --resume "$work/plain/state.pt" --deadline "$deadline"
$python data.py pairs --out "$work/heldout" --count 64 --seed 2026
$python export.py --state "$work/transfer/state.pt" --vae "$work/vae.pt" --out "$out"
$python evaluate.py --state "$work/transfer/state.pt" --vae "$work/vae.pt" --pairs "$work/heldout" --seeds 3 --sheet "$work/sheet.png"
