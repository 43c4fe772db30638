// SPDX-License-Identifier: MIT
#include "sequence.hpp"

#include <algorithm>
#include <utility>

namespace skald::test {
namespace {

constexpr std::uint64_t kMostFresh = 40, kMostChanges = 4;
constexpr std::uint64_t kFirstDraws = 6;  // as a power of two; calls choose what they are at first

using Steps = std::vector<Step>;

Steps::iterator at(Steps& steps, std::uint64_t index) {
    return steps.begin() + static_cast<std::ptrdiff_t>(index);
}

// Mostly a few, at times many: short ones are tried sooner.
void drop(Steps& steps, Random& random) {
    const std::uint64_t from = random.below(steps.size());
    const std::uint64_t count = 1 + random.below(1 + random.below(steps.size()));
    steps.erase(at(steps, from), at(steps, std::min<std::uint64_t>(from + count, steps.size())));
}

// The beginning of the one, the end of the other.
void splice(Steps& steps, const Steps& other, Random& random) {
    steps.resize(random.below(steps.size() + 1));
    const auto from = static_cast<std::ptrdiff_t>(random.below(other.size() + 1));
    steps.insert(steps.end(), other.begin() + from, other.end());
}

}  // namespace

Sequence Breeder::fresh(Random& random) {
    Sequence made{!random.one_in(8), Steps(1 + random.below(kMostFresh))};
    std::ranges::generate(made.steps, [&] { return step(random); });
    return made;
}

void Breeder::change(Sequence& one, const Sequence& other, Random& random) {
    Steps& steps = one.steps;
    if (steps.empty()) {
        steps.push_back(step(random));
        return;
    }
    Step& some = steps[random.below(steps.size())];
    switch (random.below(12)) {
        case 0:
            splice(steps, other.steps, random);
            break;
        case 1:
            drop(steps, random);
            break;
        case 2:
            one.begins = !one.begins;
            break;
        case 3:
            some.seed = random();
            break;
        case 4:
        case 5: {  // what is done twice often ends otherwise
            const Step again = some;
            steps.insert(at(steps, random.below(steps.size() + 1)), again);
            break;
        }
        case 6:
        case 7:
        case 8:
            some.twisted = static_cast<std::uint32_t>(
                1 + random.below(std::uint64_t{1} << random.below(kFirstDraws)));
            some.twist = random();
            break;
        default:
            steps.insert(at(steps, random.below(steps.size() + 1)), step(random));
            break;
    }
}

Sequence Breeder::changed(Sequence one, const Sequence& other, Random& random) {
    for (std::uint64_t left = 1 + random.below(kMostChanges); left != 0; --left)
        change(one, other, random);
    if (one.steps.empty())
        one.steps.push_back(step(random));
    if (one.steps.size() > Sequence::kMost)
        one.steps.resize(Sequence::kMost);
    return one;
}

}  // namespace skald::test
