// SPDX-License-Identifier: MIT
// Suites that are run for each kind of card memory: the device's own, or that of a backend. The
// parameter is the backend's -object, "" for none.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace skald::qtest {

class EachCardMemory : public testing::TestWithParam<const char*> {
  protected:
    // 64 MiB of it: options of the device, and arguments of QEMU.
    static std::string options() { return *GetParam() ? "memdev=m0" : "memory-size=64M"; }
    static std::vector<std::string> arguments(std::vector<std::string> more = {}) {
        if (*GetParam() != '\0')
            more.insert(more.end(), {"-object", GetParam()});
        return more;
    }
};

inline auto card_memories() {
    return testing::Values("", "memory-backend-ram,id=m0,size=64M",
                           "memory-backend-memfd,id=m0,size=64M");
}

inline std::string card_memory_name(const testing::TestParamInfo<const char*>& test) {
    const std::string text = test.param;
    return text.empty() ? "Anonymous" : text.find("memfd") != text.npos ? "Memfd" : "Backend";
}

}  // namespace skald::qtest
