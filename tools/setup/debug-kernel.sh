#!/bin/bash
# SPDX-License-Identifier: MIT
# debug-kernel.sh debug|debug-7.3: the debug kernel of `skald-vm --kernel KIND`: Debian's source of 6.12 or 7.3 with KASAN,
# lockdep, kmemleak and more, configured by debug-kernel.config and what debug-kernel-SERIES.config has otherwise, built once
# on a machine. The tree stays in the cache, since skald.ko is built against it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/apt-private.sh"
. "$(dirname "$0")/kernel-source.sh"

# In the environment of the steps, which run this script again, those of the files above included.
if [[ -z ${SKALD_KIND:-} ]]; then
    export SKALD_KIND=${1:-}
    shift $(($# ? 1 : 0))
fi
KIND=$SKALD_KIND
case $KIND in
    debug) SERIES=6.12 PLACE=$SKALD_CACHE/kernel/debug ;;
    debug-7.3) SERIES=7.3 PLACE=$SKALD_CACHE/kernel/$KIND ;;
    *) die "there is no kernel '$KIND' to build; there are: debug debug-7.3" ;;
esac
CONFIGS=("$SKALD_ROOT/tools/setup/debug-kernel.config")
[[ ! -e $SKALD_ROOT/tools/setup/debug-kernel-$SERIES.config ]] ||
    CONFIGS+=("$SKALD_ROOT/tools/setup/debug-kernel-$SERIES.config")
# Count up when the recipe below changes what comes out.
RECIPE=2
KEY=$RECIPE-$(hash_of "${CONFIGS[@]}")
FINAL=$PLACE/$KEY

# Without the parts that no x86 build of this configuration opens.
unpack_source() {
    mkdir -p "$1/linux"
    tar -xf "$(kernel_source "$SERIES")" -C "$1/linux" --strip-components=1 --exclude='*.dts' \
        --exclude='*/drivers/gpu/drm/amd/include/*' --exclude='*/tools/testing/*' --exclude='*.rst'
}

# The options as they shall be, a line each: the later file has the last word.
wanted() {
    awk '/^CONFIG_/ {split($0, part, "="); line[part[1]] = $0}
        /^# CONFIG_[A-Z0-9_]* is not set$/ {line[$2] = $0}
        END {for (name in line) print line[name]}' "${CONFIGS[@]}"
}

configure() {
    cd "$1/linux"
    # These have no prompt of their own: something in the tree has to select them.
    cat >>drivers/accel/Kconfig <<'END'

config DRM_SKALD_NEEDS
	bool "What the out-of-tree driver skald uses"
	depends on DRM
	select DRM_BUDDY
	select DRM_EXEC
	select DRM_GEM_SHMEM_HELPER
	select DRM_GPUVM
	select DRM_SCHED
	select DRM_TTM
	select MMU_NOTIFIER
	select WANT_DEV_COREDUMP
END
    make -s allnoconfig
    wanted >wanted.config
    scripts/kconfig/merge_config.sh -m -O . .config wanted.config
    make -s olddefconfig
    local line missing=0
    while read -r line; do
        case $line in
            CONFIG_*) grep -qxF "$line" .config || { echo "not as written: $line"; missing=1; } ;;
            *) ! grep "^$(cut -d' ' -f2 <<<"$line")=" .config || missing=1 ;;
        esac
    done <wanted.config
    return $missing
}

compile() {
    cd "$1/linux"
    # Kbuild has the compiler write what a file includes: ccache need not preprocess it first.
    export CCACHE_DEPEND=1
    make -j "$SKALD_JOBS" KBUILD_BUILD_TIMESTAMP=@0 CC="ccache gcc" HOSTCC="ccache gcc" bzImage modules
    make INSTALL_MOD_PATH="$1/usr" modules_install
    mkdir -p "$1/boot"
    cp arch/x86/boot/bzImage "$1/boot/vmlinuz"
    make -s kernelrelease >"$1/release"
    depmod -b "$1/usr" "$(<"$1/release")"
    # Module builds want headers, scripts, objtool and symbols, not a gigabyte of objects.
    find . -name '*.o' -not -path './scripts/*' -not -path './tools/*' -delete
    find . -name '*.c' -not -path './scripts/*' -not -path './tools/*' -delete
    rm -f vmlinux vmlinux.unstripped vmlinux.a .tmp_vmlinux*
}

prepare() {
    lock "kernel-$KIND"
    [[ -e $FINAL/.complete ]] && return 0
    need_kernel_source "$SERIES"
    # Built in its final place: the tree knows its own path.
    rm -rf "$FINAL" && mkdir -p "$FINAL"
    step "$KIND-kernel-unpack" "unpacking the source of the kernel $SERIES" unpack_source "$FINAL"
    step "$KIND-kernel-configure" "configuring the debug kernel $SERIES" configure "$FINAL"
    step "$KIND-kernel-build" "building the debug kernel $SERIES, once on this machine: some minutes" compile "$FINAL"
    touch "$FINAL/.complete"
}

main() {
    [[ -e $FINAL/.complete ]] || prepare
    local release
    release=$(<"$FINAL/release")
    local out=$SKALD_BUILD/kernel/$KIND.mk
    mkdir -p "$SKALD_BUILD/kernel"
    cat >"$out.new" <<END
KERNEL_RELEASE := $release
KERNEL_IMAGE := $FINAL/boot/vmlinuz
KERNEL_MODULES := $FINAL/usr/lib/modules/$release
KERNEL_HEADERS := $FINAL/linux
END
    if cmp -s "$out.new" "$out"; then rm "$out.new"; else mv "$out.new" "$out"; fi
}
run "$@"
