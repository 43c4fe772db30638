#!/bin/bash
# SPDX-License-Identifier: MIT
# Programs that know nothing of Skald, for tests/vm/strangers: IGT's tests and gputop, stress-ng and drm_info, with the
# libraries and the loader they want, from a Debian newer than this one. Unpacked into the cache, never installed:
# build/strangers/ has bin/ and lib/.
# shellcheck disable=SC2034 # apt-private.sh reads it
APT_SUITE=forky
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/apt-private.sh"

# Count up when the recipe below changes what comes out.
RECIPE=2
FINAL=$SKALD_CACHE/strangers/$RECIPE
PACKAGES=(igt-gpu-tools igt-gpu-tools-tests stress-ng drm-info)
PROGRAMS=(
    usr/bin/drm_info
    usr/bin/gputop
    usr/bin/stress-ng
    usr/libexec/igt-gpu-tools/core_getversion
    usr/libexec/igt-gpu-tools/syncobj_basic
    usr/libexec/igt-gpu-tools/syncobj_timeline
    usr/libexec/igt-gpu-tools/syncobj_wait
)
LOADER=usr/lib64/ld-linux-x86-64.so.2

unpack() {
    local deb
    mkdir -p "$1/root"
    for deb in "$1"/debs/*.deb; do dpkg-deb -x "$deb" "$1/root"; done
}

# What the programs load, and no more: a tenth of it all.
collect() {
    local root=$1/root program library
    mkdir -p "$1/bin" "$1/lib"
    cp -L "$root/$LOADER" "$1/lib/"
    for program in "${PROGRAMS[@]}"; do
        cp "$root/$program" "$1/bin/"
        "$root/$LOADER" --library-path "$root/usr/lib/x86_64-linux-gnu" --list "$root/$program" >"$1/libraries"
        ! grep 'not found' "$1/libraries"
        sed -n 's/^.*=> \(\/[^ ]*\) .*$/\1/p' "$1/libraries" | while read -r library; do cp -Lu "$library" "$1/lib/"; done
    done
    rm -rf "$1/root" "$1/debs" "$1/libraries"
}

prepare() {
    local work=$FINAL.part
    lock strangers
    [[ -e $FINAL/.complete ]] && return 0
    apt_refresh
    rm -rf "$work" && mkdir -p "$work"
    step strangers-download "downloading programs that know nothing of Skald" apt_fetch_all "$work/debs" "${PACKAGES[@]}"
    step strangers-unpack "unpacking them" unpack "$work"
    step strangers-collect "taking what they load" collect "$work"
    touch "$work/.complete"
    rm -rf "$FINAL" && mv -T "$work" "$FINAL"
}

main() {
    [[ -e $FINAL/.complete ]] || prepare
    publish "$FINAL" "$SKALD_BUILD/strangers"
}
run "$@"
