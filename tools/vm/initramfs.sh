#!/bin/bash
# SPDX-License-Identifier: MIT
# initramfs.sh stock|debug|debug-7.3: the guest's file system, build/guest/initramfs-KIND.img, made from this
# machine's own binaries. Two cpio archives, one behind the other: a base that changes with kernel
# and machine, and a small one with what we build. Does nothing where no input changed.
. "$(dirname "$0")/../setup/lib.sh"

KIND=$1
OUT=$SKALD_BUILD/guest
LIST=$SKALD_ROOT/tools/vm/guest.list
INIT=$SKALD_BUILD/host/guest/skald-init
BIN=$SKALD_BUILD/bin
FIRMWARE=$SKALD_BUILD/firmware/skald_fw.bin

# shellcheck disable=SC1090
. <(sed 's/ := /=/' "$SKALD_BUILD/kernel/$KIND.mk")
DRIVER=$SKALD_BUILD/driver/$KIND/skald.ko
MODULES=usr/lib/modules/$KERNEL_RELEASE

# state FILE...: names, sizes and times; equal states are taken for equal contents.
state() { { stat -Lc '%n %s %y' -- "$@" 2>/dev/null || true; } | sha256sum | cut -c1-32; }

unchanged() { [[ -e $1 && $(<"$1") == "$2" ]]; }

listed() { sed -n "s/^$1 \+//p" "$LIST"; }

# install_file FILE ROOT: into the root at its own place, links followed. /lib is a link in the guest, and a folder of that name
# in the second archive would take its place.
install_file() {
    local place=$1
    [[ $place != /lib* ]] || place=/usr$place
    [[ -e $2$place ]] || install -D -m 755 "$1" "$2$place"
}

# install_program FILE ROOT [TARGET]: with every library it loads, except what the base has.
install_program() {
    local library
    install -D -m 755 "$1" "$2${3:-$1}"
    while read -r library; do
        [[ -e $BASE$library ]] || install_file "$library" "$2"
    done < <(ldd "$1" 2>/dev/null | sed -n 's/^.*=> \(\/[^ ]*\).*$/\1/p; s/^\t\(\/[^ ]*\) (.*$/\1/p')
}

# The files of a module and of all it needs, in loading order; built-in ones have none.
module_files() {
    modprobe -d "$(dirname "$(dirname "$(dirname "$KERNEL_MODULES")")")" -S "$KERNEL_RELEASE" \
        --show-depends "$1" | sed -n 's/^insmod \([^ ]*\).*$/\1/p'
}

install_module() {
    local file place
    module_files "$1" | while read -r file; do
        place=$MODULES/${file#"$KERNEL_MODULES"/}
        place=${place%.xz}
        mkdir -p "$BASE/$(dirname "$place")"
        case $file in
            *.xz) [[ -e $BASE/$place ]] || xz -dc "$file" >"$BASE/$place" ;;
            *) cp "$file" "$BASE/$place" ;;
        esac
        echo "/$place"
    done
}

pack() { (cd "$1" && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) >"$2"; }

