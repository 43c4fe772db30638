#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs in the guest, from the second disk, as root, at each boot: what a user would do with the packages. Promises are
# functions; each is told to `run` by lines that begin with @. What else is written is for people.
DISK=/mnt
STATE=/var/lib/fresh
NODE=/dev/accel/accel0
PROGRAMS=(llm-bench llm-chip llm-compile llm-run skald-smi)
HOME_OF_READER=/home/reader

tell() { printf '@ %s\n' "$*"; }
as_reader() { runuser -u reader -- "$@"; }
fail() {
    echo "$*"
    return 1
}

# promise FUNCTION: its output goes to a file, and to the host if it failed. In a shell of its own, so that `set -e` holds.
promise() {
    tell begin "$1"
    if bash -e "$DISK/guest.sh" "$1" >"$STATE/$1.log" 2>&1 </dev/null; then
        tell passed "$1"
    else
        tell failed "$1"
        tail -n 60 "$STATE/$1.log" | sed 's/^/  /'
    fi
    tell end "$1"
}

# The last line of what takes long, now and then.
watch_log() {
    while sleep 20; do
        tail -qn 1 "$1" /var/lib/dkms/skald/*/build/make.log 2>/dev/null | tail -n 1 | cut -c1-100 | sed 's/^/  /'
    done
}

# Whatever has one of our names. What man has rendered it keeps for itself, and clears away within a week.
ours() {
    find / -xdev \( -path "$STATE" -o -path "$HOME_OF_READER" -o -path /var/log -o -path /var/cache/man \) -prune -o \
        \( -iname '*skald*' -o -name 'llm-*' \) -print
}
taint() { dmesg | grep -E 'WARNING|BUG:|Oops|Call Trace|general protection' || true; }

nothing_of_ours_is_there_before() {
    local left
    left=$(ours)
    [[ -z $left ]] || fail "there is: $left"
    [[ ! -e $NODE ]] || fail "$NODE is there"
    grep -q 6.12 /proc/version || fail "$(cat /proc/version)"
}

apt_installs_the_packages_and_what_they_want() {
    export DEBIAN_FRONTEND=noninteractive
    rm -f /etc/apt/sources.list.d/*
    echo "deb [trusted=yes] file:$DISK/archive ./" >/etc/apt/sources.list
    apt-get update
    apt-get -y install "$DISK"/packages/*.deb linux-headers-amd64
    dpkg --audit
    [[ -z $(dpkg --audit) ]]
}

dkms_built_the_module_for_this_kernel() {
    dkms status skald
    dkms status skald | grep -q "$(uname -r).*: installed" || fail "not installed"
    modinfo skald | grep -E '^(filename|version|vermagic|firmware):'
}

manual_pages_are_found() {
    local program
    for program in "${PROGRAMS[@]}"; do
        man -w "$program"
        man -P cat "$program" | grep -q "^NAME" || fail "$program: no page"
    done
}

# That is for the boot after the packages came.
the_module_is_loaded_at_boot() {
    udevadm settle --timeout=600
    [[ -d /sys/module/skald ]] || fail "no module: $(dmesg | tail -n 20)"
}

the_node_belongs_to_group_render() {
    for _ in {1..300}; do
        [[ ! -e $NODE ]] || break
        sleep 1
    done
    ls -l /dev/accel
    [[ $(stat -c '%U %G %a' "$NODE") == "root render 660" ]] || fail "$(stat -c '%U %G %a' "$NODE"), not root render 660"
}

skald_smi_lists_the_card_to_a_user_in_group_render() {
    local said
    as_reader skald-smi
    said=$(as_reader skald-smi --query-card=index,name,status)
    [[ $said == $'index, name, status\n0, Skald SK1, ok' ]] || fail "it says: $said"
}

a_user_outside_of_group_render_is_told_so() {
    local said status=0
    as_reader llm-compile "$DISK/model" -o "$HOME_OF_READER/model.skald"
    said=$(runuser -u outsider -- llm-run -p x -n 1 "$HOME_OF_READER/model.skald" 2>&1) || status=$?
    echo "$status: $said"
    [[ $status != 0 && $said == *"mostly render"* && $(wc -l <<<"$said") == 1 ]]
}

llm_run_writes_the_expected_text() {
    as_reader llm-compile "$DISK/model" -o "$HOME_OF_READER/model.skald"
    as_reader llm-run --temp 0 -n 24 -p "$(cat "$DISK/prompt")" --json "$HOME_OF_READER/model.skald" >"$STATE/text"
    cat "$STATE/text"
    tail -n 1 "$STATE/text" | grep -qF "$(cat "$DISK/tokens")" || fail "not the tokens $(cat "$DISK/tokens")"
}

the_kernel_has_nothing_to_complain_of() { [[ -z $(taint) ]] || fail "$(taint)"; }

purge_leaves_nothing() {
    local left
    export DEBIAN_FRONTEND=noninteractive
    apt-get -y purge skald-tools skald-dkms skald-firmware
    rmmod skald
    left=$(ours)
    [[ -z $left ]] || fail "left: $left"
    [[ -z $(dkms status) ]] || fail "$(dkms status)"
    ! modinfo skald || fail "modinfo still finds it"
    ! grep -rl skald /lib/modules/*/modules.* || fail "depmod's files have it"
    ! dpkg -l | grep skald || fail "dpkg knows it"
    [[ -z $(dpkg --audit) ]]
}

first_boot() {
    useradd -m -G render reader
    chmod 755 "$HOME_OF_READER"
    useradd -m outsider
    promise nothing_of_ours_is_there_before
    watch_log "$STATE/apt_installs_the_packages_and_what_they_want.log" &
    promise apt_installs_the_packages_and_what_they_want
    kill $!
    promise dkms_built_the_module_for_this_kernel
    promise manual_pages_are_found
    sync
    systemctl --no-block reboot
}

second_boot() {
    local name
    for name in the_module_is_loaded_at_boot the_node_belongs_to_group_render \
        skald_smi_lists_the_card_to_a_user_in_group_render a_user_outside_of_group_render_is_told_so \
        llm_run_writes_the_expected_text the_kernel_has_nothing_to_complain_of; do
        promise "$name"
    done
    watch_log "$STATE/purge_leaves_nothing.log" &
    promise purge_leaves_nothing
    kill $!
    tell finished
    systemctl --no-block poweroff
}

main() {
    local boot
    mkdir -p "$STATE"
    boot=$(($(cat "$STATE/boots" 2>/dev/null || echo 0) + 1))
    echo "$boot" >"$STATE/boots"
    tell "boot $boot, $(uname -r), Debian $(cat /etc/debian_version)"
    case $boot in
    1) first_boot ;;
    2) second_boot ;;
    *) systemctl --no-block poweroff ;;
    esac
}
if (($#)); then "$@"; else main; fi
