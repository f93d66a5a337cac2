#!/bin/sh
# Starts or resumes a training run in the background at the lowest priority; it outlives the shell that starts it.
# usage: PYTHON_BIN=DIR start.sh OUT train.py-arguments...      stop with: kill -TERM "$(cat OUT/pid)"
set -eu
out=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
if [ -f "$out/pid" ] && kill -0 "$(cat "$out/pid")" 2>/dev/null; then
    echo "already running as $(cat "$out/pid")" >&2
    exit 1
fi
calm="nice -n 19"
if ionice -c3 true 2>/dev/null; then calm="ionice -c3 $calm"; fi
OMP_NUM_THREADS=1 TQDM_MININTERVAL=60 setsid nohup $calm \
    "${PYTHON_BIN:+$PYTHON_BIN/}torchrun" --standalone --nproc-per-node "${PROCESSES:-2}" "$here/train.py" --out "$out" "$@" \
    </dev/null >>"$out/train.out" 2>&1 &
echo $! >"$out/pid"
echo "started as $!; log in $out/log.jsonl"
