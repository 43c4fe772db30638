// SPDX-License-Identifier: MIT
// Rows of f32 in pieces that kernels take.
#pragma once

#include <algorithm>
#include <cstdint>

#include "card/ops/machine.hpp"

namespace skald::card {

// A worker's room for pieces of operands that are scattered over pages.
struct F32Buffers {
    float a[compute::kPiece];
    float b[compute::kPiece];
    float c[compute::kPiece];
    float y[compute::kPiece];

    static F32Buffers& of(const Worker& worker) {
        return *reinterpret_cast<F32Buffers*>(worker.buffer());
    }
};
static_assert(sizeof(F32Buffers) <= Worker::kBufferBytes);

inline std::uint32_t piece_length(std::uint64_t total, std::uint64_t first) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(compute::kPiece, total - first));
}

}  // namespace skald::card
