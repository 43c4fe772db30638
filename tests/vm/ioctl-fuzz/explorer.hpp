// SPDX-License-Identifier: MIT
// Watches what a client does, and keeps it where it took a way through the driver that nobody had
// taken: the places alone are soon all known.
#pragma once

#include <optional>

#include "corpus.hpp"
#include "kcov.hpp"
#include "sequence.hpp"

namespace skald::test {

// Of all processes together.
struct Knowledge {
    PlaceSet reached;
    PlaceSet ways;  // from one place to the next, hashed
    Corpus corpus;
};

class Explorer {
  public:
    explicit Explorer(Knowledge& all) : all_(all), kcov_(Kcov::begin()) {}

    // In a process that was just forked.
    void begin_anew() { kcov_ = Kcov::begin(); }
    // A client is opened; its calls; it is closed. What comes behind the last news is not kept.
    void opened(bool begins);
    void called(const Step& step);
    void closed();

  private:
    bool news();
    Knowledge& all_;
    std::optional<Kcov> kcov_;
    Sequence done_;
    std::size_t worth_ = 0;  // how many steps of it
};

}  // namespace skald::test
