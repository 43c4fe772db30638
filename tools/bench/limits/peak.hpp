// SPDX-License-Identifier: MIT
// How many 8-bit multiply-adds this machine does right now: the yardstick for matrix-matrix work.
#pragma once

namespace skald::bench {

// Multiply-accumulates of 8-bit numbers per second of `threads` threads that do nothing else, on
// registers: vpdpbusd where the processor has AVX-512 VNNI, else vpmaddubsw and vpmaddwd of AVX2;
// 0 where it has neither.
double int8_peak(unsigned threads);

}  // namespace skald::bench
