// SPDX-License-Identifier: MIT
// A virtual CPU that does one thing only, again and again: read or write one word of a device. The
// main loop of QEMU then meets it inside the access, or waiting to get in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace skald::qtest {

enum class Access { kRead, kWrite };

class BusyCpu {
  public:
    BusyCpu(Access access, std::uint32_t address);
    ~BusyCpu();
    BusyCpu(const BusyCpu&) = delete;
    BusyCpu& operator=(const BusyCpu&) = delete;

    // Arguments of QEMU that give the machine this CPU.
    [[nodiscard]] std::vector<std::string> arguments() const;
    // Where it counts its accesses, in guest memory.
    static constexpr std::uint64_t kCount = 0x1000;

  private:
    std::string rom_;
};

}  // namespace skald::qtest
