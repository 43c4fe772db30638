// SPDX-License-Identifier: MIT
// Device coredumps: a fault and a reset leave one that tells what was there.
#include <linux/pci_regs.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "context.hpp"
#include "skald/fault.h"

namespace skald::test {
namespace {

namespace fs = std::filesystem;

const char* const kDumps = "/sys/class/devcoredump";

std::string hex(std::uint64_t value, const char* format = "%#llx") {
    char text[32];
    std::snprintf(text, sizeof(text), format, static_cast<unsigned long long>(value));
    return text;
}

// The text of a dump that is waiting, which is taken with it; "" if there is none.
std::string take_dump() {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(kDumps, error))
        if (fs::exists(entry.path() / "data")) {
            std::string text = read_file(entry.path() / "data");
            write_file(entry.path() / "data", "done");
            return text;
        }
    return {};
}

std::string wait_for_dump() {
    for (int i = 0; i < 2000; ++i) {
        if (std::string text = take_dump(); !text.empty())
            return text;
        ::usleep(10000);
    }
    return {};
}

class Coredump : public testing::Test {
  protected:
    void SetUp() override {
        // What other tests left, whose last one may still be in the making.
        for (int quiet = 0; quiet < 20; ++quiet) {
            if (!take_dump().empty())
                quiet = 0;
            ::usleep(10000);
        }
    }
    static bool has(const std::string& text, const std::string& line) {
        return text.find(line) != std::string::npos;
    }
    Device device_;
};

TEST_F(Coredump, OfAFaultHasRegistersRingsProgramAndPageTableWalk) {
    Context context(device_);
    // A second job waits behind the one that faults: it is in the ring.
    const drm_skald_job jobs[] = {context.load(Program().set(2, 7).load(1, kNowhere).end(), 0),
                                  context.load(write_word(0, 1), 1)};
    ASSERT_EQ(device_.submit(context.queue(), jobs), 0);
    ASSERT_EQ(device_.wait_completed(context.queue(), 2), 0);

    const std::string text = wait_for_dump();
    EXPECT_TRUE(has(text, "reason: a job faulted\n")) << text;
    EXPECT_TRUE(has(text, "\nreason: " + std::to_string(SKALD_FAULT_UNMAPPED) + "\n"));
    EXPECT_TRUE(has(text, "\nmicro-op: 1\n"));
    EXPECT_TRUE(has(text, "\naddress: " + hex(kNowhere) + "\n"));
    EXPECT_TRUE(has(text, "\nID: 0x31414b53\n"));
    EXPECT_TRUE(has(text, "\nHEARTBEAT: 0x"));
    EXPECT_TRUE(has(text, "job 1: program " + hex(kBase) + " ops 3 "));
    EXPECT_TRUE(has(text, "\n**** Rings ****\nqueue "));
    // The walk begins at the root, and ends where nothing is mapped.
    EXPECT_TRUE(has(text, "\n**** Page table, " + hex(kNowhere) + " ****\nlevel 3: table 0x"));
    const std::size_t walk = text.find("\n**** Page table");
    EXPECT_NE(text.substr(walk, text.find("\n\n", walk) - walk).find(": 0x0"), std::string::npos)
        << "no entry that is not valid";
    // The micro-ops as they are in the buffer.
    EXPECT_TRUE(has(text, "\n**** Program, " + hex(kBase) + " ****\n0: "));
    std::string op = "\n1: ";
    for (std::size_t i = 64; i < 128; ++i)
        op += hex(context.map().bytes()[i], "%02llx");
    EXPECT_TRUE(has(text, op + "\n")) << text;
    EXPECT_TRUE(has(text, "\n**** Firmware log ****\n["));
    EXPECT_FALSE(has(text, "no log"));
}

TEST_F(Coredump, OfAFaultInMappedMemoryWalksToTheLeaf) {
    Context context(device_);
    ASSERT_EQ(
        device_.map_va(context.vm(), context.buffer(), 0x40000000, kBig, DRM_SKALD_BIND_READONLY),
        0);
    ASSERT_EQ(context.run(Program().set(2, 7).store(0x40000000, 2).end()), 0);
    const std::string text = wait_for_dump();
    EXPECT_TRUE(has(text, "\nreason: " + std::to_string(SKALD_FAULT_READONLY) + "\n")) << text;
    EXPECT_TRUE(has(text, "\nlevel 3: table 0x"));
    EXPECT_TRUE(has(text, "\nlevel 2: table 0x"));
    EXPECT_TRUE(has(text, "\nlevel 1: table 0x"));
    EXPECT_FALSE(has(text, "\nlevel 0: table 0x")) << "a page of 2 MiB has no table below";
}

TEST_F(Coredump, OfAResetTellsWhyAndWhatWasOnTheCard) {
    Context context(device_);
    ASSERT_EQ(context.submit(announce_and(Program().wait_semaphore(Context::data_va(9), 1).end())),
              0);
    ASSERT_TRUE(wait_word(context, 0, 1));
    {
        // The completion gets lost, which the watchdog finds out.
        const CommandOff off(PCI_COMMAND_MASTER);
        context.data(9) = 1;
        ::usleep(500000);
    }
    const std::string text = wait_for_dump();
    EXPECT_TRUE(has(text, "reason: a completion was lost\n")) << text;
    EXPECT_TRUE(has(text, "job 1: program " + hex(kBase) + " ops "));
    EXPECT_TRUE(has(text, "\nENGINE_STATE: 0x0\n"));
    EXPECT_TRUE(has(text, "\n**** Firmware log ****\n["));
    // The reset itself comes after the dump.
    Context after(device_);
    EXPECT_EQ(after.run(write_word(0, 1)), 0);
}

TEST_F(Coredump, OneIsKeptUntilItIsTaken) {
    Context first(device_), second(device_);
    ASSERT_EQ(first.run(Program().load(1, kNowhere).end()), 0);
    // It is there before the next one could be.
    const std::string started = [] {
        for (int i = 0; i < 2000; ++i) {
            for (const auto& entry : fs::directory_iterator(kDumps))
                if (fs::exists(entry.path() / "data"))
                    return entry.path().string();
            ::usleep(10000);
        }
        return std::string();
    }();
    ASSERT_FALSE(started.empty());
    ASSERT_EQ(second.run(bad_opcode()), 0);
    const std::string text = take_dump();
    EXPECT_TRUE(has(text, "\nreason: " + std::to_string(SKALD_FAULT_UNMAPPED) + "\n")) << text;
}

}  // namespace
}  // namespace skald::test
