#!/bin/sh
# SPDX-License-Identifier: MIT
# Trains with the settings that make one core go furthest: run.sh OUT_DIR [train.py options]
set -eu
out=$1
shift
# Large buffers are kept and reused: without this, half of the time goes into fresh pages.
GLIBC_TUNABLES=glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184
GLIBC_TUNABLES=$GLIBC_TUNABLES:glibc.malloc.top_pad=268435456:glibc.malloc.hugetlb=1
export GLIBC_TUNABLES OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
exec nice -n 5 /usr/bin/python3 "$(dirname "$0")/train.py" --out "$out" "$@"
