#!/bin/bash
# SPDX-License-Identifier: MIT
# precompile.sh OUT HEADER COMPILER [OPTION...]: OUT, a precompiled header of clang or g++; OUT.d, what it was made from; and
# OUT.sum, by which ccache knows it. OUT itself holds paths of this checkout, so that objects of one would not serve another.
set -euo pipefail

out=$1 header=$2 compiler=$3
shift 3
making=()
[[ ${compiler##*/} != *clang* ]] || making=(-Xclang -fno-pch-timestamp -fpch-instantiate-templates)
"$compiler" "$@" -w -x c++-header "${making[@]}" -MD -MT "$out" -MF "$out.d" "$header" -o "$out"
# -P: without the names of files.
{
    "$compiler" --version
    printf '%s\n' "$@"
    "$compiler" "$@" -x c++ -E -dD -P "$header"
} | sha256sum >"$out.sum"
