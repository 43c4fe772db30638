#!/bin/bash
# SPDX-License-Identifier: MIT
# The debug kernel of `skald-vm --kernel debug`: Debian's 6.12 source with KASAN, lockdep, kmemleak and
# more, configured by debug-kernel.config, built once on a machine. The tree stays in the cache, since
# skald.ko is built against it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/apt-private.sh"
. "$(dirname "$0")/kernel-source.sh"

CONFIG=$SKALD_ROOT/tools/setup/debug-kernel.config
# Count up when the recipe below changes what comes out.
RECIPE=1
KEY=$RECIPE-$(hash_of "$CONFIG")
FINAL=$SKALD_CACHE/kernel/debug/$KEY

# Without the parts that no x86 build of this configuration opens.
unpack_source() {
    mkdir -p "$1/linux"
    tar -xf "$KERNEL_SOURCE" -C "$1/linux" --strip-components=1 --exclude='*.dts' \
        --exclude='*/drivers/gpu/drm/amd/include/*' --exclude='*/tools/testing/*' --exclude='*.rst'
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
	select MMU_NOTIFIER
	select WANT_DEV_COREDUMP
END
    make -s allnoconfig
    scripts/kconfig/merge_config.sh -m -O . .config "$CONFIG"
    make -s olddefconfig
    local line missing=0
    while read -r line; do
        grep -qxF "$line" .config || { echo "not as written: $line"; missing=1; }
    done < <(grep '^CONFIG_' "$CONFIG")
    while read -r line; do
        ! grep "^$line=" .config || missing=1
    done < <(sed -n 's/^# \(CONFIG_[A-Z0-9_]*\) is not set$/\1/p' "$CONFIG")
    return $missing
}

compile() {
    cd "$1/linux"
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
    lock kernel-debug
    [[ -e $FINAL/.complete ]] && return 0
    need_kernel_source
    # Built in its final place: the tree knows its own path.
    rm -rf "$FINAL" && mkdir -p "$FINAL"
    step debug-kernel-unpack "unpacking the kernel's source" unpack_source "$FINAL"
    step debug-kernel-configure "configuring the debug kernel" configure "$FINAL"
    step debug-kernel-build "building the debug kernel, once on this machine: some minutes" compile "$FINAL"
    touch "$FINAL/.complete"
}

main() {
    [[ -e $FINAL/.complete ]] || prepare
    local release
    release=$(<"$FINAL/release")
    mkdir -p "$SKALD_BUILD/kernel"
    cat >"$SKALD_BUILD/kernel/debug.mk.new" <<END
KERNEL_RELEASE := $release
KERNEL_IMAGE := $FINAL/boot/vmlinuz
KERNEL_MODULES := $FINAL/usr/lib/modules/$release
KERNEL_HEADERS := $FINAL/linux
END
    if cmp -s "$SKALD_BUILD/kernel/debug.mk.new" "$SKALD_BUILD/kernel/debug.mk"; then
        rm "$SKALD_BUILD/kernel/debug.mk.new"
    else
        mv "$SKALD_BUILD/kernel/debug.mk.new" "$SKALD_BUILD/kernel/debug.mk"
    fi
}
run "$@"
