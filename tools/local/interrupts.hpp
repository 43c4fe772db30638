// SPDX-License-Identifier: MIT
// The card's interrupt port in process: vectors collect as bits until somebody takes them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "card/ports.hpp"

namespace skald::local {

class Interrupts final : public card::InterruptSink {
  public:
    void raise(unsigned vector) override {
        {
            const std::scoped_lock guard(lock_);
            pending_ |= 1u << vector;
            count_++;
        }
        changed_.notify_all();
    }

    // Sleeps until one of these vectors is pending and takes them; 0 after stop().
    [[nodiscard]] std::uint32_t take(std::uint32_t vectors) {
        std::unique_lock guard(lock_);
        changed_.wait(guard, [&] { return stopped_ || (pending_ & vectors) != 0; });
        const std::uint32_t taken = stopped_ ? 0 : pending_ & vectors;
        pending_ &= ~taken;
        return taken;
    }

    void stop() {
        {
            const std::scoped_lock guard(lock_);
            stopped_ = true;
        }
        changed_.notify_all();
    }

    [[nodiscard]] std::uint64_t count() {
        const std::scoped_lock guard(lock_);
        return count_;
    }

  private:
    std::mutex lock_;
    std::condition_variable changed_;
    std::uint32_t pending_ = 0;
    std::uint64_t count_ = 0;
    bool stopped_ = false;
};

}  // namespace skald::local
