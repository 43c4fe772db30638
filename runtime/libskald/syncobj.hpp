// SPDX-License-Identifier: MIT
// A DRM syncobj, binary or timeline: what submissions and binds wait for and signal.
#pragma once

#include <cstdint>

#include "libskald/device.hpp"

namespace skald::rt {

class Syncobj {
  public:
    explicit Syncobj(Device& device) : device_(device), id_(device.create_syncobj()) {}
    ~Syncobj() { device_.destroy_syncobj(id_); }
    Syncobj(const Syncobj&) = delete;
    Syncobj& operator=(const Syncobj&) = delete;

    // Point 0 is the binary use.
    [[nodiscard]] SyncPoint signal(std::uint64_t point = 0) const { return {id_, point, true}; }
    [[nodiscard]] SyncPoint after(std::uint64_t point = 0) const { return {id_, point, false}; }
    // False after the deadline.
    [[nodiscard]] bool wait(std::uint64_t point = 0, std::int64_t deadline_ns = kNoDeadline) const {
        return device_.wait_syncobj(id_, point, deadline_ns);
    }

  private:
    Device& device_;
    SyncobjId id_;
};

}  // namespace skald::rt
