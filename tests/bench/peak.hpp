// SPDX-License-Identifier: MIT
// How many 8-bit multiply-adds this machine does right now: the yardstick for matrix-matrix work.
#pragma once

namespace skald::bench {

// Multiply-accumulates per second of `threads` threads that do nothing but vpdpbusd on registers;
// 0 where the processor has no AVX-512 VNNI.
double int8_peak(unsigned threads);

}  // namespace skald::bench
