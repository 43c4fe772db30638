// SPDX-License-Identifier: MIT
// The arithmetic of the micro-ops as a table of functions, one table per SIMD path, all with the
// same bits. Kernels see plain pointers to pieces of a row or a tile; who cuts the pieces, checks
// addresses and spreads them over workers lives in the sequencer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "card/options.hpp"
#include "skald/isa.hpp"

namespace skald::card::compute {

// A row is processed in pieces of at most this many elements; all but the last are this long.
inline constexpr std::uint32_t kPiece = 4096;
inline constexpr unsigned kMaxColumns = 8;  // activation columns of one matmul call
inline constexpr unsigned kMaxQueries = 8;  // query heads of one attention call

// One row tile (16 outputs) of MATMUL over a range of k tiles, for some activation columns.
struct MatmulInt8 {
    const isa::TileI8B32* w = nullptr;  // `tiles` of them, adjacent
    std::uint32_t tiles = 0;
    unsigned columns = 0;                // 1 .. kMaxColumns
    const std::byte* q = nullptr;        // activations as Kernels::pack laid them out
    std::size_t q_stride = 0;            // bytes from column to column
    const float* d = nullptr;            // scale of each block, 2 per tile
    const std::int32_t* bias = nullptr;  // -128 * sum of the block's q: undoes the unsigned weights
    std::size_t block_stride = 0;        // elements of d and bias from column to column
    float* acc = nullptr;                // [columns][16], in and out
};

struct MatmulFloat {
    const void* w = nullptr;  // TileF16 or TileF32
    std::uint32_t tiles = 0;
    unsigned columns = 0;
    const float* x = nullptr;  // padded to whole tiles with +0
    std::size_t x_stride = 0;  // elements
    float* acc = nullptr;
};

// One query head against one chunk of 256 positions of its KV head.
struct AttentionQuery {
    const float* q = nullptr;
    float* o = nullptr;         // [head_dim], state across chunks
    float max = 0;              // state
    float sum = 0;              // state
    std::uint32_t visible = 0;  // positions of this chunk it attends to, 1 .. 256
};

struct AttentionChunk {
    const std::uint16_t* k[isa::kAttentionChunk / isa::kKvTile];       // [head_dim][16] each
    const std::uint16_t* v[isa::kAttentionChunk / isa::kKvPositions];  // [64][head_dim] each
    std::uint32_t head_dim = 0;
    float scale = 0;
    bool first = false;  // queries have no state yet
};

struct Kernels {
    Simd simd;

    // QUANT of n <= kPiece elements; the last block is padded with zeros. False: not finite.
    bool (*quant)(const float* x, std::uint32_t n, std::int8_t* q, float* d, std::int32_t* s);
    void (*dequant)(const std::int8_t* q, const float* d, float* y, std::uint32_t n);

    // int8 activations to the order matmul_int8 reads; n a multiple of 64.
    std::size_t packed_bytes;  // per element
    void (*pack)(const std::int8_t* q, std::uint32_t n, std::byte* packed);
    void (*matmul_int8)(const MatmulInt8& m);
    void (*matmul_f16)(const MatmulFloat& m);
    void (*matmul_f32)(const MatmulFloat& m);
    // The end of a matmul for n <= 16 outputs: y = [y +] (acc [+ bias]).
    void (*finish)(const float* acc, const float* bias, bool accumulate, float* y, unsigned n);

    // Rows, in pieces. Lanes carry the 16 partial results from piece to piece.
    void (*sum_squares)(const float* x, std::uint32_t n, float* lanes);
    void (*scale_gain)(const float* x, float r, const float* gain, float* y, std::uint32_t n);
    void (*add)(const float* a, const float* b, float* y, std::uint32_t n);
    void (*silu)(const float* gate, const float* up, float* y, std::uint32_t n);
    // Rotates the first 2 * half elements of a head in place.
    void (*rope)(float* x, const float* cosines, const float* sines, std::uint32_t half);
    // False: overflow to infinity, or not a number to begin with.
    bool (*to_half)(const float* x, std::uint16_t* y, std::uint32_t n);

    // False: a score is not finite.
    bool (*attend)(const AttentionChunk& chunk, AttentionQuery* queries, unsigned n);
    void (*attention_result)(const float* o, float sum, float* y, std::uint32_t n);

    // Selection. row_max is max16 over a piece and returns false at NaN or +inf; z = x / divisor.
    void (*divide)(const float* x, float divisor, float* z, std::uint32_t n);
    bool (*row_max)(const float* x, std::uint32_t n, float* lanes);
    // w = exp(z - max), summed into lanes; w may be null.
    void (*exp_sum)(const float* z, float max, float* w, std::uint32_t n, float* lanes);
    // First index from `from` on of x > limit, n if none.
    std::uint32_t (*find_above)(const float* x, float limit, std::uint32_t from, std::uint32_t n);
};

[[nodiscard]] bool supported(Simd simd);
[[nodiscard]] Simd best_simd();

// The table of a path. Null, with a sentence in error, if this processor cannot run it.
[[nodiscard]] const Kernels* find_kernels(std::optional<Simd> simd, std::string& error);

// One per path, in kernels_<path>.cpp. Calling into one the processor lacks is an illegal
// instruction: go through find_kernels().
extern const Kernels kScalarKernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;

}  // namespace skald::card::compute
