#!/bin/bash
# SPDX-License-Identifier: MIT
# deb.sh: Debian packages of what was built, in build/deb/.
. "$(dirname "$0")/lib.sh"

OUT=$SKALD_BUILD/deb
ARCH=$(dpkg --print-architecture)
MAINTAINER="Skald authors <skald@localhost>"
# The same sources give the same bytes.
SOURCE_DATE_EPOCH=$(git -C "$SKALD_ROOT" log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH

# The libraries that programs below a root load, as a Depends line.
needs() {
    local root=$1 work
    work=$(mktemp -d)
    mkdir -p "$work/debian"
    printf 'Source: skald\n\nPackage: skald\nArchitecture: any\n' >"$work/debian/control"
    (
        cd "$work" || exit 1
        # shellcheck disable=SC2046 # no blanks in our names
        dpkg-shlibdeps -O --ignore-missing-info \
            $(find "$root" -type f -perm -u+x -exec sh -c 'head -c4 "$1" | grep -q ELF' _ {} \; -print) \
            2>/dev/null | sed -n 's/^shlibs:Depends=//p'
    )
    rm -rf "$work"
}

# control NAME ARCHITECTURE SECTION LINES: with the sizes of what is there.
control() {
    local root=$OUT/$1
    mkdir -p "$root/DEBIAN"
    {
        printf 'Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: %s\nSection: %s\nPriority: optional\n' \
            "$1" "$VERSION" "$2" "$MAINTAINER" "$3"
        printf 'Installed-Size: %s\n' "$(du -sk --exclude=DEBIAN "$root" | cut -f1)"
        printf '%s\n' "$4"
    } >"$root/DEBIAN/control"
    (cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum) \
        >"$root/DEBIAN/md5sums"
}

# script NAME WHEN < TEXT
script() {
    mkdir -p "$OUT/$1/DEBIAN"
    { printf '#!/bin/sh\nset -e\n' && cat; } >"$OUT/$1/DEBIAN/$2"
    chmod 755 "$OUT/$1/DEBIAN/$2"
}

# stage NAME PART...
stage() {
    local root=$OUT/$1 page
    DESTDIR=$root PREFIX=/usr "$PACKAGE/install.sh" "${@:2}"
    for page in "$root"/usr/share/man/man1/*.1; do [[ ! -e $page ]] || gzip -9n "$page"; done
    install -D -m 644 "$PACKAGE/copyright" "$root/usr/share/doc/$1/copyright"
}

build() {
    find "$OUT/$1" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zgzip -b "$OUT/$1" "$OUT/${1}_${VERSION}_$2.deb" >/dev/null
    rm -rf "${OUT:?}/$1"
}

tools() {
    stage skald-tools programs
    control skald-tools "$ARCH" utils "Depends: $(needs "$OUT/skald-tools")
Recommends: skald-dkms, skald-firmware, udev
Description: programs for the Skald inference card
 llm-run continues texts with compiled models, llm-compile makes those of
 checkpoints, llm-bench measures them, llm-chip says what they would do on a
 chip, skald-smi shows the cards and who uses them. A rule for udev gives the
 cards to the group render."
    script skald-tools postinst <<'END'
if [ "$1" = configure ] && command -v udevadm >/dev/null; then
    udevadm control --reload 2>/dev/null || true
    udevadm trigger --subsystem-match=accel 2>/dev/null || true
fi
END
    build skald-tools "$ARCH"
}

firmware() {
    stage skald-firmware firmware
    control skald-firmware all misc "Description: firmware of the Skald inference card
 Loaded by the driver, and by programs that run the card as a library."
    build skald-firmware all
}

dkms() {
    stage skald-dkms module_source
    control skald-dkms all kernel "Depends: dkms, skald-firmware (= $VERSION)
Description: driver of the Skald inference card, as source for DKMS
 Builds skald.ko, a DRM/accel driver, for the kernels of this machine, from
 Linux 6.12 on."
    script skald-dkms postinst <<END
if [ "\$1" = configure ] && [ -x /usr/lib/dkms/common.postinst ]; then
    /usr/lib/dkms/common.postinst skald $VERSION "" "" "\$2"
fi
END
    script skald-dkms prerm <<END
if [ "\$1" = remove ] || [ "\$1" = upgrade ] || [ "\$1" = deconfigure ]; then
    dkms remove -m skald -v $VERSION --all >/dev/null 2>&1 || true
fi
END
    build skald-dkms all
}

dev() {
    stage libskald-dev library
    control libskald-dev "$ARCH" libdevel "Depends: libdrm-dev, libfmt-dev, libpcre2-dev, libsodium-dev, libutf8proc-dev
Suggests: pkg-config
Description: runtime library of the Skald inference card
 Headers and static libraries: from a compiled model to tokens. C++20;
 pkg-config calls it skald."
    build libskald-dev "$ARCH"
}

qemu() {
    stage skald-qemu qemu
    control skald-qemu "$ARCH" otherosfs "Depends: $(needs "$OUT/skald-qemu")
Description: QEMU with the Skald inference card
 qemu-system-skald is QEMU for x86-64 with the device skald, to boot machines
 that have the card."
    build skald-qemu "$ARCH"
}

make_packages() {
    rm -rf "$OUT" && mkdir -p "$OUT"
    tools
    firmware
    dkms
    dev
    qemu
}

main() {
    step deb "building Debian packages" make_packages
    (cd "$OUT" && printf '%s\n' *.deb | sed "s|^|  ${OUT#"$SKALD_ROOT"/}/|")
}
run "$@"
