# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Debian's sources of the guest's kernels, 6.12 and 7.3, as files in the cache: checkpatch.pl comes from the first, and
# the debug kernels. Sourced, never run; the calling script has sourced lib.sh and apt-private.sh.

# kernel_source SERIES: where it is, or will be.
kernel_source() {
    if [[ $1 == 6.12 ]]; then
        echo "$SKALD_CACHE/kernel/source/linux.tar.xz"
    else
        echo "$SKALD_CACHE/kernel/source-$1/linux.tar.xz"
    fi
}

# On bookworm the stock kernel is the backport: modules want the compiler that built it. 7.3 is trixie's everywhere.
kernel_suite() {
    if [[ ${1:-6.12} == 7.3 ]]; then
        echo trixie-backports
    elif [[ $(host_codename) == bookworm ]]; then
        echo bookworm-backports
    else
        echo trixie
    fi
}

fetch_kernel_source() {
    local series=$1 file version work
    file=$(kernel_source "$series")
    work=$(dirname "$file").part
    rm -rf "$work" && mkdir -p "$work"
    for version in $(apt_versions "linux-source-$series" "$(kernel_suite "$series")"); do
        apt_fetch "$work" "linux-source-$series=$version" && break
    done
    dpkg-deb --fsys-tarfile "$work"/linux-source-*.deb |
        tar -xO "./usr/src/linux-source-$series.tar.xz" >"$work/linux.tar.xz"
    rm "$work"/*.deb
    rm -rf "$(dirname "$file")"
    mv -T "$work" "$(dirname "$file")"
}

# need_kernel_source SERIES
need_kernel_source() {
    local file
    file=$(kernel_source "$1")
    [[ -e $file ]] && return 0
    lock "kernel-source-$1"
    [[ -e $file ]] && return 0
    apt_refresh
    step "kernel-source-$1" "downloading the source of the kernel $1" fetch_kernel_source "$1"
}
