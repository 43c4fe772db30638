#!/bin/bash
# SPDX-License-Identifier: MIT
# driver.sh stock|debug|debug-7.3: skald.ko for one of the guest's kernels, in build/driver/KIND/. The build
# runs on a mirror of links there, so that kbuild's litter stays out of driver/.
. "$(dirname "$0")/lib.sh"

KIND=$1
TREE=$SKALD_BUILD/driver/$KIND
shift

mirror() {
    local file
    mkdir -p "$TREE"
    for file in "$TREE"/*; do
        [[ ! -L $file || -e $file ]] || rm "$file"
    done
    for file in "$SKALD_ROOT"/driver/*; do
        [[ -f $file ]] || continue
        [[ -e $TREE/${file##*/} ]] || ln -s "$file" "$TREE/"
    done
}

# The debug kernels' module has the driver's KUnit tests in it, and tells kcov where it comes by.
options_of() {
    [[ $1 != debug* ]] || echo CONFIG_DRM_ACCEL_SKALD_KUNIT_TEST=y KCOV_INSTRUMENT=y
}

compile() {
    local options
    read -ra options <<<"$(options_of "$KIND")"
    make -C "$HEADERS" M="$TREE" SKALD_UAPI="$SKALD_ROOT/uapi" W=1 "${options[@]}" modules -j "$SKALD_JOBS"
}

main() {
    local state fd
    [[ -e $SKALD_ROOT/driver/Kbuild ]] || return 0
    HEADERS=$(sed -n 's/^KERNEL_HEADERS := //p' "$SKALD_BUILD/kernel/$KIND.mk")
    export HEADERS
    # Two runs of make in one checkout must not meet in one tree.
    mkdir -p "$TREE"
    exec {fd}>"$TREE/.lock"
    flock "$fd"
    # kbuild takes seconds to find out that nothing changed; the sources' times tell it at once.
    state="$HEADERS $(options_of "$KIND") $(find -L "$SKALD_ROOT/driver" "$SKALD_ROOT/uapi" -type f \
        -printf '%p %s %T@\n' | LC_ALL=C sort | sha256sum)"
    [[ -e $TREE/skald.ko && $(cat "$TREE/.state" 2>/dev/null) == "$state" ]] && return 0
    mirror
    step "driver-$KIND" "building the driver ($KIND kernel)" "$KIND" compile
    echo "$state" >"$TREE/.state"
}
run "$@"
