#!/bin/bash
# SPDX-License-Identifier: MIT
# The guest's kernel: Debian's stock 6.12 image, its modules and headers, unpacked into the cache
# and never installed, plus checkpatch.pl from the kernel source. Links them below build/kernel/.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/apt-private.sh"
. "$(dirname "$0")/kernel-source.sh"

KERNELS=$SKALD_CACHE/kernel/v1
CURRENT=$KERNELS/$(host_codename)

# The releases on offer, newest first, as "release version": 6.12.95+deb12 6.12.95-1~bpo12+1
kernel_candidates() {
    apt-cache "${APT_OPTIONS[@]}" pkgnames linux-headers-6.12 |
        sed -n 's/^linux-headers-\(6\.12\.[0-9]*+deb[0-9.]*\)-amd64$/\1/p' | sort -rV |
        while read -r release; do
            version=$(apt_versions "linux-headers-$release-amd64" "$(kernel_suite)" | sed -n 1p)
            [[ -n $version ]] && echo "$release $version"
        done
}

fetch_kernel() {
    local dir=$1 release=$2 version=$3
    rm -rf "$dir/debs" && mkdir -p "$dir/debs"
    apt_fetch "$dir/debs" "linux-image-$release-amd64" \
        "linux-headers-$release-amd64=$version" "linux-headers-$release-common=$version" \
        "linux-kbuild-$release=$version"
}

unpack_kernel() {
    local dir=$1 release=$2 final=$3 deb src link to
    for deb in "$dir"/debs/*.deb; do dpkg-deb -x "$deb" "$dir"; done
    rm -rf "$dir/debs"
    # A merged and an unmerged layout come out alike.
    mkdir -p "$dir/usr/lib"
    [[ -d $dir/lib && ! -L $dir/lib ]] && cp -al "$dir/lib/." "$dir/usr/lib/" && rm -rf "${dir:?}/lib"
    src=$dir/usr/src/linux-headers-$release
    # Packaged headers name each other by absolute path: once in the top Makefile, and in links.
    sed -i "s,/usr/src/linux-headers-$release,$final/usr/src/linux-headers-$release,g" \
        "$src-amd64/Makefile"
    find "$dir/usr/src" -type l -lname '/usr/*' -printf '%p %l\n' | while read -r link to; do
        ln -sfn "$final$to" "$link"
    done
    echo "$release-amd64" >"$dir/release"
    depmod -b "$dir/usr" "$release-amd64"
    rm -rf "${dir:?}/usr/share" "${dir:?}/usr/lib/debug"
}

checkpatch_from_source() {
    mkdir -p "$1/checkpatch"
    tar -xf "$(kernel_source 6.12)" -C "$1/checkpatch" --strip-components=1 --wildcards \
        '*/scripts/checkpatch.pl' '*/scripts/spelling.txt' '*/scripts/const_structs.checkpatch'
}

prepare_kernel() {
    local release version final work
    lock kernel
    [[ -e $CURRENT/.complete ]] && return 0
    apt_refresh
    while read -r release version; do
        final=$KERNELS/$release
        work=$final.part
        if [[ ! -e $final/.complete ]]; then
            rm -rf "$work" && mkdir -p "$work"
            if ! attempt kernel-download "downloading the kernel $release" \
                fetch_kernel "$work" "$release" "$version"; then
                say "  $release cannot be had (log: $STEP_LOG); trying the next older one"
                continue
            fi
            step kernel-unpack "unpacking it" unpack_kernel "$work" "$release" "$final"
            need_kernel_source 6.12
            step checkpatch "extracting checkpatch.pl from the kernel source" \
                checkpatch_from_source "$work"
            touch "$work/.complete"
            rm -rf "$final" && mv -T "$work" "$final"
        fi
        publish "$release" "$CURRENT"
        return 0
    done < <(kernel_candidates)
    die "none of Debian's 6.12 kernels could be downloaded; the logs are in $SKALD_LOGS"
}

# What others use: paths as make variables, and the same as links.
write_env() {
    local dir release out=$SKALD_BUILD/kernel
    dir=$(readlink -f "$CURRENT")
    release=$(<"$dir/release")
    mkdir -p "$out"
    cat >"$out/stock.mk.new" <<END
KERNEL_RELEASE := $release
KERNEL_IMAGE := $dir/boot/vmlinuz-$release
KERNEL_MODULES := $dir/usr/lib/modules/$release
KERNEL_HEADERS := $dir/usr/src/linux-headers-$release
CHECKPATCH := $dir/checkpatch/scripts/checkpatch.pl
END
    cmp -s "$out/stock.mk.new" "$out/stock.mk" && rm "$out/stock.mk.new" && return 0
    mv "$out/stock.mk.new" "$out/stock.mk"
}

main() {
    [[ -e $CURRENT/.complete ]] || prepare_kernel
    write_env
}
run "$@"
