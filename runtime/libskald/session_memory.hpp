// SPDX-License-Identifier: MIT
// The buffers one session gives the decoder program (skald/program.hpp): where each table lies, its
// address for the card and its bytes for us. No policy.
#pragma once

#include <cstdint>
#include <span>

#include "libskald/address_space.hpp"
#include "libskald/argument_block.hpp"
#include "libskald/buffer.hpp"
#include "libskald/model.hpp"
#include "skald/program.hpp"
#include "skald/ring.h"

namespace skald::rt {

// A table in a session's card memory.
template <class T>
struct Table {
    std::uint64_t va = 0;
    std::span<T> items;
};

class SessionMemory {
  public:
    // positions: how far the sequence may grow. dump_rows: logits rows held at a time, may be 0.
    SessionMemory(Model& model, std::uint32_t positions, std::uint32_t dump_rows);

    ArgumentBlock args;
    std::uint64_t args_va = 0;
    Table<isa::Sequence> sequences;      // [1]
    Table<std::uint32_t> blocks;         // [blocks_per_sequence]
    Table<std::uint32_t> history;        // [context]
    Table<std::uint32_t> decode_tokens;  // [1]
    Table<isa::Row> decode_table;        // [1]
    Table<program::StepDesc> steps;      // [positions] each, since a step may have a single row
    Table<std::uint32_t> tokens;
    Table<isa::Row> rows;
    Table<std::uint32_t> select;
    Table<std::uint32_t> targets;
    Table<float> log_probs;
    Table<skald_profile> profile;  // [micro-ops of the program]
    std::uint64_t work_va = 0;

    std::uint64_t kv_va = 0;
    std::uint32_t kv_blocks = 0;

    Table<const skald_token> ring;  // system memory, a power of two
    Table<const float> dump;        // system memory, [dump_rows * vocabulary]

  private:
    class Layout;
    void lay_out(const Model& model, std::uint32_t positions, Layout& layout);

    Buffer state_, kv_, ring_, dump_;
    Binding state_binding_, kv_binding_, ring_binding_, dump_binding_;
};

}  // namespace skald::rt
