// SPDX-License-Identifier: MIT
// Rounds of a soak: all workers submit, one thing happens, and everybody's fate is judged.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "events.hpp"
#include "worker.hpp"

namespace skald::test {

struct SoakOptions {
    std::uint64_t submissions = 1000;
    unsigned processes = 8;
    unsigned most = 3;  // submissions of a process in a round: the more, the fewer rounds
    std::uint64_t seed = 1;
};

class Conductor {
  public:
    explicit Conductor(const SoakOptions& options);

    // False if a promise was broken; what and when is on standard output.
    bool run();

  private:
    struct Sums {
        unsigned rounds = 0, hits = 0;
        std::uint64_t right = 0, injured = 0;
    };

    bool round(const Event& event);
    void let_happen(const Event& event);
    void recover(const Event& event);
    bool works();
    bool left_nothing();
    bool broken(const std::string& what);
    bool silent(std::size_t worker);
    // A line to whoever holds the card's other side, and the answer.
    std::string ask(std::string_view line);

    const SoakOptions options_;
    Random random_;
    std::uint64_t base_memory_;  // in use by nobody's buffers
    std::deque<Worker> workers_;
    std::uint64_t submitted_ = 0;
    unsigned round_ = 0;
    bool fresh_ = false;  // whether the last round took the card with it
    std::string_view event_;
    std::map<std::string_view, Sums> sums_;
};

}  // namespace skald::test
