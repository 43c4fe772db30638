// SPDX-License-Identifier: MIT
// The arithmetic of the micro-ops as a table of functions, one table per SIMD path, all with the
// same bits. Kernels see plain pointers to pieces of a row or a tile; who cuts the pieces, checks
// addresses and spreads them over workers lives in ops/.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "card/compute/weights.hpp"
#include "card/options.hpp"
#include "skald/isa.hpp"

namespace skald::card::compute {

// A row is processed in pieces of at most this many elements; all but the last are this long.
inline constexpr std::uint32_t kPiece = 4096;
inline constexpr unsigned kMaxColumns = 8;   // activation columns of one matmul call
inline constexpr unsigned kMaxQueries = 16;  // query heads of one attention call
// What attend_narrow() takes: k_dim and v_dim.
inline constexpr std::uint32_t kNarrowHeadDim = 8;
inline constexpr unsigned kNarrowQueries = 16;

using MatmulInteger = void (*)(const IntegerCall& call);

struct MatmulFloat {
    const void* w = nullptr;  // TileF16 or TileF32
    std::uint32_t tiles = 0;
    unsigned columns = 0;
    const float* x = nullptr;  // padded to whole tiles with +0
    std::size_t x_stride = 0;  // elements
    float* acc = nullptr;
};

// What a norm makes of a group's sums: y = ((x - mean) * r) * gain + bias, those that are null left
// out. An RMS norm has mean +0, which changes no x.
struct NormTerms {
    float mean = 0;
    float r = 0;
    const float* gain = nullptr;
    const float* bias = nullptr;
};

// Of a function of ACT or GLU: imm_f32(0) and imm_f32(1). No std::array: its members could be
// compiled for one path and be shared with another.
struct Parameters {
    float p0 = 0;
    float p1 = 0;
};
inline constexpr std::size_t kActivations =
    static_cast<std::size_t>(isa::Activation::SwigluClamped) + 1;

// A softmax-weighted sum over some positions: of one chunk, or of all chunks so far.
struct AttentionPart {
    float* o = nullptr;  // [v_dim], room for whole vectors of 16
    float max = 0;
    float sum = 0;  // at least 1 once there are positions: 0 says there are none
};

// One query head against one chunk of 256 positions of its KV head.
struct AttentionQuery {
    const float* q = nullptr;
    const std::int8_t* numbers = nullptr;  // KvFormat::I8: q quantised, with its scale and sum
    float scale = 0;
    std::int32_t numbers_sum = 0;
    std::uint32_t hidden = 0;   // positions at the chunk's start that are before its window
    std::uint32_t visible = 0;  // end of the positions it attends to, hidden + 1 .. 256
    AttentionPart part;         // o is given, the rest comes out
};

struct AttentionChunk {
    // As isa.hpp lays out a KV block, by tile of 16 and block of 64 positions.
    const std::byte* k[isa::kAttentionChunk / isa::kKvTile];
    const std::byte* v[isa::kAttentionChunk / isa::kKvPositions];
    const float* k_scale[isa::kAttentionChunk / isa::kKvPositions];  // KvFormat::I8
    const float* v_scale[isa::kAttentionChunk / isa::kKvPositions];
    // All of it probably lies in memory, not in a cache: to be asked for early. Then also where the
    // blocks of the next chunk begin; null: unknown.
    bool far = false;
    const std::byte* next[isa::kAttentionChunk / isa::kKvPositions];
    std::uint32_t k_dim = 0, v_dim = 0;
    float scale = 0;
    float soft_cap = 0;  // 0: none
};

// Each query's part of a chunk, n at most kMaxQueries. Bit i is set where a score of query i is not
// finite; then the parts are undefined.
using Attend = unsigned (*)(const AttentionChunk& chunk, AttentionQuery* queries, unsigned n);
inline constexpr std::size_t kKvFormats = static_cast<std::size_t>(isa::KvFormat::F32) + 1;

// CONV's taps that are not left out, for some columns: weights and inputs of each, and the bias.
struct Taps {
    const float* w[isa::kMaxTaps] = {};
    const float* x[isa::kMaxTaps] = {};
    unsigned count = 0;
    const float* bias = nullptr;  // null: none
};

struct Kernels {
    Simd simd;

    // QUANT of n <= kPiece elements; the last block is padded with zeros. False: not finite.
    bool (*quant)(const float* x, std::uint32_t n, std::int8_t* q, float* d, std::int32_t* s);
    void (*dequant)(const std::int8_t* q, const float* d, float* y, std::uint32_t n);
    // QUANT with one scale a row: the largest magnitude of a piece (false: not finite), then the
    // numbers for id = 127 / amax, padded to 32, and their sum.
    bool (*abs_max)(const float* x, std::uint32_t n, float& max);
    std::int32_t (*quant_by)(const float* x, float id, std::uint32_t n, std::int8_t* q);
    void (*dequant_by)(const std::int8_t* q, float d, float* y, std::uint32_t n);
    // The sum of each 32 of n (a multiple) numbers.
    void (*sums)(const std::int8_t* q, std::uint32_t n, std::int32_t* s);

