#!/bin/bash
# SPDX-License-Identifier: MIT
# install.sh: what was built, into $DESTDIR$PREFIX. Where the kernel, udev and DKMS look for files is not below PREFIX.
. "$(dirname "$0")/lib.sh"

DESTDIR=${DESTDIR:-}
PREFIX=${PREFIX:-/usr/local}
HOST=$SKALD_BUILD/host

file() { install -D -m 644 "$1" "$DESTDIR$2"; }

# Headers below one root, as the sources include them.
headers() {
    local root=$1 header
    shift
    for header in "$@"; do file "$root/$header" "$PREFIX/include/skald/$header"; done
}

install_programs() {
    local program
    for program in "${PROGRAMS[@]}"; do
        install -D -m 755 "$SKALD_BUILD/bin/$program" "$DESTDIR$PREFIX/bin/$program"
        strip "$DESTDIR$PREFIX/bin/$program"
        mkdir -p "$DESTDIR$PREFIX/share/man/man1"
        "$PACKAGE/man.py" "$SKALD_BUILD/bin/$program" "$VERSION" >"$DESTDIR$PREFIX/share/man/man1/$program.1"
    done
    file "$PACKAGE/60-skald.rules" /usr/lib/udev/rules.d/60-skald.rules
}

install_library() {
    local library
    for library in runtime:libskald tokenizer:tokenizer template:template container:container files:files; do
        file "$HOST/runtime/${library#*:}/libskald_${library%:*}.a" "$PREFIX/lib/skald/libskald_${library%:*}.a"
        strip -g "$DESTDIR$PREFIX/lib/skald/libskald_${library%:*}.a"
    done
    # shellcheck disable=SC2046 # no blanks in our names
    headers "$SKALD_ROOT/runtime" $(cd "$SKALD_ROOT/runtime" && printf '%s\n' */*.hpp)
    # shellcheck disable=SC2046
    headers "$SKALD_ROOT/uapi" $(cd "$SKALD_ROOT/uapi" && printf '%s\n' drm/*.h skald/*.h skald/*.hpp)
    fill "$PACKAGE/skald.pc.in" "$DESTDIR$PREFIX/lib/pkgconfig/skald.pc" PREFIX="$PREFIX"
}

install_firmware() { file "$SKALD_BUILD/firmware/skald_fw.bin" /usr/lib/firmware/skald/skald_fw.bin; }

install_module_source() {
    local source=/usr/src/skald-$VERSION name
    for name in "$SKALD_ROOT"/driver/{Kbuild,Makefile,*.[ch]}; do file "$name" "$source/driver/${name##*/}"; done
    for name in drm skald; do
        local header
        for header in "$SKALD_ROOT/uapi/$name"/*.h; do file "$header" "$source/uapi/$name/${header##*/}"; done
    done
    fill "$PACKAGE/dkms.conf.in" "$DESTDIR$source/dkms.conf"
}

# The emulator with the card, for who wants to boot a machine of their own with it.
install_qemu() {
    local qemu=$SKALD_BUILD/qemu home=$PREFIX/lib/skald/qemu
    install -D -m 755 "$qemu/qemu-system-x86_64" "$DESTDIR$home/qemu-system-x86_64"
    strip "$DESTDIR$home/qemu-system-x86_64"
    mkdir -p "$DESTDIR$home/share"
    cp -rL "$qemu/share/." "$DESTDIR$home/share/"
    fill "$PACKAGE/qemu-system-skald.in" "$DESTDIR$PREFIX/bin/qemu-system-skald" HOME="$home"
    chmod 755 "$DESTDIR$PREFIX/bin/qemu-system-skald"
}

main() {
    local part
    (($#)) || set -- programs library firmware module_source
    for part in "$@"; do "install_$part"; done
}
main "$@"
