#!/bin/bash
# SPDX-License-Identifier: MIT
# [SKALD_LINT_ALL=1] lint.sh [RESULTS.xml [CHECK...]]: style and static checks, each one a test case: formatter, clang-tidy, the
# kernel's checkpatch and sparse on the driver, QEMU's checkpatch on the PCI shell, shellcheck, the documents' lines.
. "$(dirname "$0")/../../tools/setup/lib.sh"

OUT=$SKALD_BUILD/lint
RESULTS=${1:-$OUT/lint.xml}
ALL=(clang_format shellcheck prose driver_checkpatch qemu_checkpatch driver_warnings clang_tidy)
[[ ! -e $SKALD_BUILD/kernel/debug-7.3.mk ]] || ALL+=(driver_warnings_next)
cd "$SKALD_ROOT"

# kernel NAME [KIND]: what the make variable says.
kernel() { sed -n "s/^$1 := //p" "$SKALD_BUILD/kernel/${2:-stock}.mk"; }
files() { git ls-files --cached --others --exclude-standard -- "$@"; }

# Ours in our own style. The driver keeps the kernel's and the PCI shell QEMU's; the contracts in uapi/ are tables laid out by hand.
check_clang_format() {
    files '*.cpp' '*.hpp' '*.h' ':!driver' ':!qemu-device/pci' ':!uapi' |
        xargs -r clang-format-19 --dry-run -Werror
}

check_clang_tidy() { python3 tests/lint/tidy.py "$SKALD_BUILD/host" "$SKALD_CACHE/tidy" ${SKALD_LINT_ALL:+--all}; }

# One exception: the compat header is where the kernel's version may be asked for.
check_driver_checkpatch() {
    local patch status=0
    patch=$(kernel CHECKPATCH)
    files 'driver/*.c' 'driver/*.h' ':!driver/skald_compat.h' |
        xargs -r perl "$patch" --no-tree --strict --terse --show-types -f || status=1
    # User space has neither BIT() nor static_assert() of the kernel.
    perl "$patch" --no-tree --strict --terse --show-types --ignore BIT_MACRO,CAMELCASE \
        -f uapi/drm/skald_accel.h || status=1
    perl "$patch" --no-tree --strict --terse --show-types --ignore LINUX_VERSION_CODE \
        -f driver/skald_compat.h || status=1
    return $status
}

# A build of its own with W=1 and sparse over every file; a single warning fails it. Kbuild only says that it leaves out a
# sparse that is too old.
driver_warnings() {
    local kind=$1 tree=$OUT/driver-$1
    shift
    rm -rf "$tree" && mkdir -p "$tree"
    find driver -maxdepth 1 -type f -exec cp {} "$tree/" \;
    make -C "$(kernel KERNEL_HEADERS "$kind")" M="$tree" SKALD_UAPI="$SKALD_ROOT/uapi" W=1 C=2 "$@" modules \
        2>&1 | tee "$OUT/sparse-$kind.out"
    ! grep -E "(warning|error):|sparse is not available" "$OUT/sparse-$kind.out"
}
check_driver_warnings() { driver_warnings stock; }
# Where that kernel is there: it takes long to build.
check_driver_warnings_next() { driver_warnings debug-7.3 CF="-include $SKALD_ROOT/tests/lint/old_sparse.h"; }

check_qemu_checkpatch() {
    local script
    script=$(echo "$SKALD_CACHE"/qemu/v1/*/src/scripts/checkpatch.pl | tr ' ' '\n' | tail -n 1)
    [[ -e $script ]] || { echo "QEMU's checkpatch.pl is not there: $script"; return 1; }
    files 'qemu-device/pci/*.c' 'qemu-device/pci/*.h' | xargs -r perl "$script" --no-tree --terse -f
}

# A cd that fails ends these scripts: lib.sh sets -e.
check_shellcheck() { files '*.sh' .ci/run tests/run | xargs -r shellcheck --severity=warning --exclude=SC2164 -x; }

# Documents are read in terminals and diffs: their lines stay under 120 columns.
check_prose() { files '*.md' | xargs -r python3 tests/lint/prose.py; }

escape() { sed -e 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g' | tr -d '\000-\010\013\014\016-\037'; }

main() {
    local name cases='' count=0 failed=0 started
    local checks=("${@:2}")
    ((${#checks[@]})) || checks=("${ALL[@]}")
    mkdir -p "$OUT"
    for name in "${checks[@]}"; do
        started=$SECONDS count=$((count + 1))
        # A shell of its own, so that `set -e` holds inside.
        if bash "$0" check "check_$name" >"$OUT/$name.log" 2>&1; then
            cases+="<testcase classname=\"lint\" name=\"$name\" time=\"$((SECONDS - started))\"/>"
            say "  $name: clean"
        else
            failed=$((failed + 1))
            cases+="<testcase classname=\"lint\" name=\"$name\" time=\"$((SECONDS - started))\"><failure>"
            cases+="$(tail -n 200 "$OUT/$name.log" | escape)</failure></testcase>"
            say "  $name: FAILED, see $OUT/$name.log"
        fi
    done
    echo "<testsuite name=\"lint\" tests=\"$count\" failures=\"$failed\">$cases</testsuite>" >"$RESULTS"
    ((failed == 0))
}
case ${1:-} in check) "$2" ;; *) main "$@" ;; esac
