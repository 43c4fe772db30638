// SPDX-License-Identifier: MIT
// Links between cards of one process: what one card sends waits in the other's inbox.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "card/ports.hpp"

namespace skald::local {

// Cards with ranks 0 .. n - 1. It outlives them, and is for one run that nobody broke off.
class LinkGroup {
  public:
    explicit LinkGroup(std::uint32_t ranks);
    ~LinkGroup();

    // What the card of this rank has of it.
    [[nodiscard]] card::Links& of(std::uint32_t rank);
    [[nodiscard]] std::uint32_t ranks() const { return static_cast<std::uint32_t>(ends_.size()); }

  private:
    class End;
    using Source = std::pair<std::uint32_t, std::uint64_t>;  // rank, channel

    struct Inbox {
        std::mutex lock;  // of what follows
        std::map<Source, std::deque<card::LinkMessage>> messages;
        std::map<std::uint32_t, std::uint64_t> bytes;  // of each rank's that wait
    };

    std::vector<std::unique_ptr<Inbox>> inboxes_;
    std::vector<std::unique_ptr<End>> ends_;
};

}  // namespace skald::local
