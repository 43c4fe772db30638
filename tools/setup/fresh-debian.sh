#!/bin/bash
# SPDX-License-Identifier: MIT
# A Debian of this machine's release with its stock kernel and nothing of ours, for tests/package/fresh: debian.img (a
# root file system), vmlinuz, initrd.img, and archive/, an apt archive of what our packages want. Kept in the cache by
# what they want, linked as build/fresh-debian. Never touched again: guests write beside it.
# shellcheck disable=SC2034 # apt-private.sh reads it
. "$(dirname "$0")/lib.sh"
APT_SUITE=$(host_codename)
. "$(dirname "$0")/apt-private.sh"

PACKAGES=$SKALD_BUILD/deb
# What a user installs; the emulator and the headers are for others.
OURS=(skald-firmware skald-dkms skald-tools)
IMAGE_SIZE=6G

as_root() { if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi; }

depends() {
    local name
    for name in "${OURS[@]}"; do dpkg-deb -f "$PACKAGES/$name"_*.deb Package Depends; done
}

# The driver wants 6.12, which is a backport on bookworm.
sources() {
    local mirror security
    mirror=$(host_mirror "$APT_SUITE" http://deb.debian.org/debian)
    security=$(host_mirror "$APT_SUITE-security" http://deb.debian.org/debian-security)
    echo "deb $mirror $APT_SUITE main"
    echo "deb $security $APT_SUITE-security main"
    [[ $APT_SUITE != bookworm ]] || echo "deb $mirror bookworm-backports main"
}

# Before anything is installed: where the kernel comes from, and an initramfs that is made in a moment.
prepare_root() {
    local root=$1
    mkdir -p "$root/etc/apt/preferences.d" "$root/etc/initramfs-tools"/{conf.d,hooks}
    printf 'Package: linux-*\nPin: release n=%s-backports\nPin-Priority: 900\n' "$APT_SUITE" \
        >"$root/etc/apt/preferences.d/kernel"
    echo MODULES=list >"$root/etc/initramfs-tools/conf.d/fresh"
    cat >"$root/etc/initramfs-tools/hooks/fresh" <<'END'
#!/bin/sh
[ "$1" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
manual_add_modules virtio_pci virtio_blk ext4
END
    chmod 755 "$root/etc/initramfs-tools/hooks/fresh"
}

# When all is: the service that runs the test, and what our packages will want of Debian's archive. mmdebstrap tells apt
# by MMDEBSTRAP_APT_CONFIG of which root it is.
finish_root() {
    local root=$1 work=$2 name debs=()
    cat >"$root/etc/systemd/system/fresh.service" <<'END'
[Unit]
Description=Test of packages, from the second disk
ConditionPathExists=/dev/vdb

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'mount -o ro /dev/vdb /mnt && exec /mnt/guest.sh'
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target
END
    ln -s ../fresh.service "$root/etc/systemd/system/multi-user.target.wants/fresh.service"
    echo fresh >"$root/etc/hostname"
    for name in "${OURS[@]}"; do debs+=("$PACKAGES/$name"_*.deb); done
    mkdir -p "$work/archive/partial"
    APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -y -o "Dir::Cache::archives=$work/archive" install --download-only \
        "${debs[@]}" linux-headers-amd64
    rmdir "$work/archive/partial"
    rm -f "$work/archive/lock"
    (cd "$work/archive" && dpkg-scanpackages -m . >Packages)
}

make_root() {
    local work=$1
    apt_fetch "$work/tool" mmdebstrap
    dpkg-deb -x "$work"/tool/mmdebstrap_*.deb "$work/tool"
    sources >"$work/sources.list"
    as_root env SKALD_BUILD="$SKALD_BUILD" XDG_CACHE_HOME="${XDG_CACHE_HOME:-$HOME/.cache}" \
        perl "$work/tool/usr/bin/mmdebstrap" --mode=root --variant=apt --format=directory \
        --include=systemd-sysv,udev,dbus,linux-image-amd64,initramfs-tools,zstd,man-db \
        --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt=force-unsafe-io \
        --setup-hook="bash $SKALD_ROOT/tools/setup/fresh-debian.sh prepare_root \"\$1\"" \
        --customize-hook="bash $SKALD_ROOT/tools/setup/fresh-debian.sh finish_root \"\$1\" $work" \
        "$APT_SUITE" "$work/root" "$work/sources.list"
    rm -rf "$work/tool" "$work/sources.list"
}

make_image() {
    local work=$1
    cp -L "$work"/root/boot/vmlinuz-* "$work/vmlinuz"
    as_root cat "$work"/root/boot/initrd.img-* >"$work/initrd.img"
    truncate -s "$IMAGE_SIZE" "$work/debian.img"
    as_root mkfs.ext4 -q -d "$work/root" "$work/debian.img"
    as_root rm -rf "$work/root"
}

prepare() {
    local work=$1.part
    lock fresh-debian
    [[ -e $1/.complete ]] && return 0
    apt_refresh
    as_root rm -rf "$work" && mkdir -p "$work"
    step fresh-debian-root "bootstrapping a Debian for tests of packages" make_root "$work"
    step fresh-debian-image "making a disk of it" make_image "$work"
    touch "$work/.complete"
    rm -rf "$1" && mv -T "$work" "$1"
}

main() {
    local final
    [[ -e $PACKAGES ]] || die "there are no packages in $PACKAGES: make deb makes them"
    final=$SKALD_CACHE/fresh-debian/$APT_SUITE-$({ depends && cat "$0"; } | sha256sum | cut -c1-16)
    [[ -e $final/.complete ]] || prepare "$final"
    publish "$final" "$SKALD_BUILD/fresh-debian"
}
run "$@"
