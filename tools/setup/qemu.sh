#!/bin/bash
# SPDX-License-Identifier: MIT
# qemu.sh ARCHIVE: Debian's QEMU 10.0 with the Skald card in it, in build/qemu/. The source and the
# object tree live in the cache, keyed by version, options and overlay; the card library comes as
# a static archive, so that a change in it costs a link.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/apt-private.sh"

QEMUS=$SKALD_CACHE/qemu/v1
OVERLAY=$SKALD_ROOT/qemu-device/overlay
PCI=$SKALD_ROOT/qemu-device/pci

CONFIGURE=(
    --target-list=x86_64-softmmu --without-default-features --without-default-devices
    --with-devices-x86_64=skald --enable-system --enable-tcg --enable-kvm --enable-virtfs
    --enable-attr --enable-trace-backends=log --disable-docs --disable-tools
    --disable-install-blobs --disable-download --python=/usr/bin/python3
)

fetch_source() {
    local work=$QEMUS/source.part version
    rm -rf "$work" && mkdir -p "$work"
    cd "$work"
    for version in $(apt-cache "${APT_OPTIONS[@]}" showsrc --only-source qemu |
        sed -n 's/^Version: \(1:10\.0\..*\)/\1/p' | sort -rV); do
        apt-get "${APT_OPTIONS[@]}" -q source --download-only --tar-only "qemu=$version" && break
    done
    # Meson of at least 1.5 and pycotap: plain Python, used from here and not installed.
    apt-get "${APT_OPTIONS[@]}" -q download meson python3-pycotap
    for deb in *.deb; do dpkg-deb -x "$deb" python; done
    rm -f ./*.deb
    mv qemu_10.0.*.orig.tar.xz qemu.tar.xz
    tar -xOf qemu.tar.xz --wildcards --no-wildcards-match-slash 'qemu-*/VERSION' >version
    rm -rf "$QEMUS/source" && mv -T "$work" "$QEMUS/source"
}

unpack_source() {
    local tree=$1
    rm -rf "$tree" && mkdir -p "$tree/src"
    tar -xf "$QEMUS/source/qemu.tar.xz" -C "$tree/src" --strip-components=1 \
        --exclude='*/roms/*'
    cd "$tree/src"
    local patch
    for patch in "$OVERLAY"/*.patch; do patch -p1 -F3 <"$patch"; done
    cp "$OVERLAY/skald.mak" configs/devices/x86_64-softmmu/
    mkdir hw/skald
    cp "$OVERLAY"/skald/* hw/skald/
    # The repacked source leaves firmware out; the build only wants to see these archives.
    for blob in aarch64-code arm-code arm-vars i386-code i386-secure-code i386-vars riscv-code \
        riscv-vars x86_64-code x86_64-secure-code loongarch64-code loongarch64-vars; do
        bzip2 </dev/null >"pc-bios/edk2-$blob.fd.bz2"
    done
}

# Copy into the source tree what comes from this checkout; equal files keep their time stamps.
sync_ours() {
    local tree=$1 archive=$2 skald=$1/src/hw/skald
    mkdir -p "$skald/lib" "$skald/include"
    rsync -rc --delete --exclude=README.md "$PCI/" "$skald/pci/"
    rsync -rc --delete --include='*/' --include='*.h' --exclude='*' --prune-empty-dirs \
        "$SKALD_ROOT/qemu-device/card" "$SKALD_ROOT/uapi/" "$skald/include/"
    rsync -c "$archive" "$skald/lib/libskald_card.a"
}

configure_tree() {
    mkdir -p "$1/obj"
    cd "$1/obj"
    PYTHONPATH=$(python_path) CC="ccache gcc" ../src/configure "${CONFIGURE[@]}"
}

python_path() { echo "$QEMUS/source/python/usr/lib/python3/dist-packages"; }

build_tree() {
    cd "$1/obj"
    export PYTHONPATH CCACHE_BASEDIR=$QEMUS CCACHE_NOHASHDIR=1
    PYTHONPATH=$(python_path)
    ninja -j "$SKALD_JOBS" qemu-system-x86_64
    option_roms "$1"
}

# Configure leaves these out where the compiler lacks a 32-bit libgcc, which they do not use.
option_roms() {
    local roms=$1/obj/pc-bios/optionrom
    [[ -e $roms/config.mak ]] || cat >"$roms/config.mak" <<END
TOPSRC_DIR=$1/src
CC=gcc
CCAS=gcc
AR=ar
AS=as
LD=ld
NM=nm
OBJCOPY=objcopy
EXTRA_CFLAGS=
END
    make -C "$roms" linuxboot_dma.bin kvmvapic.bin
}

publish_binary() {
    local out=$SKALD_BUILD/qemu obj=$1/obj
    mkdir -p "$out/share"
    rsync -t "$obj/pc-bios/optionrom/linuxboot_dma.bin" "$obj/pc-bios/optionrom/kvmvapic.bin" \
        /usr/share/seabios/bios-256k.bin "$out/share/"
    rsync -t "$1/src/scripts/vmstate-static-checker.py" "$out/"
    cmp -s "$obj/qemu-system-x86_64" "$out/qemu-system-x86_64" && return 0
    cp "$obj/qemu-system-x86_64" "$out/.qemu.new"
    mv "$out/.qemu.new" "$out/qemu-system-x86_64"
}

# Names, sizes and times of all that goes in from this checkout: unchanged, there is nothing to do.
state() {
    find "$1" "$PCI" "$OVERLAY" "$SKALD_ROOT/qemu-device/card" "$SKALD_ROOT/uapi" "$0" \
        -type f ! -name '*.cpp' -printf '%p %s %T@\n' | LC_ALL=C sort | sha256sum
}

main() {
    local archive=$1 key tree state
    [[ -s $archive ]] || die "qemu.sh wants the card library's archive, and '$archive' is not one"
    archive=$(realpath "$archive")
    state=$(state "$archive")
    [[ -x $SKALD_BUILD/qemu/qemu-system-x86_64 && $(cat "$SKALD_BUILD/qemu/.state" 2>/dev/null) == "$state" ]] && return 0
    lock qemu
    if [[ ! -e $QEMUS/source/version ]]; then
        apt_refresh
        step qemu-download "downloading the source of QEMU 10.0" fetch_source
    fi
    key=$(<"$QEMUS/source/version")-$(echo "${CONFIGURE[@]}" |
        hash_of - "$OVERLAY"/*.patch "$OVERLAY/skald.mak" "$OVERLAY"/skald/*)
    tree=$QEMUS/$key
    if [[ ! -e $tree/obj/build.ninja ]]; then
        step qemu-unpack "unpacking QEMU ${key%-*}" unpack_source "$tree"
        step qemu-sync "adding the card to it" sync_ours "$tree" "$archive"
        step qemu-configure "configuring QEMU" configure_tree "$tree"
    else
        sync_ours "$tree" "$archive"
    fi
    if [[ ! -x $tree/obj/qemu-system-x86_64 ]]; then
        say "  building QEMU, once on this machine: some minutes"
    fi
    step qemu-build "building QEMU with the card" build_tree "$tree"
    publish_binary "$tree"
    echo "$state" >"$SKALD_BUILD/qemu/.state"
}

if [[ $# == 1 && -e $1 ]]; then main "$1"; else run "$@"; fi
