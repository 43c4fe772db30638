// SPDX-License-Identifier: MIT
// A model on a group of chips, ready for requests of which times are wanted: one card for each
// stage, since the chips of a stage do the same at the same time. Stages wait for each other's
// messages.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "chip/group.hpp"
#include "chip/stage.hpp"

namespace skald::local {
class LinkGroup;
}

namespace skald::chip {

// What a request took, by stage: of one chip each.
struct StageSums {
    std::uint32_t tensor = 1;  // chips of a stage
    std::vector<local::ModelLog::Sums> stages;

    // Of the group: it takes as long as its last stage, and energy and bytes are those of all
    // chips. What a stage waits for another is that one's time; what is nobody's is the links'.
    [[nodiscard]] local::ModelLog::Sums together() const;
    // What this request took more than a part of it.
    [[nodiscard]] StageSums beyond(const StageSums& part) const;
    // Picoseconds that the stage works which works longest; `before`, a part of this request, left
    // out.
    [[nodiscard]] std::uint64_t busiest() const;
    [[nodiscard]] std::uint64_t busiest(const StageSums& before) const;
};

class Stages {
  public:
    // `models`: of the first chip of each stage; they outlive it. Throws rt::Error.
    Stages(std::span<const TimedModel> models, const Group& group, const Setting& setting);
    ~Stages();
    Stages(const Stages&) = delete;
    Stages& operator=(const Stages&) = delete;

    [[nodiscard]] std::uint32_t chunk() const { return stages_.front()->chunk(); }
    // As Stage has them. Where one stage cannot go on all of them end, and what it threw is thrown.
    StageSums request(std::uint32_t prompt, std::uint32_t tokens);
    void advance(std::uint32_t position);
    StageSums tokens(std::uint32_t count);
    // Of the first stage.
    [[nodiscard]] std::vector<local::ModelSlice> slices() const {
        return stages_.front()->slices();
    }

  private:
    // f(stage, number, cancel_fd) of all stages at a time.
    template <class F>
    void each(F&& f);
    template <class F>
    StageSums sums_of_each(F&& f);

    std::uint32_t tensor_;
    std::unique_ptr<local::LinkGroup> links_;  // of several stages; outlives them
    std::vector<std::unique_ptr<Stage>> stages_;
};

}  // namespace skald::chip
