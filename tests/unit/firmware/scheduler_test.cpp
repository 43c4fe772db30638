// SPDX-License-Identifier: MIT
// Whose turn it is, to the microsecond.
#include "firmware_fixture.hpp"

namespace skald::fw::test {
namespace {

class SchedulerTest : public FirmwareTest {
  protected:
    void SetUp() override {
        FirmwareTest::SetUp();
        context(0);
        queue(0, SKALD_FW_PRIO_HIGH);
        queue(1);
        queue(2);
        queue(3, SKALD_FW_PRIO_LOW);
    }
};

TEST_F(SchedulerTest, AJobIsLaunchedAtOnceAndFollowedByTheNext) {
    submit(1, 2);
    EXPECT_EQ(hw.engine, (Moves{"launch 1"}));
    end(SKALD_JOB_DONE);
    EXPECT_EQ(hw.engine, (Moves{"launch 1", "launch 1"}));
    end(SKALD_JOB_CONTINUE);
    ASSERT_EQ(hw.completions.size(), 2u);
    EXPECT_EQ(hw.completions[0].record.status, SKALD_JOB_DONE);
    EXPECT_EQ(hw.completions[0].record.seq, 1u);
    EXPECT_EQ(hw.completions[1].record.status, SKALD_JOB_CONTINUE);
    EXPECT_EQ(hw.completions[1].record.seq, 2u);
    EXPECT_FALSE(hw.running);
}

TEST_F(SchedulerTest, HigherPriorityPreemptsOnceAndAtOnce) {
    submit(3);
    submit(1);
    submit(0);
    EXPECT_EQ(hw.engine, (Moves{"launch 3", "preempt"}));
    end(SKALD_CORE_PREEMPTED, 10);
    EXPECT_EQ(hw.engine.back(), "launch 0");
    end(SKALD_JOB_DONE);
    EXPECT_EQ(hw.engine.back(), "launch 1");
    end(SKALD_JOB_DONE);
    EXPECT_EQ(hw.engine.back(), "resume 3");
    end(SKALD_JOB_DONE, 30);
    EXPECT_EQ(hw.completions.back().record.micro_ops, 30u)
        << "the engine's sums, not added up again";
}

TEST_F(SchedulerTest, LowerPriorityWaits) {
    submit(1);
    submit(3);
    pass(10 * kSliceUs);
    EXPECT_EQ(hw.engine, (Moves{"launch 1"}));
}

TEST_F(SchedulerTest, ALevelThatWaitedForLongGetsOneSlice) {
    submit(1);
    pass(kSliceUs);
    submit(3);
    pass(kAgeUs - 1);
    EXPECT_EQ(hw.engine, (Moves{"launch 1"}));
    pass(1);
    EXPECT_EQ(hw.engine.back(), "preempt");
    end(SKALD_CORE_PREEMPTED);
    EXPECT_EQ(hw.engine.back(), "launch 3") << "though 1 is above it";
    pass(kSliceUs - 1);
    EXPECT_EQ(hw.engine.back(), "launch 3") << "its slice is its own";
    pass(1);
    EXPECT_EQ(hw.engine.back(), "preempt");
    end(SKALD_CORE_PREEMPTED);
    EXPECT_EQ(hw.engine.back(), "resume 1");
    pass(kAgeUs);
    end(SKALD_CORE_PREEMPTED);
    EXPECT_EQ(hw.engine.back(), "resume 3") << "again and again";
}

TEST_F(SchedulerTest, EveryLevelAdvancesBelowOneThatIsNeverIdle) {
    submit(0);
    submit(1);
    submit(3);
    int normal = 0, low = 0;
    for (int n = 0; n < 500; ++n) {
        pass(kSliceUs);
        if (hw.engine.back() == "preempt") {
            end(SKALD_CORE_PREEMPTED);
        }
        normal += hw.engine.back().ends_with(" 1");
        low += hw.engine.back().ends_with(" 3");
    }
    EXPECT_GE(normal, 5);
    EXPECT_GE(low, 5);
    EXPECT_LE(normal + low, 25) << "and the highest has nearly all";
}

TEST_F(SchedulerTest, AgeDoesNotKeepAHigherOneWaiting) {
    submit(1);
    submit(3);
    pass(kAgeUs - 1);
    submit(0);
    EXPECT_EQ(hw.engine.back(), "preempt");
    end(SKALD_CORE_PREEMPTED);
    EXPECT_EQ(hw.engine.back(), "launch 0");
}

TEST_F(SchedulerTest, ContextsTakeTurnsHoweverManyQueuesTheyHave) {
    context(1);
    queue(10, SKALD_FW_PRIO_NORMAL, 1);
    for (const u32 id : {4, 5, 6}) {
        queue(id);
    }
    for (const u32 id : {1, 2, 4, 5, 6, 10}) {
        submit(id);
    }
    int others = 0;
    Moves seen;
    for (int n = 0; n < 20; ++n) {
        const std::string& now = hw.engine.back();
        others += now.ends_with(" 10");
        seen.push_back(now);
        pass(kSliceUs);
        end(SKALD_CORE_PREEMPTED);
    }
    EXPECT_EQ(others, 10) << testing::PrintToString(seen);
}

TEST_F(SchedulerTest, ContextsOfShortAndOfLongJobsGetTheSame) {
    context(1);
    queue(10, SKALD_FW_PRIO_NORMAL, 1);
    submit(1);
    submit(2);
    submit(10);
    u64 long_us = 0, all_us = 0;
    for (int n = 0; n < 400; ++n) {
        const std::string now = hw.engine.back();
        const bool is_long = now.ends_with(" 10");
        pass(kSliceUs / 4);
        all_us += kSliceUs / 4;
        long_us += is_long ? kSliceUs / 4 : 0;
        if (hw.engine.back() == "preempt") {
            end(SKALD_CORE_PREEMPTED);
        } else if (!is_long) {
            end(SKALD_JOB_DONE);
            submit(now.ends_with(" 1") ? 1 : 2);
        }
    }
    EXPECT_GE(long_us * 100, all_us * 40);
    EXPECT_LE(long_us * 100, all_us * 60);
}

TEST_F(SchedulerTest, AJobThatHasHadItsEngineTimeFaults) {
    context(1);
    ASSERT_EQ(command({SKALD_MBOX_QUEUE_CREATE, 0, 10, 1, ring_of(10), 0, 5, 0x1000, 0, 1,
                       SKALD_FW_PRIO_NORMAL, 0, 0, 0, 50}),
              SKALD_MBOX_OK);
    submit(10, 2);
    pass(20000);
    submit(0);  // takes the engine: time in which the job does not run does not count
    end(SKALD_CORE_PREEMPTED);
    pass(70000);
    end(SKALD_JOB_DONE);
    EXPECT_EQ(hw.engine.back(), "resume 10");
    pass(29999);
    EXPECT_EQ(hw.engine.back(), "resume 10");
    pass(1);
    EXPECT_EQ(hw.engine.back(), "cancel");
    end(SKALD_JOB_CANCELLED, 77);
    ASSERT_EQ(hw.completions.size(), 3u);
    EXPECT_EQ(hw.completions[0].record.engine_us, 70000u);
    const skald_completion& late = hw.completions[1].record;
    EXPECT_EQ(late.status, SKALD_JOB_FAULT);
    EXPECT_EQ(late.reason, SKALD_FAULT_TIME);
    EXPECT_EQ(late.engine_us, 50000u);
    EXPECT_EQ(late.micro_ops, 77u);
    EXPECT_EQ(hw.completions[2].record.status, SKALD_JOB_BANNED);
    EXPECT_EQ(hw.completions[2].record.engine_us, 0u);
    ASSERT_EQ(command({SKALD_MBOX_CTX_FAULT, 0, 1}), SKALD_MBOX_OK);
    EXPECT_EQ(hw.response[SKALD_CF_REASON], SKALD_FAULT_TIME);
    submit(1);
    EXPECT_EQ(hw.engine.back(), "launch 1");
}

TEST_F(SchedulerTest, AJobThatEndsWhileItIsBeingStoppedForItsTimeHasEnded) {
    context(1);
    ASSERT_EQ(command({SKALD_MBOX_QUEUE_CREATE, 0, 10, 1, ring_of(10), 0, 5, 0x1000, 0, 1,
                       SKALD_FW_PRIO_NORMAL, 0, 0, 0, 50}),
              SKALD_MBOX_OK);
    submit(10, 2);
    pass(50000);
    EXPECT_EQ(hw.engine.back(), "cancel");
    end(SKALD_JOB_DONE);
    EXPECT_EQ(hw.completions[0].record.status, SKALD_JOB_DONE);
    EXPECT_EQ(hw.engine.back(), "launch 10");
    pass(10000);
    EXPECT_EQ(hw.engine.back(), "launch 10") << "with time of its own";
}

TEST_F(SchedulerTest, WithoutAnotherWishTheLongestTimeHolds) {
    submit(1);
    for (u64 us = 0; us + 1000000 < SKALD_JOB_MS_MAX * 1000ull; us += 1000000) {
        pass(1000000);
    }
    EXPECT_EQ(hw.engine, (Moves{"launch 1"}));
    pass(1000000);
    EXPECT_EQ(hw.engine.back(), "cancel");
}

TEST_F(SchedulerTest, MoreThanTheLongestTimeIsInvalid) {
    EXPECT_EQ(command({SKALD_MBOX_QUEUE_CREATE, 0, 10, 0, ring_of(10), 0, 5, 0x1000, 0, 1,
                       SKALD_FW_PRIO_NORMAL, 0, 0, 0, SKALD_JOB_MS_MAX + 1}),
              SKALD_MBOX_INVALID);
    EXPECT_EQ(hw.response[2], static_cast<u32>(SKALD_QC_JOB_MS));
}

TEST_F(SchedulerTest, AnEqualWaitsForTheEndOfTheSlice) {
    submit(1);
    pass(kSliceUs / 2);
    submit(2);
    EXPECT_EQ(hw.engine, (Moves{"launch 1"}));
    pass(kSliceUs / 2 - 1);
    EXPECT_EQ(hw.engine, (Moves{"launch 1"}));
    pass(1);
    EXPECT_EQ(hw.engine, (Moves{"launch 1", "preempt"}));
    end(SKALD_CORE_PREEMPTED);
    EXPECT_EQ(hw.engine.back(), "launch 2");
    pass(kSliceUs);
    end(SKALD_CORE_PREEMPTED);
    EXPECT_EQ(hw.engine.back(), "resume 1");
}

TEST_F(SchedulerTest, ASliceMaySpanSeveralShortJobs) {
    submit(1, 3);
    submit(2, 3);
    for (int n = 0; n < 2; ++n) {
        pass(kSliceUs / 4);
        end(SKALD_JOB_DONE);
        EXPECT_EQ(hw.engine.back(), "launch 1");
    }
    pass(kSliceUs / 2);
    EXPECT_EQ(hw.engine.back(), "preempt");
    end(SKALD_JOB_DONE);  // it ended just before it could be preempted
    EXPECT_EQ(hw.engine.back(), "launch 2");
}

TEST_F(SchedulerTest, APreemptedQueueKeepsItsTurnAndTheRestOfItsSlice) {
    submit(1);
    submit(2);
    pass(kSliceUs / 4);
    submit(0);
    end(SKALD_CORE_PREEMPTED);
    pass(3 * kSliceUs);
    end(SKALD_JOB_DONE);
    EXPECT_EQ(hw.engine.back(), "resume 1");
    EXPECT_EQ(hw.timer, hw.now + kSliceUs * 3 / 4);
}

TEST_F(SchedulerTest, ALoneQueueIsNotSliced) {
    submit(1);
    EXPECT_GT(hw.timer, hw.now + 10 * kSliceUs) << "only the heartbeat";
    pass(5 * kSliceUs);
    EXPECT_EQ(hw.engine, (Moves{"launch 1"}));
    submit(2);  // and its slice has long been over
    EXPECT_EQ(hw.engine, (Moves{"launch 1", "preempt"}));
}

TEST_F(SchedulerTest, ThreeEqualsGoRound) {
    queue(4);
    for (const u32 id : {1, 2, 4}) {
        submit(id);
    }
    Moves expected{"launch 1"};
    for (const char* next :
         {"launch 2", "launch 4", "resume 1", "resume 2", "resume 4", "resume 1"}) {
        pass(kSliceUs);
        end(SKALD_CORE_PREEMPTED);
        expected.insert(expected.end(), {"preempt", next});
    }
    EXPECT_EQ(hw.engine, expected);
}

TEST_F(SchedulerTest, TheRingIsReadInOrderAndWrapsAround) {
    for (u32 n = 0; n < 70; ++n) {
        submit(1);
        end(SKALD_JOB_DONE);
    }
    ASSERT_EQ(hw.fetched.size(), 70u);
    for (u32 n = 0; n < 70; ++n) {
        EXPECT_EQ(hw.fetched[n], ring_of(1) + n % 32 * 64);
    }
}

TEST_F(SchedulerTest, DoorbellCountersMayWrapAround) {
    // 2^32 jobs are more than a test can run: the arithmetic is checked where it is.
    Queue q;
    q.completed = 0xffffffff;
    q.tail = 3;
    q.ring_log2 = 5;
    EXPECT_EQ(q.pending(), 4u);
    EXPECT_EQ(q.next_seq(), 0x100000000u);
    EXPECT_EQ(q.next_entry(), 31u * 64);
}

TEST_F(SchedulerTest, ATailNeitherMovesBackNorPastTheRing) {
    submit(1, 3);
    end(SKALD_JOB_DONE);  // 1 is completed, 2 runs, 3 waits
    const auto ring = [&](u32 tail) {
        hw.tails[1] = tail;
        hw.doorbells[0] |= 1u << 1;
        hw.pending |= SKALD_CORE_IRQ_DOORBELL;
        firmware.turn();
        EXPECT_EQ(command({SKALD_MBOX_QUEUE_STATUS, 0, 1}), SKALD_MBOX_OK);
        return hw.response[SKALD_QS_TAIL];
    };
    for (const u32 bad : {2u, 1u, 0u, ~0u, 34u, 0x80000001u}) {
        hw.log.clear();
        hw.now += kRefusalsUs;
        EXPECT_EQ(ring(bad), 3u) << bad;
        EXPECT_NE(hw.log.find("doorbell " + std::to_string(bad) +
                              " refused, the last was 3, 1 completed, the ring holds 32"),
                  std::string::npos)
            << hw.log;
    }
    EXPECT_EQ(ring(3), 3u) << "the same again is no fault";
    EXPECT_EQ(ring(33), 33u) << "as many as the ring holds";
    EXPECT_EQ(hw.completions.size(), 1u);
}

TEST_F(SchedulerTest, ATailThatMovesBackLeavesNoJobBehind) {
    submit(1, 2);
    submit(2);
    hw.tails[1] = 0;
    hw.doorbells[0] |= 1u << 1;
    hw.pending |= SKALD_CORE_IRQ_DOORBELL;
    firmware.turn();
    end(SKALD_JOB_DONE);
    end(SKALD_JOB_DONE);
    end(SKALD_JOB_DONE);
    EXPECT_EQ(hw.engine, (Moves{"launch 1", "launch 1", "launch 2"}));
    EXPECT_EQ(hw.completions.size(), 3u);
}

TEST_F(SchedulerTest, TheEngineIsNeverAskedWhileItsResultWaits) {
    submit(1);
    hw.end(SKALD_JOB_DONE);
    submit(2);  // one turn sees both
    EXPECT_EQ(hw.engine, (Moves{"launch 1", "launch 2"}));
    EXPECT_EQ(hw.completions.size(), 1u);
}

TEST_F(SchedulerTest, HeartbeatComesAtLeastFourTimesASecond) {
    const u32 before = hw.heartbeat;
    for (int n = 0; n < 10; ++n) {
        pass(hw.timer - hw.now);
    }
    EXPECT_EQ(hw.heartbeat, before + 10);
    EXPECT_LE(hw.now, 1000u + 10 * 250000);
}

TEST_F(SchedulerTest, DoorbellsThatAreRefusedAreToldOnceASecondWithHowManyThereWere) {
    const auto ring_wrongly = [this](u32 times) {
        for (u32 n = 0; n < times; ++n) {
            hw.tails[1] = 1000 + n;
            hw.doorbells[0] |= 1u << 1;
            hw.pending |= SKALD_CORE_IRQ_DOORBELL;
            firmware.turn();
        }
    };
    const auto lines = [this] {
        unsigned count = 0;
        for (size_t at = hw.log.find("refused,"); at != std::string::npos;
             at = hw.log.find("refused,", at + 1)) {
            ++count;
        }
        return count;
    };
    ring_wrongly(1);
    EXPECT_EQ(lines(), 1u) << hw.log;
    ring_wrongly(5000);
    EXPECT_EQ(lines(), 1u) << "whoever rings as often as he likes";
    hw.now += kRefusalsUs;
    ring_wrongly(2);
    EXPECT_EQ(lines(), 2u);
    EXPECT_NE(hw.log.find("5002 refused so far"), std::string::npos) << hw.log;
    EXPECT_TRUE(hw.engine.empty());
    hw.tails[1] = 0;
    submit(1);
    EXPECT_EQ(hw.engine.back(), "launch 1") << "and the queue works as before";
}

}  // namespace
}  // namespace skald::fw::test