    // Activations to the order that the integer matmul of a format reads, see ActivationLayout: n a
    // multiple of 64. step: bytes from 64 to the next.
    std::size_t (*activation_bytes)(const isa::WeightInfo& info);  // per 64
    void (*pack)(const isa::WeightInfo& info, const std::int8_t* q, const float* d,
                 const std::int32_t* s, std::uint32_t n, std::byte* packed, std::size_t step);
    std::array<MatmulInteger, isa::kWeights.size()> integer;  // by weight_index(), null for floats
    unsigned (*group)(isa::WeightFormat format,
                      unsigned columns);  // columns of a group, of so many
    // The end of sums of kRow, for 16 outputs of some columns: acc = f32(isum - sum) * (scale * d),
    // in place.
    void (*finish_row)(float* acc, std::size_t stride, const float* scale, const std::int32_t* sum,
                       const float* d, std::uint32_t columns);
    void (*matmul_f16)(const MatmulFloat& m);
    void (*matmul_f32)(const MatmulFloat& m);
    void (*finish)(const MatmulEnd& end);

    // Rows, in pieces. Lanes carry the 16 partial results from piece to piece; squares are those of
    // x - mean.
    void (*sum)(const float* x, std::uint32_t n, float* lanes);
    void (*sum_squares)(const float* x, float mean, std::uint32_t n, float* lanes);
    void (*normalise)(const float* x, const NormTerms& terms, float* y, std::uint32_t n);
    // a + (b * s), (a * b) * s, (x * first) * second. A factor of 1 changes nothing.
    void (*add)(const float* a, const float* b, float s, float* y, std::uint32_t n);
    void (*multiply)(const float* a, const float* b, float s, float* y, std::uint32_t n);
    void (*scale)(const float* x, float first, float second, float* y, std::uint32_t n);
    void (*scale_add)(const float* x, float s, float* y, std::uint32_t n);  // y = fma(s, x, y)
    // By isa::Activation, null where the micro-op lacks it: ACT's and GLU's.
    std::array<void (*)(const float* x, const Parameters& p, float* y, std::uint32_t n),
               kActivations>
        activate;
    std::array<void (*)(const float* gate, const float* up, const Parameters& p, float* y,
                        std::uint32_t n),
               kActivations>
        gate;
    // Rotates the first 2 * half elements of each head in place.
    void (*rope)(float* x, std::uint32_t heads, std::uint32_t head_dim, const float* cosines,
                 const float* sines, std::uint32_t half);
    void (*convolve)(const Taps& taps, float* y, std::uint32_t n);
    // False: overflow to infinity, or not a number to begin with.
    bool (*to_half)(const float* x, std::uint16_t* y, std::uint32_t n);

    std::array<Attend, kKvFormats> attend;  // by isa::KvFormat, of which none is 0
    // Narrow heads in f16 without a soft-cap, n at most kNarrowQueries; sooner than `attend` with
    // more than half.
    Attend attend_narrow;
    // The next chunk's part into that of all before it; neither is empty.
    void (*merge_part)(const AttentionPart& part, AttentionPart& all, std::uint32_t v_dim);
    void (*attention_result)(const float* o, float sum, float* y, std::uint32_t n);

    // Selection. row_max is max16 over a piece and returns false at NaN or +inf; z = x / divisor.
    void (*divide)(const float* x, float divisor, float* z, std::uint32_t n);
    bool (*row_max)(const float* x, std::uint32_t n, float* lanes);
    // w = exp(z - max), summed into lanes; w may be null.
    void (*exp_sum)(const float* z, float max, float* w, std::uint32_t n, float* lanes);
    // First index from `from` on of x > limit, n if none.
    std::uint32_t (*find_above)(const float* x, float limit, std::uint32_t from, std::uint32_t n);
};

// What the amx path has of its own: products of several columns. The rest is the avx512 path's.
struct AmxProducts {
    decltype(Kernels::integer) integer;
    decltype(Kernels::group) group;
};

// Whether processor and operating system have it. Asks the latter for the use of AMX tiles.
[[nodiscard]] bool supported(Simd simd);
[[nodiscard]] Simd best_simd();

// The table of a path. Null, with a sentence in error, if this processor cannot run it.
[[nodiscard]] const Kernels* find_kernels(std::optional<Simd> simd, std::string& error);

// One per path, in kernels_<path>.cpp. Calling into one the processor lacks is an illegal
// instruction: go through find_kernels().
extern const Kernels kScalarKernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const AmxProducts kAmxProducts;

}  // namespace skald::card::compute
