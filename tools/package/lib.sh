# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Sourced: what install.sh and deb.sh share.
# shellcheck source=tools/setup/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../setup/lib.sh"

# shellcheck disable=SC2034 # those who source this use them
PACKAGE=$SKALD_ROOT/tools/package
# shellcheck disable=SC2034
PROGRAMS=(llm-bench llm-chip llm-compile llm-run skald-smi)

# That of the driver's interface: its header says what changed in which.
version() {
    sed -n 's/^#define SKALD_DRIVER_\(MAJOR\|MINOR\) //p' "$SKALD_ROOT/uapi/drm/skald_accel.h" | paste -sd.
}

VERSION=$(version)

# fill TEMPLATE FILE [NAME=VALUE...]: a file from its template, @NAME@ replaced.
fill() {
    local template=$1 file=$2 pair words=(-e "s|@VERSION@|$VERSION|g")
    shift 2
    for pair in "$@"; do words+=(-e "s|@${pair%%=*}@|${pair#*=}|g"); done
    mkdir -p "$(dirname "$file")"
    sed "${words[@]}" "$template" >"$file"
    chmod 644 "$file"
}
