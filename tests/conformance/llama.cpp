// SPDX-License-Identifier: MIT
// The model's buffers, weights and program.
#include "llama.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "oracle.hpp"
#include "setup.hpp"

namespace skald::test {
namespace {

constexpr std::uint32_t kQkv = (Llama::kHeads + 2 * Llama::kKvHeads) * Llama::kHeadDim;
constexpr std::uint32_t kKvDim = Llama::kKvHeads * Llama::kHeadDim;
constexpr std::uint32_t kQDim = Llama::kHeads * Llama::kHeadDim;
constexpr std::uint32_t kEntries = 8;  // blocks of a sequence
constexpr std::uint32_t kBlocks = kEntries * Llama::kSequences;
constexpr auto kLayerBytes =
    isa::kv_layer_bytes(isa::KvFormat::F16, Llama::kKvHeads, Llama::kHeadDim);
constexpr std::uint64_t kQkvPitch = (kQkv * 4 + 15) / 16 * 16 + 16;

}  // namespace

Llama::Llama(Rig& rig) : rig_(rig) {
    std::vector<std::uint32_t> blocks(kBlocks);
    std::iota(blocks.begin(), blocks.end(), 0u);
    std::shuffle(blocks.begin(), blocks.end(), std::mt19937(3));
    table_ = rig.put(blocks);
    pool_ = rig.alloc(kBlocks * kLayers * kLayerBytes, 64);
    std::vector<float> angles;
    for (std::uint32_t p = 0; p < kContext; ++p)
        for (int part = 0; part < 2; ++part)
            for (std::uint32_t i = 0; i < kHeadDim / 2; ++i) {
                const double a = p * std::pow(10000.0, -2.0 * i / kHeadDim);
                angles.push_back(static_cast<float>(part == 0 ? std::cos(a) : std::sin(a)));
            }
    angles_ = rig.put(angles);
    tokens_ = rig.alloc(kMaxRows * 4);
    rows_ = rig.alloc(kMaxRows * 8);
    x_ = rig.alloc(kMaxRows * kDim * 4, 4);
    h_ = rig.alloc(kMaxRows * kDim * 4);
    qkv_ = rig.alloc(kMaxRows * kQkvPitch, 4080);
    att_ = rig.alloc(kMaxRows * kQDim * 4);
    gate_up_ = rig.alloc(kMaxRows * kHidden * 2 * 4);
    logits_ = rig.alloc(kMaxRows * kVocabulary * 4);

    auto gather = make(isa::Opcode::Gather);
    gather.rows = kT;
    gather.fmt = static_cast<std::uint8_t>(isa::WeightFormat::I8B32);
    gather.dim = {kVocabulary, kDim};
    gather.op[0] = at(tokens_);
    gather.op[1] = at(weights(kVocabulary, kDim));
    gather.op[2] = at(x_);
    add(gather);
    for (std::uint32_t l = 0; l < kLayers; ++l)
        layer(l);
    norm(x_, h_);
    matmul(kVocabulary, kDim, h_, logits_, 0);
    auto end = make(isa::Opcode::End);
    end.aux = 1;
    add(end);
}

std::uint64_t Llama::weights(std::uint32_t n, std::uint32_t k) {
    return rig_.put(oracle::random_tiles(isa::WeightFormat::I8B32, n, k, seed_++), 64);
}

void Llama::norm(std::uint64_t x, std::uint64_t y) {
    auto op = make(isa::Opcode::RmsNorm);
    op.rows = kT;
    op.dim[0] = kDim;
    op.imm = f32_imm(1e-5f);
    op.op[0] = at(x);
    op.op[1] = at(rig_.put(std::vector<float>(kDim, 1.0f)));
    op.op[2] = at(y);
    add(op);
}

void Llama::matmul(std::uint32_t n, std::uint32_t k, std::uint64_t x, std::uint64_t y,
                   std::uint8_t flags, std::uint64_t x_pitch) {
    auto op = make(isa::Opcode::MatMul);
    op.rows = kT;
    op.fmt = static_cast<std::uint8_t>(isa::WeightFormat::I8B32);
    op.flags = flags;
    op.dim = {n, k};
    op.op[0] = at(x, x_pitch);
    op.op[1] = at(weights(n, k));
    op.op[2] = at(y, y == qkv_ ? kQkvPitch : 0);
    add(op);
}

void Llama::layer(std::uint32_t number) {
    const std::uint64_t k = qkv_ + kQDim * 4;
    const std::uint64_t v = k + kKvDim * 4;
    norm(x_, h_);
    matmul(kQkv, kDim, h_, qkv_, 0);
    auto rope = make(isa::Opcode::Rope);
    rope.rows = kT;
    rope.dim = {kHeads + kKvHeads, kHeadDim, kHeadDim, kContext};
    rope.op[0] = at(qkv_, kQkvPitch);
    rope.op[1] = at(angles_);
    rope.op[2] = at(rows_);
    add(rope);
    auto append = make(isa::Opcode::KvAppend);
    append.rows = kT;
    append.rb = 10;
    append.fmt = 1;
    append.dim = {kKvHeads, 0, kHeadDim, static_cast<std::uint32_t>(kLayers * kLayerBytes)};
    append.op[0] = at(k, kQkvPitch);
    append.op[1] = at(v, kQkvPitch);
    append.op[2] = at(pool_ + number * kLayerBytes);
    append.op[3] = at(rows_);
    append.op[4] = at(table_, kEntries * 4);
    add(append);
    auto attention = make(isa::Opcode::Attention);
    attention.rows = kT;
    attention.rb = 10;
    attention.fmt = 1;
    attention.dim = {kHeads, kKvHeads, kHeadDim, append.dim[3]};
    attention.imm = f32_imm(1.0f / std::sqrt(static_cast<float>(kHeadDim)));
    attention.op[0] = at(qkv_, kQkvPitch);
    attention.op[1] = append.op[2];
    attention.op[2] = at(att_);
    attention.op[3] = at(rows_);
    attention.op[4] = append.op[4];
    add(attention);
    matmul(kDim, kQDim, att_, x_, isa::kFlagAccumulate);
    norm(x_, h_);
    matmul(2 * kHidden, kDim, h_, gate_up_, 0);
    auto glu = make(isa::Opcode::Glu);
    glu.rows = kT;
    glu.aux = 1;
    glu.dim[0] = kHidden;
    glu.op[0] = at(gate_up_, 2 * kHidden * 4);
    glu.op[1] = at(gate_up_ + kHidden * 4, 2 * kHidden * 4);
    glu.op[2] = glu.op[0];
    add(glu);
    matmul(kDim, kHidden, gate_up_, x_, isa::kFlagAccumulate, 2 * kHidden * 4);
}

card::JobDesc Llama::job(const std::vector<isa::MicroOp>& program,
                         const std::vector<std::uint32_t>& tokens,
                         const std::vector<isa::Row>& rows) {
    rig_.write(tokens_, tokens.data(), tokens.size() * 4);
    rig_.write(rows_, rows.data(), rows.size() * sizeof(isa::Row));
    auto reg = with_rows(rows.size());
    reg[10] = kBlocks;
    return rig_.job(program, reg);
}

std::vector<float> Llama::forward(const std::vector<std::uint32_t>& tokens,
                                  const std::vector<isa::Row>& rows, bool preempt) {
    rig_.engine->launch(job(program_, tokens, rows));
    if (preempt)
        rig_.engine->preempt();
    auto result = rig_.events.wait_job();
    while (result.status == SKALD_CORE_PREEMPTED) {
        rig_.engine->resume(0);
        rig_.engine->preempt();
        result = rig_.events.wait_job();
    }
    if (result.status != SKALD_JOB_DONE)
        throw std::runtime_error("llama: fault " + std::to_string(result.reason) + " at " +
                                 std::to_string(result.op_index));
    return rig_.get<float>(logits_, rows.size() * kVocabulary);
}

}  // namespace skald::test
