// SPDX-License-Identifier: MIT
#include "explorer.hpp"

namespace skald::test {

bool Explorer::news() {
    if (!kcov_)
        return false;
    bool any = false;
    std::uint64_t before = 0;
    for (const std::uint64_t place : kcov_->passed()) {
        if (all_.ways.insert(Random(before)() ^ place)) {
            any = true;
            all_.reached.insert(place);
        }
        before = place;
    }
    kcov_->forget();
    return any;
}

void Explorer::opened(bool begins) {
    done_ = {begins, {}};
    worth_ = 0;
    news();
}

void Explorer::called(const Step& step) {
    done_.steps.push_back(step);
    if (news())
        worth_ = done_.steps.size();
}

void Explorer::closed() {
    if (news())
        worth_ = done_.steps.size();
    done_.steps.resize(worth_);
    all_.corpus.keep(done_);
}

}  // namespace skald::test
