#!/bin/bash
# SPDX-License-Identifier: MIT
# guest.sh PROGRAM [ARGUMENT...]: in the guest, run a test program, then unload the driver, which says how many objects it
# left; where the kernel looks for leaked memory, let it look. The status is the program's; 3 if the driver does not go,
# or not within a minute; leaks are in the kernel log.
KMEMLEAK=/sys/kernel/debug/kmemleak

# A process that hangs in the kernel cannot be killed, and must not be waited for.
unload() {
    rmmod skald &
    local pid=$! i
    for ((i = 0; i < 600; i++)); do
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    ((i < 600)) && wait $pid
}

"$@"
status=$?
if [[ -e /sys/module/skald ]] && ! unload; then
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
