// SPDX-License-Identifier: MIT
// Steps of the decoder program, as the runtime cuts them.
#include "bench/traffic.hpp"

#include <algorithm>
#include <string_view>

#include "skald/isa.hpp"

namespace skald::bench {
namespace {

// The matrices of the vocabulary: embedding and head, or one that is both.
bool of_vocabulary(const container::TensorEntry& tensor, const container::ModelInfo& info) {
    return tensor.n == info.vocabulary && tensor.k == info.hidden;
}

bool is_embedding(const container::TensorEntry& tensor) {
    const std::string_view name(tensor.name);
    return name.find("embd") != name.npos || name.find("embed") != name.npos;
}

}  // namespace

Traffic::Traffic(const container::ModelInfo& info,
                 std::span<const container::TensorEntry> tensors) {
    const bool tied = std::count_if(tensors.begin(), tensors.end(), [&](const auto& tensor) {
                          return of_vocabulary(tensor, info);
                      }) == 1;
    for (const container::TensorEntry& tensor : tensors) {
        if (tensor.format == 0)
            continue;  // gains and tables: small, and not multiplied
        const Work work{tensor.bytes, std::uint64_t{tensor.n} * tensor.k};
        if (!of_vocabulary(tensor, info)) {
            layers_.bytes += work.bytes;
            layers_.macs += work.macs;
        } else if (tied || !is_embedding(tensor)) {
            head_ = work;  // an embedding of its own is only looked up
        }
    }
    if (!tensors.empty())
        position_bytes_ = info.block_bytes / isa::kKvPositions;
}

void Traffic::add_step(Work& work, std::uint64_t rows, std::uint64_t chosen,
                       std::uint64_t positions) const {
    work.bytes += layers_.bytes + (chosen != 0 ? head_.bytes : 0) + positions * position_bytes_;
    work.macs += rows * layers_.macs + chosen * head_.macs;
}

// Prompts follow each other in steps of whole chunks; a step may end one and begin the next. Their
// last rows are kept for the last step, so that the head is read once.
void Traffic::add_prompt(Work& work, const Case& test, std::uint32_t chunk) const {
    std::uint32_t sequence = 0, position = 0;
    while (sequence < test.parallel) {
        std::uint64_t rows = 0, positions = 0;
        while (rows < chunk && sequence < test.parallel) {
            const auto now = static_cast<std::uint32_t>(
                std::min<std::uint64_t>(chunk - rows, test.prompt - position));
            rows += now;
            position += now;
            positions += std::uint64_t{test.depth} + position;
            if (position == test.prompt) {
                position = 0;
                ++sequence;
            }
        }
        add_step(work, rows, sequence == test.parallel ? test.parallel : 0, positions);
    }
}

Work Traffic::of(const Case& test, std::uint32_t chunk) const {
    Work work;
    if (test.prompt != 0)
        add_prompt(work, test, chunk);
    const std::uint64_t batch = test.parallel;
    for (std::uint64_t i = 1; i <= test.answer; ++i)
        add_step(work, batch, batch, batch * (std::uint64_t{test.depth} + test.prompt + i));
    return work;
}

}  // namespace skald::bench
