// SPDX-License-Identifier: MIT
#include "corpus.hpp"

#include <algorithm>

namespace skald::test {
namespace {

constexpr std::uint64_t kLatest = 32;

}  // namespace

bool PlaceSet::insert(std::uint64_t place) {
    std::size_t at = Random(place)() % kMost;
    for (std::size_t tried = 0; tried < kMost; ++tried, at = (at + 1) % kMost) {
        std::uint64_t there = slots_[at].load(std::memory_order_relaxed);
        if (there == 0 && slots_[at].compare_exchange_strong(there, place)) {
            ++size_;
            return true;
        }
        if (there == place)
            return false;
    }
    return false;
}

bool Corpus::keep(const Sequence& sequence) {
    if (sequence.steps.empty() || sequence.steps.size() > Sequence::kMost || taken_ >= kMost)
        return false;
    const std::size_t at = taken_++;
    if (at >= kMost)
        return false;
    Slot& slot = slots_[at];
    slot.begins = sequence.begins;
    std::ranges::copy(sequence.steps, slot.step.begin());
    slot.steps.store(static_cast<std::uint32_t>(sequence.steps.size()), std::memory_order_release);
    return true;
}

std::optional<Sequence> Corpus::pick(Random& random) const {
    const std::size_t all = size();
    if (all == 0)
        return std::nullopt;
    const std::size_t from = random.one_in(2) && all > kLatest ? all - kLatest : 0;
    const Slot& slot = slots_[from + random.below(all - from)];
    const std::uint32_t steps = slot.steps.load(std::memory_order_acquire);
    if (steps == 0)
        return std::nullopt;
    return Sequence{slot.begins, {slot.step.begin(), slot.step.begin() + steps}};
}

}  // namespace skald::test
