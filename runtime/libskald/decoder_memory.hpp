// SPDX-License-Identifier: MIT
// The buffers that the decoder program (skald/program.hpp) works on for the sequences of a batch:
// where each table lies, its address for the card and its bytes for us. No policy.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "libskald/address_space.hpp"
#include "libskald/argument_block.hpp"
#include "libskald/buffer.hpp"
#include "libskald/model.hpp"
#include "skald/program.hpp"
#include "skald/ring.h"

namespace skald::rt {

// A table in card memory.
template <class T>
struct Table {
    std::uint64_t va = 0;
    std::span<T> items;
};

class DecoderMemory {
  public:
    // positions: how far each sequence may grow. dump_rows: logits rows held at a time, may be 0.
    DecoderMemory(Model& model, std::span<const std::uint32_t> positions, std::uint32_t dump_rows);

    // The token at a position that the sequence has, as the card remembers it.
    [[nodiscard]] std::uint32_t& history_of(std::uint32_t sequence, std::uint32_t position) {
        return history.items[std::size_t{sequence} * context_ + position];
    }

    // The blocks of a sequence lie side by side: their address.
    [[nodiscard]] std::uint64_t kv_of(std::uint32_t sequence) const {
        return kv_va + first_blocks_[sequence] * block_bytes_;
    }

    ArgumentBlock args;
    std::uint64_t args_va = 0;
    Table<isa::Sequence> sequences;      // [sequences]
    Table<std::uint32_t> blocks;         // [sequences][blocks_per_sequence]
    Table<std::uint32_t> history;        // [sequences][context]
    Table<std::uint32_t> decode_tokens;  // [sequences]
    Table<isa::Row> decode_table;        // [sequences]
    // [positions of all sequences] each, since a step may have a single row
    Table<program::StepDesc> steps;
    Table<std::uint32_t> tokens;
    Table<isa::Row> rows;
    Table<std::uint32_t> select;
    Table<std::uint32_t> targets;
    Table<float> log_probs;
    Table<skald_profile> profile;              // [micro-ops of the program]
    Table<skald_profile_model> profile_model;  // likewise, behind it: SKALD_PROFILE_MODEL
    std::uint64_t work_va = 0;

    std::uint64_t kv_va = 0;
    std::uint32_t kv_blocks = 0;

    Table<const skald_token> ring;  // system memory, a power of two
    Table<const float> dump;        // system memory, [dump_rows * vocabulary]

  private:
    class Layout;
    void lay_out(const Model& model, std::size_t sequences, std::uint64_t positions,
                 Layout& layout);
    void assign_blocks(std::span<const std::uint32_t> positions, std::uint32_t per_sequence);

    std::uint32_t context_;
    std::uint64_t block_bytes_;
    std::vector<std::uint64_t> first_blocks_;  // of each sequence in the pool
    Buffer state_, kv_, ring_, dump_;
    Binding state_binding_, kv_binding_, ring_binding_, dump_binding_;
};

}  // namespace skald::rt
