// SPDX-License-Identifier: MIT
// Trace points: each tells what happened, with the numbers of it.
#include <unistd.h>

#include <filesystem>
#include <regex>
#include <string>

#include "context.hpp"
#include "skald/fault.h"
#include "skald/mbox.h"

namespace skald::test {
namespace {

namespace fs = std::filesystem;

std::string tracefs(const std::string& name) {
    const std::string root = fs::exists("/sys/kernel/tracing/events")
                                 ? "/sys/kernel/tracing/"
                                 : "/sys/kernel/debug/tracing/";
    return root + name;
}

class Trace : public testing::Test {
  protected:
    void SetUp() override {
        write_file(tracefs("trace"), "");
        write_file(tracefs("events/skald/enable"), "1");
    }
    void TearDown() override { write_file(tracefs("events/skald/enable"), "0"); }

    // A line of the event whose text matches.
    static bool has(const std::string& event, const std::string& text) {
        const std::string card = fs::path(card_sysfs()).filename();
        return std::regex_search(read_file(tracefs("trace")),
                                 std::regex(": " + event + ": " + card + " " + text));
    }
};

TEST_F(Trace, EveryEventIsThere) {
    for (const char* event :
         {"skald_events", "skald_mbox", "skald_job_run", "skald_job_end", "skald_fault",
          "skald_bind", "skald_watchdog", "skald_reset", "skald_move_in", "skald_move_out"})
        EXPECT_TRUE(fs::exists(tracefs("events/skald/") + event + "/format")) << event;
}

TEST_F(Trace, FollowsAJobFromItsBindToItsEnd) {
    const Device device;
    Context context(device);
    ASSERT_EQ(context.run(write_word(0, 1)), 0);
    ASSERT_EQ(context.run(write_word(0, 2)), 0);
    EXPECT_TRUE(has("skald_bind", R"(ctx=\d+ ops=1 ret=0)"));
    for (const char* job : {R"(queue=\d+ seq=1 error=0)", R"(queue=\d+ seq=2 error=0)"}) {
        EXPECT_TRUE(has("skald_job_run", job));
        EXPECT_TRUE(has("skald_job_end", job));
    }
    EXPECT_TRUE(has("skald_mbox", R"(opcode=0x10 tag=\d+ ret=0)")) << "QUEUE_CREATE";
    EXPECT_TRUE(has("skald_mbox", R"(opcode=0x20 tag=\d+ ret=0)")) << "CTX_CREATE";
    EXPECT_TRUE(has("skald_events", "events=0x1")) << "the answer of the firmware";
}

TEST_F(Trace, TellsOfAFaultWhatTheIoctlTells) {
    const Device device;
    Context context(device);
    ASSERT_EQ(context.run(Program().load(1, kNowhere).end()), 0);
    EXPECT_TRUE(has("skald_fault", R"(ctx=\d+ queue_id=)" + std::to_string(context.queue()) +
                                       " seq=1 reason=" + std::to_string(SKALD_FAULT_UNMAPPED) +
                                       " op=0 address=0x123456789000"));
    EXPECT_TRUE(has("skald_job_end", R"(queue=\d+ seq=1 error=-5)"));
}

TEST_F(Trace, TellsOfTheWatchdogAndOfResets) {
    const Device device;
    Context context(device);
    ASSERT_EQ(context.submit(announce_and(spin())), 0);
    ASSERT_TRUE(wait_word(context, 0, 1));
    for (int i = 0; i < 1000 && !has("skald_watchdog", R"(queue=\d+ progress=\d+ stalls=0)"); ++i)
        ::usleep(10000);
    EXPECT_TRUE(has("skald_watchdog", R"(queue=\d+ progress=\d+ stalls=0)"));
    write_file(card_sysfs() + "/reset", "1");
    EXPECT_TRUE(has("skald_reset", R"(gen=\d+ ret=0)"));
    EXPECT_TRUE(has("skald_job_end", R"(queue=\d+ seq=1 error=-5)"));
}

}  // namespace
}  // namespace skald::test
