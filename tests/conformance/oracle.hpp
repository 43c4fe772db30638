// SPDX-License-Identifier: MIT
// The arithmetic of the micro-ops as uapi/doc/isa.md states it, in the plainest C++: one element at
// a time, nothing shared with the card's kernels, no speed. What the engine computes must equal
// this bit for bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "skald/isa.hpp"

namespace skald::test::oracle {

using Floats = std::vector<float>;

float nan_to_canonical(float x);
float exp(float x);
float log(float x);
float sigmoid(float x);
float tanh(float x);
float erf(float x);
float half_to_float(std::uint16_t h);
std::uint16_t float_to_half(float f);
float sum16(const Floats& v);
float max16(const Floats& v);

// A matrix [n][k] of weights in tiles, as bytes, and the weight of an element.
std::vector<std::uint8_t> random_tiles(isa::WeightFormat format, std::uint32_t n, std::uint32_t k,
                                       std::uint64_t seed);

struct Quantised {
    std::vector<std::int8_t> q;
    Floats d;
    std::vector<std::int32_t> s;
};
Quantised quant(const Floats& row, isa::QuantGroup group = isa::QuantGroup::Block32);
Floats dequant(const std::vector<std::int8_t>& q, const Floats& d, std::uint32_t k);

// One row of y. accumulate: what y held before, or empty.
Floats matmul_integer(isa::WeightFormat format, const Quantised& x,
                      const std::vector<std::uint8_t>& tiles, std::uint32_t n, std::uint32_t k,
                      const Floats& bias, const Floats& accumulate);
Floats matmul_float(isa::WeightFormat format, const Floats& x,
                    const std::vector<std::uint8_t>& tiles, std::uint32_t n, std::uint32_t k,
                    const Floats& bias, const Floats& accumulate);
Floats gather(isa::WeightFormat format, const std::vector<std::uint8_t>& tiles, std::uint32_t k,
              std::uint32_t id);

// A row; p0 and p1 are imm_f32(0) and (1). group 0: the whole row. Gain and bias are as wide as the
// group or the row, or empty.
Floats act(isa::Activation function, const Floats& x, float p0 = 0, float p1 = 0);
Floats glu(const Floats& gate, const Floats& up, isa::Activation function = isa::Activation::Silu,
           float p0 = 0, float p1 = 0);
Floats rms_norm(const Floats& x, const Floats& gain, float eps, std::size_t group = 0);
Floats layer_norm(const Floats& x, const Floats& gain, const Floats& bias, float eps,
                  std::size_t group = 0);
Floats add(const Floats& a, const Floats& b, float s = 1);
Floats multiply(const Floats& a, const Floats& b, float s = 1);  // b: or one factor for all
void rope(float* head, const float* table_row, std::uint32_t rot_dim);

// Keys [position][k_dim] and values [position][v_dim] of one KV head of a sequence, in one of the
// formats.
struct Cache {
    isa::KvFormat format = isa::KvFormat::F16;
    std::uint32_t v_dim = 0;
    std::vector<std::uint16_t> k, v;                // F16
    Floats k_floats, v_floats;                      // F32
    std::vector<std::int8_t> k_numbers, v_numbers;  // I8
    Floats k_scale, v_scale;
};
// A query head at position `positions` - 1.
struct AttentionRow {
    std::uint32_t positions;
    std::uint32_t window = 0;  // positions it attends to, 0 = all
    float scale = 1.0f;
    float cap = 0.0f;  // 0: none
    std::optional<float> sink = {};
};
Floats attention(const Floats& q, const Cache& cache, const AttentionRow& row);

std::uint32_t argmax(const Floats& logits);
std::uint32_t sample(const Floats& logits, const isa::Sequence& sequence, std::uint32_t position,
                     const std::vector<std::uint32_t>& history);
float logprob(const Floats& logits, std::uint32_t target);

// ROUTE of all rows, and what COMBINE makes of one; y: what it held before, or zeros. No weights:
// NO_WEIGHT.
struct Router {
    isa::Score score = isa::Score::Softmax;
    std::uint8_t flags = 0;
    std::uint32_t experts = 0, chosen = 0, groups = 0, groups_kept = 0;
    float scale = 1, eps = 0;
    Floats bias = {};
};
struct Routing {
    std::vector<std::uint32_t> offsets, list, slots;
    Floats weights;
};
Routing route(const Router& router, const std::vector<Floats>& rows);
Floats combine(const std::vector<Floats>& x, const Floats& weights,
               const std::vector<std::uint32_t>& slots, Floats y);

}  // namespace skald::test::oracle