build_base() {
    local name library
    rm -rf "$BASE" && mkdir -p "$BASE"
    cd "$BASE"
    mkdir -p usr/{bin,sbin,lib,lib64,local/bin} "$MODULES" etc/skald proc sys dev run tmp root
    ln -s usr/bin usr/sbin usr/lib usr/lib64 .
    for name in $(listed program); do install_program "$name" "$BASE"; done
    for name in $(listed library); do
        library=$(/sbin/ldconfig -p | awk -v n="$name" '$1 == n && /x86-64/ {path = $NF} END {print path}')
        [[ -z $library ]] || install_program "$library" "$BASE"
    done
    # It leaves what is there already, and says so.
    busybox --install -s usr/bin 2>/dev/null || true
    for name in lsmod insmod rmmod modprobe modinfo depmod; do
        rm -f "usr/bin/$name"
        ln -s ../bin/kmod "usr/sbin/$name"
    done
    ln -sf bash usr/bin/sh
    mkdir -p usr/lib/terminfo
    for name in linux xterm xterm-256color screen screen-256color tmux tmux-256color vt100 dumb; do
        for library in /lib/terminfo /usr/share/terminfo; do
            [[ -e $library/${name:0:1}/$name ]] && install -D -m 644 "$library/${name:0:1}/$name" \
                "usr/lib/terminfo/${name:0:1}/$name" && break
        done || true
    done
    # Programs that edit lines ask it what a character is.
    mkdir -p usr/lib/locale
    [[ ! -d /usr/lib/locale/C.utf8 ]] || cp -rL /usr/lib/locale/C.utf8 usr/lib/locale/
    echo 'root:x:0:0:root:/root:/bin/bash' >etc/passwd
    echo 'root:x:0:' >etc/group
    echo "PS1='skald:\\w\\$ '" >etc/profile
    # What shell.sh has to say.
    cat >>etc/profile <<'END'
[ -z "$SKALD_WELCOME" ] || printf '%s\n\n' "$SKALD_WELCOME"
END
    for name in $(listed boot); do install_module "$name"; done | awk '!seen[$0]++' >etc/skald/modules
    for name in $(listed module); do
        # The debug kernels have all they need built in, and lack what nobody needs there.
        install_module "$name" >/dev/null || [[ $KIND == debug* ]]
    done
    cp "$KERNEL_MODULES"/modules.{builtin,builtin.modinfo,order} "$MODULES/"
    depmod -b "$BASE/usr" "$KERNEL_RELEASE"
    pack "$BASE" "$BASE.cpio"
}

build_overlay() {
    local program
    rm -rf "$OVER" && mkdir -p "$OVER/usr/local/bin" "$OVER/$MODULES/updates"
    install -m 755 "$INIT" "$OVER/init"
    strip "$OVER/init"
    for program in "$BIN"/*; do
        [[ -f $program && -x $program && ${program##*/} != skald-vm ]] || continue
        install_program "$program" "$OVER" "/usr/local/bin/${program##*/}"
    done
    find "$OVER/usr/local/bin" -type f -exec strip -g {} + 2>/dev/null || true
    [[ ! -e $FIRMWARE ]] || install -D -m 644 "$FIRMWARE" "$OVER/usr/lib/firmware/skald/skald_fw.bin"
    if [[ -e $DRIVER ]]; then
        cp -al "$BASE/$MODULES/." "$OVER/$MODULES/"
        rm -f "$OVER/$MODULES"/modules.*
        cp "$BASE/$MODULES"/modules.{builtin,builtin.modinfo,order} "$OVER/$MODULES/"
        install -m 644 "$DRIVER" "$OVER/$MODULES/updates/skald.ko"
        strip -g "$OVER/$MODULES/updates/skald.ko"
        depmod -b "$OVER/usr" "$KERNEL_RELEASE"
        rm -rf "$OVER/$MODULES/kernel"
    fi
    pack "$OVER" "$OVER.cpio"
}

build_image() {
    if ! unchanged "$BASE.state" "$BASE_STATE"; then
        build_base
        echo "$BASE_STATE" >"$BASE.state"
    fi
    build_overlay
    cat "$BASE.cpio" "$OVER.cpio" >"$IMAGE.new"
    mv "$IMAGE.new" "$IMAGE"
    cp -f "$KERNEL_IMAGE" "$OUT/vmlinuz-$KIND"
    echo "$STATE" >"$IMAGE.state"
}

BASE=$OUT/base-$KIND
OVER=$OUT/overlay-$KIND
IMAGE=$OUT/initramfs-$KIND.img
mkdir -p "$OUT"
# shellcheck disable=SC2046 # the list has no blanks in its paths
BASE_STATE=$(state "$0" "$LIST" "$KERNEL_IMAGE" "$KERNEL_MODULES/modules.dep" $(listed program) \
    /lib/x86_64-linux-gnu/libc.so.6)
STATE=$BASE_STATE$(state "$INIT" "$FIRMWARE" "$DRIVER" "$BIN" "$BIN"/*)

main() {
    [[ -x $INIT ]] || die "the guest's init is not built: $INIT"
    unchanged "$IMAGE.state" "$STATE" ||
        step "initramfs-$KIND" "packing the guest's file system ($KIND)" "$KIND" build_image
}
shift
run "$@"
