// SPDX-License-Identifier: MIT
// Who executes an item of parallel work: an engine's own thread or a thread of the pool.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace skald::card {

// Sets the floating-point environment the ISA prescribes for the calling thread: round to nearest
// even, subnormals kept, exceptions masked.
void enter_float_environment();

class Worker {
  public:
    // Bytes every worker keeps for pieces of operands that are scattered over pages.
    static constexpr std::size_t kBufferBytes = 1088u << 10;

    explicit Worker(bool engine)
        : engine_(engine),
          buffer_(static_cast<std::byte*>(::operator new(kBufferBytes, std::align_val_t(64)))) {}

    // The engine thread itself, not a helper.
    [[nodiscard]] bool engine() const { return engine_; }
    [[nodiscard]] std::byte* buffer() const { return buffer_.get(); }

  private:
    struct Free {
        void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t(64)); }
    };

    bool engine_;
    std::unique_ptr<std::byte, Free> buffer_;
};

}  // namespace skald::card
