// SPDX-License-Identifier: MIT
// Which lines of a kernel log are trouble, and that they are found however the bytes arrive.
#include "vm/host/kernel_log.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

namespace skald::vm {
namespace {

TEST(KernelTrouble, KnowsWhatAKernelSaysWhenItIsUnwell) {
    for (const char* line : {
             "[    3.1] BUG: kernel NULL pointer dereference, address: 0000000000000000",
             "[    3.123456] WARNING: CPU: 0 PID: 1 at drivers/accel/x.c:12 f+0x1/0x2 [skald]",
             "[    3.123456][   T12] BUG: KASAN: slab-use-after-free in f+0x1/0x2 [skald]",
             "[    3.1] WARNING: possible circular locking dependency detected",
             "[    3.1] Oops: general protection fault, probably for non-canonical address",
             "[    3.1] Kernel panic - not syncing: Attempted to kill init!",
             "[    3.1] Call Trace:",
             "[    3.1] UBSAN: array-index-out-of-bounds in drivers/accel/x.c:3:4",
             "[   60.1] INFO: task kworker/0:1:10 blocked for more than 120 seconds.",
             "[   60.1] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
             "[    3.1] DMA-API: skald 0000:01:00.0: device driver frees DMA memory with wrong "
             "size",
             "Kernel panic - not syncing: VFS",
         })
        EXPECT_TRUE(is_trouble(line)) << line;
}

TEST(KernelTrouble, LeavesOrdinaryLinesAlone) {
    for (const char* line : {
             "",
             "[    0.0] Linux version 6.12.95",
             "[    0.0] kmemleak: Kernel memory leak detector initialized (mem pool available: "
             "15679)",
             "[    0.5] DMA-API: preallocated 65536 debug entries",
             "[    3.1] skald 0000:01:00.0: card says WARNING: hot",
             "[    3.1] mytool: BUG: is a word",
             "[    3.1] [drm] Initialized skald 0.1.0 for 0000:01:00.0 on minor 0",
         })
        EXPECT_FALSE(is_trouble(line)) << line;
}

class LogFile : public testing::Test {
  protected:
    ~LogFile() override { std::filesystem::remove(path_); }

    static std::span<const std::uint8_t> bytes(std::string_view text) {
        return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
    }
    std::string content() const {
        std::ifstream in(path_);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    const std::filesystem::path path_ =
        testing::TempDir() + "kernel_log_test." + std::to_string(::getpid());
};

TEST_F(LogFile, KeepsEveryByteAndTheFirstTrouble) {
    KernelLog log(path_);
    EXPECT_FALSE(log.any());
    const std::string text = "[ 1.0] fine\r\n[ 2.0] BUG: first\r\n[ 2.1] WARNING: second\r\n";
    for (const char& c : text)
        log.append(bytes({&c, 1}));
    EXPECT_TRUE(log.any());
    EXPECT_EQ(log.trouble(), "[ 2.0] BUG: first");
    EXPECT_EQ(content(), text);
}

TEST_F(LogFile, HearsWhyInitGaveUp) {
    KernelLog log(path_);
    log.append(bytes("[ 1.0] skald-init: mounting the shared directory /x: No such device\n"));
    EXPECT_EQ(log.init_says(), "mounting the shared directory /x: No such device");
    EXPECT_FALSE(log.trouble());
}

}  // namespace
}  // namespace skald::vm
