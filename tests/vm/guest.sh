#!/bin/bash
# SPDX-License-Identifier: MIT
# guest.sh RESULTS PROGRAM FILTER: in the guest, run a test program, then unload the driver, which says how many objects
# it left. The status is the program's; 3 if the driver does not go.
"$2" --gtest_filter="$3" --gtest_output="xml:$1" --gtest_brief=1
status=$?
if [[ -e /sys/module/skald ]] && ! rmmod skald; then
    echo "guest.sh: the driver cannot be unloaded" >&2
    ((status)) || status=3
fi
exit $status
