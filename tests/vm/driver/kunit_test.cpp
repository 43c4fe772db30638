// SPDX-License-Identifier: MIT
// The driver's own tests, which the debug kernel runs when it loads the module.
#include <gtest/gtest.h>
#include <sys/klog.h>

#include <string>

namespace skald::test {
namespace {

TEST(Kunit, SuitesPass) {
    constexpr int kReadAll = 3, kBufferSize = 10;
    std::string log(static_cast<std::size_t>(::klogctl(kBufferSize, nullptr, 0)), '\0');
    const int bytes = ::klogctl(kReadAll, log.data(), static_cast<int>(log.size()));
    log.resize(static_cast<std::size_t>(bytes > 0 ? bytes : 0));
    for (const char* suite : {"skald_mem", "skald_mmu", "skald_import"}) {
        const std::string sum = std::string("# ") + suite + ": pass:";
        EXPECT_NE(log.find(sum), std::string::npos) << suite << " did not run";
        EXPECT_NE(log.find(std::string(" fail:0 skip:0 total:"), log.find(sum)), std::string::npos);
    }
    EXPECT_EQ(log.find("] not ok "), std::string::npos);
    EXPECT_EQ(log.find("]     not ok "), std::string::npos);
}

}  // namespace
}  // namespace skald::test
