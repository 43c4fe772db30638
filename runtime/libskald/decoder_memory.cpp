// SPDX-License-Identifier: MIT
// One card buffer is carved into tables: a first pass measures, a second one hands out.
#include "libskald/decoder_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "libskald/error.hpp"

namespace skald::rt {

class DecoderMemory::Layout {
  public:
    Layout() = default;  // measures
    Layout(std::uint64_t va, std::span<std::byte> memory) : va_(va), memory_(memory) {}

    template <class T>
    void take(Table<T>& table, std::uint64_t count) {
        const std::uint64_t at = advance(count * sizeof(T));
        if (memory_.empty())
            return;
        table.va = va_ + at;
        table.items = {reinterpret_cast<T*>(memory_.data() + at), count};
    }
    [[nodiscard]] std::uint64_t advance(std::uint64_t bytes) {
        const std::uint64_t at = used_;
        used_ += (bytes + kAlign - 1) / kAlign * kAlign;
        return at;
    }
    [[nodiscard]] std::uint64_t used() const { return used_; }

  private:
    static constexpr std::uint64_t kAlign = 64;  // the strictest the ISA asks for

    std::uint64_t va_ = 0;
    std::span<std::byte> memory_;
    std::uint64_t used_ = 0;
};

namespace {

std::uint32_t blocks_for(std::uint32_t positions) {
    return static_cast<std::uint32_t>(isa::ceil_div(positions, isa::kKvPositions));
}

Buffer allocate(const Model& model, std::uint64_t bytes, std::size_t sequences) {
    Device& device = model.device();
    const std::uint64_t model_bytes =
        model.program_va() - model.weights_va() + model.program().size_bytes();
    try {
        return Buffer::card(device, bytes);
    } catch (const Error& error) {
        if (error.code() != ENOSPC)
            throw;
        // What others have there counts for nothing: it would make room.
        throw Error(fmt::format("the keys and values of {} sequence{} do not fit: they need {} MiB "
                                "beside the {} MiB of the model, the card has {} MiB of memory, "
                                "some of it for its firmware",
                                sequences, sequences == 1 ? "" : "s", bytes >> 20,
                                model_bytes >> 20, device.info().mem_size >> 20),
                    ENOSPC);
    }
}

}  // namespace

void DecoderMemory::lay_out(const Model& model, std::size_t sequences_n, std::uint64_t positions,
                            Layout& layout) {
    const container::ModelInfo& info = model.info();
    Table<std::byte> arguments;
    layout.take(arguments, kArgumentBytes);
    if (!arguments.items.empty())
        args = ArgumentBlock(arguments.items);
    args_va = arguments.va;
    layout.take(sequences, sequences_n);
    layout.take(blocks, sequences_n * info.blocks_per_sequence);
    layout.take(history, sequences_n * info.context);
    layout.take(decode_tokens, sequences_n);
    layout.take(decode_table, sequences_n);
    layout.take(steps, positions);
    layout.take(tokens, positions);
    layout.take(rows, positions);
    layout.take(select, positions);
    layout.take(targets, positions);
    layout.take(log_probs, positions);
    layout.take(profile, model.program().size());
    layout.take(profile_model, model.program().size());
    Table<std::byte> work;
    layout.take(work, info.workspace_bytes);
    work_va = work.va;
}

// Each sequence has blocks of its own, for as long as the batch lives.
void DecoderMemory::assign_blocks(std::span<const std::uint32_t> positions,
                                  std::uint32_t per_sequence) {
    // Beyond the pool: a position that has no room faults instead of using another's.
    std::ranges::fill(blocks.items, UINT32_MAX);
    std::uint32_t next = 0;
    for (std::size_t q = 0; q < positions.size(); q++) {
        first_blocks_.push_back(next);
        for (std::uint32_t i = 0; i < blocks_for(positions[q]); i++)
            blocks.items[q * per_sequence + i] = next++;
    }
}

DecoderMemory::DecoderMemory(Model& model, std::span<const std::uint32_t> positions,
                             std::uint32_t dump_rows)
    : context_(model.info().context), block_bytes_(model.info().block_bytes) {
    const container::ModelInfo& info = model.info();
    Device& device = model.device();
    AddressSpace& space = model.space();
    std::uint64_t all = 0;
    for (const std::uint32_t room : positions) {
        all += room;
        kv_blocks += blocks_for(room);
    }

    Layout measure;
    lay_out(model, positions.size(), all, measure);
    state_ = Buffer::card(device, measure.used());
    state_binding_ = Binding(space, state_);
    Layout hand_out(state_binding_.va(), state_.map());
    lay_out(model, positions.size(), all, hand_out);
    assign_blocks(positions, info.blocks_per_sequence);

    kv_ = allocate(model, kv_blocks * info.block_bytes, positions.size());
    kv_binding_ = Binding(space, kv_);
    kv_va = kv_binding_.va();

    const std::uint64_t entries = std::bit_ceil<std::uint64_t>(std::max<std::uint64_t>(all, 2));
    ring_ = Buffer::system(device, entries * sizeof(skald_token));
    ring_binding_ = Binding(space, ring_);
    ring = {ring_binding_.va(), {reinterpret_cast<skald_token*>(ring_.map().data()), entries}};

    if (dump_rows != 0) {
        const std::uint64_t floats = std::uint64_t{dump_rows} * info.vocabulary;
        dump_ = Buffer::system(device, floats * sizeof(float));
        dump_binding_ = Binding(space, dump_);
        dump = {dump_binding_.va(), {reinterpret_cast<float*>(dump_.map().data()), floats}};
    }
}

}  // namespace skald::rt
