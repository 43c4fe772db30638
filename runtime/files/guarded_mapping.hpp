// SPDX-License-Identifier: MIT
// A mapping of a file that may fail under its reader. A page that cannot be read, because of the
// medium or because the file became shorter, raises no SIGBUS: it and all pages behind it become
// zeros, and failed() says so from then on.
#pragma once

#include <cstddef>
#include <span>

namespace skald::rt {

class GuardedMapping {
  public:
    GuardedMapping() = default;  // of nothing
    // The first `bytes` bytes of fd, read-only and shared. On failure bytes() is empty and errno
    // says why. The descriptor may be closed afterwards.
    GuardedMapping(int fd, std::size_t bytes);
    ~GuardedMapping();
    GuardedMapping(GuardedMapping&& other) noexcept;
    GuardedMapping& operator=(GuardedMapping&& other) noexcept;

    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
    // Something was read that the file did not give.
    [[nodiscard]] bool failed() const;

    struct Watch;  // what the handler of the signal knows of it

  private:
    std::span<const std::byte> bytes_;
    Watch* watch_ = nullptr;
};

}  // namespace skald::rt
