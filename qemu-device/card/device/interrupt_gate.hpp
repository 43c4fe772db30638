// SPDX-License-Identifier: MIT
// Between everything in the card that raises vectors and the interrupt port: shut while a reset is
// under way, so that nothing of the old life gets out.
#pragma once

#include <mutex>

#include "card/ports.hpp"

namespace skald::card {

class InterruptGate final : public InterruptSink {
  public:
    explicit InterruptGate(InterruptSink& out) : out_(out) {}

    void raise(unsigned vector) override {
        const std::scoped_lock guard(lock_);
        if (open_) {
            out_.raise(vector);
        }
    }

    // After shut() has returned nothing is raised.
    void shut() { set(false); }
    void open() { set(true); }

  private:
    void set(bool open) {
        const std::scoped_lock guard(lock_);
        open_ = open;
    }

    InterruptSink& out_;
    std::mutex lock_;
    bool open_ = true;
};

}  // namespace skald::card
