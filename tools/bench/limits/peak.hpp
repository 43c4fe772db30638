// SPDX-License-Identifier: MIT
// How many 8-bit multiply-adds this machine does right now: the yardstick for matrix-matrix work.
#pragma once

namespace skald::bench {

// Multiply-accumulates of 8-bit numbers per second of `threads` threads that do nothing else, on
// vector registers: vpdpbusd where the processor has AVX-512 VNNI, else vpmaddubsw and vpmaddwd of
// AVX2; 0 where it has neither.
double int8_peak(unsigned threads);

// The same on AMX tiles, 64 k deep; 0 where the processor or the operating system has none. Weights
// with a scale for each 32 k cannot come near it: their tiles are half empty, and every sum of 32
// takes three vector operations besides.
double int8_tile_peak(unsigned threads);

}  // namespace skald::bench
