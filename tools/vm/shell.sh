#!/bin/bash
# SPDX-License-Identifier: MIT
# shell.sh MODEL [SKALD-VM-OPTION...]: a shell in a guest with a compiled model at hand. What `make shell` runs.
. "$(dirname "$0")/compiled.sh"

# The guest's /etc/profile shows it.
welcome() {
    cat <<END

A guest with a Skald card. $1 is compiled, on /dev/vda:

    llm-run /dev/vda -p "In the beginning" -n 80     lets it write
    skald-smi                                        the card;  dmesg: what its driver says
    llm-bench /dev/vda                               how fast it is
    llm-run MODEL.skald --chat                       talks to a model that has a chat template

--help explains each. Files of $SKALD_ROOT are here as well. exit, or Ctrl-] twice, ends the guest.

END
}

main() {
    local model=$1
    shift
    compiled "$model"
    SKALD_WELCOME=$(welcome "$model")
    export SKALD_WELCOME
    exec "$BIN/skald-vm" --kernel "${SKALD_KERNEL:-stock}" --share "$SKALD_ROOT" --disk "$COMPILED" "$@"
}
case ${1:-} in compile_model) "$@" ;; *) main "$@" ;; esac
