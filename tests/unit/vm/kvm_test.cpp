// SPDX-License-Identifier: MIT
// What is taken for a usable KVM.
#include "vm/host/kvm.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace skald::vm {
namespace {

bool processor_virtualises() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("flags"))
            continue;
        std::istringstream flags(line);
        for (std::string flag; flags >> flag;)
            if (flag == "vmx" || flag == "svm")
                return true;
    }
    return false;
}

TEST(Kvm, OtherDevicesAreNone) {
    for (const char* path : {"/dev/null", "/proc/self/status", "/nowhere/kvm"})
        EXPECT_FALSE(kvm_usable(path)) << path;
}

TEST(Kvm, IsOfNoUseWithoutAProcessorThatVirtualises) {
    const bool usable = kvm_usable();
    EXPECT_TRUE(processor_virtualises() || !usable);
    EXPECT_EQ(kvm_usable(), usable);
}

}  // namespace
}  // namespace skald::vm
