#!/bin/bash
# SPDX-License-Identifier: MIT
# Install what packages.txt lists and this machine lacks, with apt as root or through sudo. Where
# nothing is missing it asks dpkg once and does nothing else.
. "$(dirname "$0")/lib.sh"

missing_packages() {
    local wanted
    mapfile -t wanted < <(sed 's/#.*//; /^[[:space:]]*$/d' "$SKALD_ROOT/tools/setup/packages.txt" | tr -d ' \t')
    # Known and installed ones are printed; what is wanted and not printed is missing.
    comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
        <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
            sed -n 's/^installed //p' | sort -u)
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    else
        sudo -n "$@"
    fi
}

apt_root() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 \
        -o Acquire::Retries=3 "$@"
}

update() { apt_root update; }
install() { apt_root install -y --no-install-recommends "$@"; }

check_host() {
    local code
    code=$(host_codename)
    [[ $(uname -m) == x86_64 ]] || die "this is a $(uname -m) machine; Skald is built on x86-64"
    [[ $code == bookworm || $code == trixie ]] ||
        die "this is '$code'; set-up knows Debian 12 (bookworm) and 13 (trixie)"
}

main() {
    local missing
    mapfile -t missing < <(missing_packages)
    ((${#missing[@]} == 0)) && return 0
    check_host
    if ((EUID != 0)); then
        command -v sudo >/dev/null || die "these packages are missing and neither root nor sudo is there to install them: ${missing[*]}"
        sudo -v || die "sudo refused; install these packages and try again: ${missing[*]}"
    fi
    say "  missing packages: ${missing[*]}"
    lock packages
    step packages-update "reading Debian's package lists" update
    step packages-install "installing ${#missing[@]} packages" install "${missing[@]}"
    mapfile -t missing < <(missing_packages)
    ((${#missing[@]} == 0)) || die "still not installed: ${missing[*]}"
}
run "$@"
