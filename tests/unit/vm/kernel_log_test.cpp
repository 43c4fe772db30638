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
             "[    3.1] [ BUG: Invalid wait context ]",
             "[    3.1][   T57] [ BUG: Invalid wait context ]",
             "[    3.1] INFO: trying to register non-static key.",
             "[   60.1] rcu: INFO: rcu_preempt self-detected stall on CPU",
             "[   60.1] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [llm-run:57]",
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
             "[    3.1] [   57]     0    57     1024      200   llm-run",
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

// As Linux 6.12 says it.
TEST_F(LogFile, OfACallTraceTheReportsOwnSentenceIsTold) {
    KernelLog log(path_);
    log.append(
        bytes("[    8.1] skald 0000:01:00.0: [drm] unbound, 0 objects left\n"
              "[    9.1] kworker/u8:1: page allocation failure: order:5, mode:0xcc0(GFP_KERNEL)\n"
              "[    9.1] CPU: 0 UID: 0 PID: 57 Comm: kworker/u8:1 Not tainted 6.12.95 #1\n"
              "[    9.1] Hardware name: QEMU\n"
              "[    9.1] Workqueue: skald-bind skald_bind_run_job\n"
              "[    9.1] Call Trace:\n"));
    EXPECT_EQ(log.trouble(),
              "[    9.1] kworker/u8:1: page allocation failure: order:5, mode:0xcc0(GFP_KERNEL)");
}

TEST_F(LogFile, HearsWhyInitGaveUp) {
    KernelLog log(path_);
    log.append(bytes("[ 1.0] skald-init: mounting the shared directory /x: No such device\n"));
    EXPECT_EQ(log.init_says(), "mounting the shared directory /x: No such device");
    EXPECT_FALSE(log.trouble());
}

// As Linux 6.12 says it.
constexpr const char* kMemoryReport =
    "[    9.1] llm-run invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), "
    "order=0, oom_score_adj=0\n"
    "[    9.1] CPU: 0 UID: 0 PID: 57 Comm: llm-run Not tainted 6.12.95 #1\n"
    "[    9.1] Call Trace:\n"
    "[    9.1]  <TASK>\n"
    "[    9.1]  dump_stack_lvl+0x64/0x80\n"
    "[    9.1] Mem-Info:\n"
    "[    9.1] active_anon:1 inactive_anon:2 isolated_anon:0\n"
    "[    9.2] Out of memory: Killed process 57 (llm-run) total-vm:2096kB, anon-rss:1kB\n";

TEST_F(LogFile, MemoryThatRunsOutIsNoTroubleOfTheKernelAndNamesWhoWasKilled) {
    KernelLog log(path_);
    EXPECT_FALSE(log.killed());
    log.append(bytes(kMemoryReport));
    EXPECT_FALSE(log.trouble()) << *log.trouble();
    EXPECT_EQ(log.killed(), "llm-run (process 57)");
    log.append(
        bytes("[    9.3] llm-run: page allocation failure: order:0, "
              "mode:0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), nodemask=(null)\n"
              "[    9.3] Call Trace:\n[    9.3]  <TASK>\n[    9.3] Mem-Info:\n"));
    EXPECT_FALSE(log.trouble()) << *log.trouble();
    log.append(bytes("[   10.0] Call Trace:\n"));
    EXPECT_TRUE(log.trouble());
}

TEST_F(LogFile, APanicForMemoryIsTrouble) {
    KernelLog log(path_);
    log.append(
        bytes("[ 9.1] init invoked oom-killer: gfp_mask=0x1, order=0, oom_score_adj=0\n"
              "[ 9.1] Call Trace:\n[ 9.1] Mem-Info:\n"
              "[ 9.2] Kernel panic - not syncing: System is deadlocked on memory\n"));
    EXPECT_EQ(log.trouble(), "[ 9.2] Kernel panic - not syncing: System is deadlocked on memory");
    EXPECT_FALSE(log.killed());
}

TEST_F(LogFile, HearsOfAKillByTheLimitOfAGroup) {
    KernelLog log(path_);
    log.append(
        bytes("[ 9.2] Memory cgroup out of memory: Killed process 8 (a b) total-vm:1kB\n"
              "[ 9.3] mytool: is out of memory: Killed process 9 (x)\n"));
    EXPECT_EQ(log.killed(), "a b (process 8)");
}

TEST_F(LogFile, HearsTheGuestGoToSleep) {
    KernelLog log(path_);
    log.append(bytes("[ 9.2] PM: hibernation: Registered nosave memory\n"));
    EXPECT_FALSE(log.suspended());
    log.append(bytes("[ 9.3] PM: suspend entry (s2idle)\n"));
    EXPECT_TRUE(log.suspended());
}

}  // namespace
}  // namespace skald::vm
