// SPDX-License-Identifier: MIT
// Where the card asks, at each place where something can go wrong on purpose, whether it does. Any
// thread may ask, whatever locks it holds. Without a plan that is one branch.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "card/faults/plan.hpp"

namespace skald::card {

struct FaultCount {
    FaultClass fault;
    std::uint64_t chances;  // up to the last one that was allowed, see FaultRule::times
    std::uint64_t hits;

    bool operator==(const FaultCount&) const = default;
};

// "irq-lost:chances=400:hits=3;..."
[[nodiscard]] std::string to_text(const std::vector<FaultCount>& tally);

class FaultInjector {
  public:
    // log: told each fault as it happens, in words.
    using Log = std::function<void(const char* text)>;
    explicit FaultInjector(Log log = {}) : log_(std::move(log)) {}

    // From here on; chances and counts begin anew. A plan without a rule ends it and leaves the
    // counts of the one before.
    void arm(const FaultPlan& plan);

    // A chance for this class. True: it happens.
    [[nodiscard]] bool hit(FaultClass fault) { return armed(bit(fault)) && draw(fault); }

    // Whether any of several classes may happen at all.
    static constexpr std::uint32_t bit(FaultClass fault) {
        return 1u << static_cast<unsigned>(fault);
    }
    [[nodiscard]] bool armed(std::uint32_t classes) const {
        return (armed_.load(std::memory_order_relaxed) & classes) != 0;
    }
    // How many times as long a slow micro-op takes.
    [[nodiscard]] unsigned factor();

    // The classes of the plan, in the order of FaultClass.
    [[nodiscard]] std::vector<FaultCount> tally() const;

  private:
    struct Series {
        std::optional<FaultRule> rule;
        std::uint64_t sequence = 0;
        std::uint64_t chances = 0;
        std::uint64_t hits = 0;
    };

    [[nodiscard]] bool draw(FaultClass fault);

    const Log log_;
    std::atomic<std::uint32_t> armed_{0};  // bits of the classes that may still happen
    mutable std::mutex lock_;              // the innermost of all
    std::array<Series, kFaultClasses> series_;
};

}  // namespace skald::card
