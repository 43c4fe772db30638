# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# A private apt: its own sources, lists and cache below the Skald cache, so that the host's stay
# as they are. Mirror, proxy, credentials and keyrings are the host's own. With APT_SUITE it knows
# that suite and no other. Sourced, never run.

APT_HOME=$SKALD_CACHE/apt/${APT_SUITE:-$(host_codename)}
APT_OPTIONS=(
    -o "Dir::State=$APT_HOME/state"
    -o "Dir::State::status=$APT_HOME/status"
    -o "Dir::Cache=$APT_HOME/cache"
    -o "Dir::Etc::sourcelist=$APT_HOME/sources.list"
    -o "Dir::Etc::sourceparts=$APT_HOME/empty"
    -o "Dir::Etc::preferencesparts=$APT_HOME/empty"
    -o "Dir::Etc::preferences=$APT_HOME/none"
    -o APT::Sandbox::User=root
    -o APT::Get::List-Cleanup=false
    -o Acquire::Retries=3
    -o Acquire::Languages=none
)

# host_mirror SUITE DEFAULT: the address from which the host itself gets that suite.
host_mirror() {
    local uri
    # shellcheck disable=SC2016 # apt expands these
    uri=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' \
        'Component: main' 2>/dev/null | awk -v suite="$1" '$1 == suite {uri = $2} END {print uri}')
    printf '%s' "${uri:-$2}"
}

apt_write_sources() {
    local code mirror security key signed=
    code=$(host_codename)
    mirror=$(host_mirror "$code" http://deb.debian.org/debian)
    security=$(host_mirror "$code-security" http://deb.debian.org/debian-security)
    for key in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
        [[ -e $key ]] && signed="signed-by=$key" && break
    done
    mkdir -p "$APT_HOME/state/lists/partial" "$APT_HOME/empty" "$APT_HOME/cache/archives/partial"
    : >"$APT_HOME/status"
    if [[ -n ${APT_SUITE:-} ]]; then
        echo "deb [arch=amd64 $signed] $mirror $APT_SUITE main" >"$APT_HOME/sources.list.new"
        return 0
    fi
    {
        echo "deb [arch=amd64 $signed] $mirror trixie main"
        echo "deb-src [arch=amd64 $signed] $mirror trixie main"
        echo "deb [arch=amd64 $signed] $mirror trixie-backports main"
        if [[ $code == bookworm ]]; then
            echo "deb [arch=amd64 $signed] $mirror bookworm-backports main"
        else
            echo "deb [arch=amd64 $signed] $mirror trixie-updates main"
            echo "deb [arch=amd64 $signed] $security trixie-security main"
        fi
    } >"$APT_HOME/sources.list.new"
}

apt_update() { apt-get "${APT_OPTIONS[@]}" -q -o APT::Update::Error-Mode=any update; }

# What is on offer is asked when something is missing from the cache, and then yesterday's answer is
# no use; one of the last minutes is, such as that of the script that runs beside this one, if it asked
# the same. The lock goes with the subshell: what follows may take long.
apt_refresh() {
    (
        lock apt
        apt_write_sources
        if cmp -s "$APT_HOME/sources.list.new" "$APT_HOME/sources.list" &&
            [[ -n $(find "$APT_HOME/fresh" -mmin -15 2>/dev/null) ]]; then
            exit 0
        fi
        mv "$APT_HOME/sources.list.new" "$APT_HOME/sources.list"
        step apt-update "reading Debian's package lists" apt_update
        touch "$APT_HOME/fresh"
    )
}

# apt_versions PACKAGE [SUITE]: the versions on offer, newest first.
apt_versions() {
    apt-cache "${APT_OPTIONS[@]}" madison "$1" 2>/dev/null |
        awk -F'|' -v suite="${2:-}" '$3 ~ "Packages" && $3 ~ suite {gsub(/ /, "", $2); print $2}' |
        awk '!seen[$0]++'
}

# apt_fetch_all DIR PACKAGE...: .deb files of packages and all they depend on, as for a machine that has none.
apt_fetch_all() {
    local dir=$1
    shift
    mkdir -p "$dir/partial"
    apt-get "${APT_OPTIONS[@]}" -q -y -o "Dir::Cache::archives=$dir" install --no-install-recommends --download-only "$@"
}

# apt_fetch DIR PACKAGE[=VERSION]...: .deb files into a directory.
apt_fetch() {
    local dir=$1
    shift
    mkdir -p "$dir"
    (cd "$dir" && apt-get "${APT_OPTIONS[@]}" -q download "$@")
}
