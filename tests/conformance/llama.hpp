// SPDX-License-Identifier: MIT
// A small random Llama made of micro-ops: enough of a decoder to check that results do not depend
// on how its work is cut. Its shape is awkward on purpose: nothing is a multiple of a tile.
#pragma once

#include <vector>

#include "rig.hpp"

namespace skald::test {

class Llama {
  public:
    static constexpr std::uint32_t kVocabulary = 301;
    static constexpr std::uint32_t kDim = 72;
    static constexpr std::uint32_t kHeads = 6;
    static constexpr std::uint32_t kKvHeads = 2;
    static constexpr std::uint32_t kHeadDim = 12;
    static constexpr std::uint32_t kHidden = 100;
    static constexpr std::uint32_t kLayers = 2;
    static constexpr std::uint32_t kContext = 320;
    static constexpr std::uint32_t kSequences = 3;
    static constexpr std::uint32_t kMaxRows = 320;

    explicit Llama(Rig& rig);

    // Logits of all rows; KV of their positions is appended. preempt: after every micro-op the
    // engine reaches while it is asked to.
    std::vector<float> forward(const std::vector<std::uint32_t>& tokens,
                               const std::vector<isa::Row>& rows, bool preempt = false);

    // The program, and a job for it.
    [[nodiscard]] const std::vector<isa::MicroOp>& program() const { return program_; }
    card::JobDesc job(const std::vector<isa::MicroOp>& program,
                      const std::vector<std::uint32_t>& tokens, const std::vector<isa::Row>& rows);

  private:
    void add(const isa::MicroOp& op) { program_.push_back(op); }
    std::uint64_t weights(std::uint32_t n, std::uint32_t k);
    void norm(std::uint64_t x, std::uint64_t y);
    void matmul(std::uint32_t n, std::uint32_t k, std::uint64_t x, std::uint64_t y,
                std::uint8_t flags, std::uint64_t x_pitch = 0);
    void layer(std::uint32_t number);

    Rig& rig_;
    std::uint64_t seed_ = 5;
    std::vector<isa::MicroOp> program_;
    std::uint64_t tokens_, rows_, x_, h_, qkv_, att_, gate_up_, logits_, pool_, table_, angles_;
};

}  // namespace skald::test
