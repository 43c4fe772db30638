#!/bin/bash
# SPDX-License-Identifier: MIT
# guest.sh PROGRAM [ARGUMENT...]: in the guest, run a test program, then unload the driver, which says how many objects it
# left; where the kernel looks for leaked memory, let it look. The status is the program's; 3 if the driver does not go;
# leaks are in the kernel log.
KMEMLEAK=/sys/kernel/debug/kmemleak

"$@"
status=$?
if [[ -e /sys/module/skald ]] && ! rmmod skald; then
    echo "guest.sh: the driver cannot be unloaded" >&2
    ((status)) || status=3
fi
if [[ -w $KMEMLEAK ]]; then
    # An object is suspect from the age of five seconds, and counts when it did not change between two scans.
    echo scan >"$KMEMLEAK"
    sleep 6
    echo scan >"$KMEMLEAK"
    cat "$KMEMLEAK" >&2
fi
exit $status
