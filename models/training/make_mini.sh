#!/bin/sh
# From nothing to the ONNX folder: sh make_mini.sh OUT_DIR [HOURS]     (HOURS of training, default 6, on two CPU cores)
# Everything in between is kept in OUT_DIR/work; a second call goes on from there. Seeds are fixed; two lock-free workers and a clock
# pace the training, so two runs are alike and not equal. QUADS, OUTPUTS and PAIRS make it small, to see that it runs:
# QUADS=250 OUTPUTS=8 PAIRS=4 sh make_mini.sh /tmp/tiny 0.05
# On a GPU, in large batches: DEVICE=cuda QUADS=40000 OUTPUTS=9000 sh make_mini.sh OUT_DIR 0.5
set -eu
mkdir -p "$1/work"
out=$(cd "$1" && pwd)
work=$out/work
hours=${2:-6}
cd "$(dirname "$0")"
python=${PYTHON:-python3}
training= outputs= decoder='--threads 2'
if [ "${DEVICE:-cpu}" = cuda ]; then
    training='--device cuda --couples 256 --pool 1536 --ema 0.999 --bfloat16 --compile' outputs='--device cuda --pool 500' decoder='--device cuda --batch 128'
fi

# The allocator keeps its pages: on virtual machines, page faults of large buffers cost more than the arithmetic.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=268435456 MALLOC_ARENA_MAX=2 OMP_NUM_THREADS=1

# once NAME COMMAND...: a step that is done is not done again.
once() {
    [ -f "$work/$1.done" ] && return
    echo "== $1"
    name=$1
    shift
    "$@"
    touch "$work/$name.done"
}
minutes() { $python -c "import sys; print(60 * float(sys.argv[1]) * float(sys.argv[2]))" "$hours" "$1"; }

once basis $python vae.py basis --out "$work/vae.pt"
once shards $python data.py shards --out "$work/quads" --vae "$work/vae.pt" --quads "${QUADS:-10000}"
once decoder $python vae.py train --vae "$work/vae.pt" --data "$work/quads" --minutes "$(minutes 0.1)" $decoder
# A third plain diffusion, the rest transfers: the swap is learnt on a network that knows its pictures.
once plain $python train.py --data "$work/quads" --out "$work/plain" --plain 1 --learning-rate 1e-3 --floor 3e-4 --minutes "$(minutes 0.27)" $training
once transfers $python train.py --data "$work/quads" --out "$work/transfers" --resume "$work/plain/state.pt" --minutes "$(minutes 0.53)" $training
state=$work/transfers/state.pt
# The decoder's second half: the network's own outputs of quads it never saw, decoded towards their drawn truths; briefly, or it knows them by heart.
once fresh $python data.py shards --out "$work/fresh" --vae "$work/vae.pt" --quads "${OUTPUTS:-1000}" --first 400 --pictures 250
once outputs $python outputs.py --state "$state" --data "$work/fresh" --out "$work/outputs" --count "${OUTPUTS:-650}" $outputs
once refinement $python vae.py train --vae "$work/vae.pt" --data "$work/fresh" --outputs "$work/outputs" --minutes "$(minutes 0.014)" --learning-rate 6e-4 $decoder
# Its last stage draws a pattern and outlines where those latents hold only a mean.
once sharpening $python sharpen.py --vae "$work/vae.pt" --data "$work/fresh" --outputs "$work/outputs" --out "$work/vae.pt" --minutes "$(minutes 0.07)"
once pairs $python data.py pairs --out "$work/heldout" --count "${PAIRS:-64}" --seed 2026
$python export.py --state "$state" --vae "$work/vae.pt" --out "$out"
$python evaluate.py --state "$state" --vae "$work/vae.pt" --pairs "$work/heldout" --seeds 3 --sheet "$work/sheet.png"
