// SPDX-License-Identifier: MIT
// Tables of prefill steps, as uapi/doc/program.md reads them.
#include "libskald/step_plan.hpp"

#include <algorithm>

namespace skald::rt {
namespace {

class RowWriter {
  public:
    explicit RowWriter(DecoderMemory& memory) : memory_(memory) {}

    void add(const Run& run, std::size_t index) {
        const TokenId token = run.tokens[index];
        const std::uint32_t position = run.first + static_cast<std::uint32_t>(index);
        memory_.tokens.items[rows_] = token;
        memory_.rows.items[rows_++] = {run.sequence, position};
        memory_.history_of(run.sequence, position) = token;
    }
    [[nodiscard]] std::uint32_t rows() const { return rows_; }

  private:
    DecoderMemory& memory_;
    std::uint32_t rows_ = 0;
};

}  // namespace

std::uint32_t write_prefill(DecoderMemory& memory, std::span<const Run> runs, std::uint32_t chunk,
                            bool select) {
    RowWriter writer(memory);
    for (const Run& run : runs)
        for (std::size_t i = 0; i + 1 < run.tokens.size(); i++)
            writer.add(run, i);
    for (const Run& run : runs)
        writer.add(run, run.tokens.size() - 1);
    // The short step comes first, so that the last one has room for the last rows of all.
    const std::uint32_t count = writer.rows();
    std::uint32_t steps = 0, rows = 0;
    for (std::uint32_t left = count; left != 0; left -= rows) {
        rows = left % chunk == 0 ? chunk : left % chunk;
        memory.steps.items[steps++] = {rows, 0};
    }
    if (select) {
        const auto chosen = static_cast<std::uint32_t>(runs.size());
        memory.steps.items[steps - 1].selected = chosen;
        for (std::uint32_t i = 0; i < chosen; i++)
            memory.select.items[i] = rows - chosen + i;
    }
    return steps;
}

std::uint32_t write_scoring(DecoderMemory& memory, const Run& run, std::uint32_t chunk) {
    RowWriter writer(memory);
    const auto count = static_cast<std::uint32_t>(run.tokens.size());
    std::uint32_t steps = 0;
    for (std::uint32_t at = 0; at < count; at += chunk, steps++) {
        const std::uint32_t rows = std::min(chunk, count - at);
        memory.steps.items[steps] = {rows, rows};
        for (std::uint32_t row = 0; row < rows; row++) {
            memory.select.items[at + row] = row;
            writer.add(run, at + row);
        }
    }
    return steps;
}

}  // namespace skald::rt
