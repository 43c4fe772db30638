// SPDX-License-Identifier: MIT
// Counts chances and hits.
#include "card/faults/injector.hpp"

#include "card/faults/draw.hpp"

namespace skald::card {
namespace {

FaultClass class_at(std::size_t index) {
    return static_cast<FaultClass>(index);
}

}  // namespace

std::string to_text(const std::vector<FaultCount>& tally) {
    std::string text;
    for (const FaultCount& count : tally) {
        text += text.empty() ? "" : ";";
        text += name(count.fault);
        text += ":chances=" + std::to_string(count.chances);
        text += ":hits=" + std::to_string(count.hits);
    }
    return text;
}

void FaultInjector::arm(const FaultPlan& plan) {
    const std::scoped_lock guard(lock_);
    std::uint32_t armed = 0;
    for (std::size_t i = 0; i < kFaultClasses; ++i) {
        if (plan.rules[i])
            armed |= bit(class_at(i));
    }
    armed_.store(armed, std::memory_order_relaxed);
    if (armed == 0)
        return;
    for (std::size_t i = 0; i < kFaultClasses; ++i)
        series_[i] = {plan.rules[i], fault_sequence(plan.seed, class_at(i)), 0, 0};
}

bool FaultInjector::draw(FaultClass fault) {
    std::uint64_t chance = 0;
    {
        const std::scoped_lock guard(lock_);
        Series& series = series_[static_cast<std::size_t>(fault)];
        if (!series.rule || !armed(bit(fault)))
            return false;  // somebody else had the last one
        chance = ++series.chances;
        if (!takes_chance(*series.rule, series.sequence, chance))
            return false;
        if (++series.hits == series.rule->times)
            armed_.fetch_and(~bit(fault), std::memory_order_relaxed);
    }
    if (log_) {
        const std::string text =
            "fault on purpose: " + std::string(name(fault)) + ", chance " + std::to_string(chance);
        log_(text.c_str());
    }
    return true;
}

unsigned FaultInjector::factor() {
    const std::scoped_lock guard(lock_);
    const auto& rule = series_[static_cast<std::size_t>(FaultClass::kMemorySlow)].rule;
    return rule ? rule->factor : 1;
}

std::vector<FaultCount> FaultInjector::tally() const {
    const std::scoped_lock guard(lock_);
    std::vector<FaultCount> counts;
    for (std::size_t i = 0; i < kFaultClasses; ++i) {
        if (series_[i].rule)
            counts.push_back({class_at(i), series_[i].chances, series_[i].hits});
    }
    return counts;
}

}  // namespace skald::card
