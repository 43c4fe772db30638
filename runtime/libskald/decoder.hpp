// SPDX-License-Identifier: MIT
// The decoder program of a model (uapi/doc/program.md) with the tables of some sequences: runs one
// request after another. What a request is, Batch and Session know.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "libskald/decoder_memory.hpp"
#include "libskald/job_runner.hpp"
#include "libskald/model.hpp"
#include "libskald/queue.hpp"

namespace skald::rt {

struct BatchOptions {
    // Room of each sequence, so also their number; 0: the model's context.
    std::vector<std::uint32_t> positions = {0};
    std::uint32_t chunk = 0;           // rows of a prefill step; 0: as many as the program takes
    std::uint64_t time_budget_ns = 0;  // of a job; 0: the driver's default
    std::uint32_t dump_rows = 0;       // logits rows held at a time; needed for on_logits
    bool profile = false;
    std::uint32_t priority = DRM_SKALD_PRIORITY_NORMAL;  // DRM_SKALD_PRIORITY_*, of all jobs
};

class Decoder {
  public:
    Decoder(Model& model, const BatchOptions& options);

    [[nodiscard]] const container::ModelInfo& info() const { return model_.info(); }
    [[nodiscard]] AddressSpace& space() { return model_.space(); }
    [[nodiscard]] DecoderMemory& memory() { return memory_; }
    [[nodiscard]] std::span<const std::uint32_t> positions() const { return options_.positions; }
    [[nodiscard]] std::uint32_t chunk() const { return options_.chunk; }
    [[nodiscard]] std::uint32_t dump_rows() const { return options_.dump_rows; }

    // The argument block of a new request, with the steps at the start of the tables. `reach`: the
    // positions that its sequences may have in the end; beyond the model's short context it, and
    // every later one, is turned by the long rotary table.
    void begin(std::uint64_t mode, std::uint32_t reach);
    // Runs jobs until the program is done or is stopped. Throws the card's fault in words, and
    // (ECANCELED) after a cancel that the card did not follow in time.
    JobRunner::End run(int cancel_fd, const JobRunner::OnTokens& on_tokens);
    // For a request that makes no tokens. False if it was cancelled.
    [[nodiscard]] bool run_silent(int cancel_fd);

    [[nodiscard]] Os& os() const { return queue_.os(); }
    [[nodiscard]] drm_skald_queue_query stats() { return queue_.stats(); }
    [[nodiscard]] std::span<const skald_profile> profile() const { return memory_.profile.items; }
    [[nodiscard]] std::span<const skald_profile_model> profile_model() const;

  private:
    [[nodiscard]] drm_skald_job job() const;
    [[nodiscard]] bool models_a_chip() const;

    Model& model_;
    BatchOptions options_;  // without zeros that stand for something else
    DecoderMemory memory_;
    Queue queue_;          // after the memory its jobs use
    bool broken_ = false;  // a cancelled job may still run
    bool long_ = false;    // some request was long
};

}  // namespace skald::rt
