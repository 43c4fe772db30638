# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Debian's source of the guest's kernel, as a file in the cache: checkpatch.pl comes from it, and the
# debug kernel. Sourced, never run; the calling script has sourced lib.sh and apt-private.sh.

KERNEL_SOURCE=$SKALD_CACHE/kernel/source/linux.tar.xz

# On bookworm the kernel is the backport: modules want the compiler that built it.
kernel_suite() { if [[ $(host_codename) == bookworm ]]; then echo bookworm-backports; else echo trixie; fi; }

fetch_kernel_source() {
    local version work=$SKALD_CACHE/kernel/source.part
    rm -rf "$work" && mkdir -p "$work"
    for version in $(apt_versions linux-source-6.12 "$(kernel_suite)"); do
        apt_fetch "$work" "linux-source-6.12=$version" && break
    done
    dpkg-deb --fsys-tarfile "$work"/linux-source-*.deb |
        tar -xO ./usr/src/linux-source-6.12.tar.xz >"$work/linux.tar.xz"
    rm "$work"/*.deb
    rm -rf "$(dirname "$KERNEL_SOURCE")"
    mv -T "$work" "$(dirname "$KERNEL_SOURCE")"
}

need_kernel_source() {
    [[ -e $KERNEL_SOURCE ]] && return 0
    lock kernel-source
    [[ -e $KERNEL_SOURCE ]] && return 0
    apt_refresh
    step kernel-source "downloading the kernel's source" fetch_kernel_source
}
