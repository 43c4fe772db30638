// SPDX-License-Identifier: MIT
// Sets up buffers and the argument block for a compiled model (uapi/doc/program.md) and runs it on
// the reference machine: what the runtime does on a card, as short as it can be.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "container/container.hpp"
#include "reference_machine.hpp"
#include "skald/program.hpp"

namespace skald::test {

class Decoder {
  public:
    explicit Decoder(const std::filesystem::path& skald_file) : container_(skald_file) {}

    struct Options {
        std::uint32_t chunk = 64;  // rows of a prefill step
        std::uint64_t budget = 0;  // ReferenceMachine::budget_at
        std::vector<std::uint32_t> stop = {};
    };

    // The tokens that follow, best one first each time; every prompt is a sequence of one batch.
    std::vector<std::vector<std::uint32_t>> generate(
        const std::vector<std::vector<std::uint32_t>>& prompts, std::uint32_t count,
        const Options& options);

    // Mean negative log-likelihood of ids[1..]; with `logits`, the rows of all positions but the
    // last as well.
    double nll(std::span<const std::uint32_t> ids, const Options& options,
               std::vector<float>* logits = nullptr);

    const container::ModelInfo& model() const { return container_.model(); }
    std::uint64_t jobs() const { return jobs_; }

  private:
    struct Step {
        std::vector<std::uint32_t> tokens, select, targets;
        std::vector<isa::Row> rows;
    };
    void prepare(std::uint32_t sequences, const std::vector<Step>& steps, std::uint64_t mode);
    void set(std::uint8_t reg, std::uint64_t value) {
        machine_.write(arguments_ + 8ull * reg, value);
    }
    std::uint64_t get(std::uint8_t reg) const {
        return machine_.read<std::uint64_t>(arguments_ + 8ull * reg);
    }
    void run();

    rt::Container container_;
    ReferenceMachine machine_;
    std::uint64_t arguments_ = 0, jobs_ = 0;
};

}  // namespace skald::test
