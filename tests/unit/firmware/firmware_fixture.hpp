// SPDX-License-Identifier: MIT
// A booted firmware on the fake hardware, with the moves of a driver and of an engine.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>

#include "fake_hw.hpp"
#include "firmware/firmware.hpp"

namespace skald::fw::test {

class FirmwareTest : public testing::Test {
  protected:
    FirmwareTest() { fake = &hw; }
    ~FirmwareTest() override { fake = nullptr; }

    void SetUp() override { firmware.boot(); }

    // A command as far as its status, or nothing if it is not answered yet. Word 1 is the tag.
    std::optional<u32> command(std::initializer_list<u32> words) {
        hw.command.fill(0);
        hw.response.fill(0);
        std::copy(words.begin(), words.end(), hw.command.begin());
        hw.pending |= SKALD_CORE_IRQ_MBOX;
        return answered_after_turn();
    }
    // One turn of the main loop; the status if that answered the command.
    std::optional<u32> answered_after_turn() {
        const unsigned before = hw.responses;
        firmware.turn();
        return hw.responses > before ? std::optional(hw.response[0]) : std::nullopt;
    }
    void context(u32 id) {
        ASSERT_EQ(command({SKALD_MBOX_CTX_CREATE, 0, id, 0x1000}), SKALD_MBOX_OK);
    }
    void queue(u32 id, u32 priority = SKALD_FW_PRIO_NORMAL, u32 ctx = 0) {
        ASSERT_EQ(command({SKALD_MBOX_QUEUE_CREATE, 0, id, ctx, ring_of(id), 0, 5, 0x1000, 0, 1,
                           priority, 0, 0, 0}),
                  SKALD_MBOX_OK);
    }
    static u32 ring_of(u32 id) { return 0x100000 + id * 4096; }

    // Rings with `count` more good entries.
    void submit(u32 id, u32 count = 1) {
        for (u32 n = 0; n < count; ++n) {
            skald_ring_entry entry{};
            entry.seq = ++hw.tails[id];
            entry.program_ops = 1;
            hw.entries[ring_of(id) + (entry.seq - 1) % 32 * sizeof(entry)] = entry;
        }
        hw.doorbells[id / 32] |= 1u << (id % 32);
        hw.pending |= SKALD_CORE_IRQ_DOORBELL;
        firmware.turn();
    }
    void end(u32 status, u64 micro_ops = 1, u32 reason = SKALD_FAULT_NONE) {
        hw.end(status, micro_ops, reason);
        firmware.turn();
    }
    // Time passes; the timer fires if it is due.
    void pass(u64 us) {
        hw.now += us;
        if (hw.now >= hw.timer) {
            firmware.turn();
        }
    }

    FakeHw hw;
    Firmware firmware;
};

using Moves = std::vector<std::string>;

}  // namespace skald::fw::test
