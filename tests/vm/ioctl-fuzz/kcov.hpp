// SPDX-License-Identifier: MIT
// Where the calls of this process come by in code that was compiled for it: of the debug kernel,
// the driver alone. See Documentation/dev-tools/kcov.rst.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "device.hpp"

namespace skald::test {

class Kcov {
  public:
    static bool is_there();
    // From here on, for this thread; nothing on a kernel without. What a fork makes has none, but
    // may begin its own. Page faults count as well: they are calls of the driver too.
    static std::optional<Kcov> begin();

    // Since the last time.
    std::span<const std::uint64_t> passed() const;
    void forget() const { words()[0] = 0; }

  private:
    explicit Kcov(Mapping trace) : trace_(std::move(trace)) {}
    std::uint64_t* words() const { return reinterpret_cast<std::uint64_t*>(trace_.bytes().data()); }
    Mapping trace_;  // keeps the file open
};

}  // namespace skald::test
