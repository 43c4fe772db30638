// SPDX-License-Identifier: MIT
// Ring and doorbell of a user-mode queue, mapped: a submission is some stores.
#pragma once

#include <cstddef>
#include <cstdint>

#include "drm/skald_accel.h"
#include "libskald/os.hpp"

namespace skald::rt {

class UserRing {
  public:
    // The queue that QUEUE_CREATE gave `offset` for; `entries`: what its ring holds.
    UserRing(Os& os, int fd, std::uint64_t offset, std::uint32_t entries);
    UserRing(const UserRing&) = delete;
    UserRing& operator=(const UserRing&) = delete;

    // Is there a place for one more, of the jobs that are known to have ended?
    [[nodiscard]] bool has_room() const { return written_ - ended_ < entries_; }
    void set_ended(std::uint64_t jobs) { ended_ = jobs; }
    // The next job, into a place that is free; the card does not know of it before ring().
    void write(const drm_skald_job& job);
    void ring() const;

  private:
    // One page of the node, unmapped when it goes.
    class Page {
      public:
        Page(Os& os, int fd, std::uint64_t offset);
        ~Page();
        Page(const Page&) = delete;
        Page& operator=(const Page&) = delete;
        [[nodiscard]] std::byte* at(std::size_t byte) const {
            return static_cast<std::byte*>(address_) + byte;
        }

      private:
        Os& os_;
        void* address_ = nullptr;
    };

    std::uint32_t entries_;
    std::uint64_t written_ = 0;
    std::uint64_t ended_ = 0;
    Page doorbell_;
    Page ring_;
};

}  // namespace skald::rt
