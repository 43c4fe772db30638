// SPDX-License-Identifier: MIT
// hw.hpp as plain data: tests set what the firmware will see, and read what it did. Time stands
// still unless a test moves it, so schedules are exact.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "firmware/hw.hpp"

namespace skald::fw::test {

struct FakeHw {
    u64 now = 1000;
    u64 timer = hw::kNever;
    u32 pending = 0;
    u32 enabled = 0;
    u32 host_abi = SKALD_FW_ABI;
    u64 memory = 64u << 20;
    u32 fw_abi = 0;
    u32 heartbeat = 0;
    bool ready = false;
    std::optional<u32> refused;
    std::optional<u32> halted;
    std::string log;
    std::vector<std::pair<u64, u32>> cleared;  // card memory: offset, bytes
    std::array<u32, SKALD_MBOX_WORDS> command{};
    std::array<u32, SKALD_MBOX_WORDS> response{};
    unsigned responses = 0;
    std::array<u32, SKALD_MAX_QUEUES / 32> doorbells{};
    std::array<u32, SKALD_MAX_QUEUES> tails{};
    std::map<u32, u64> roots;
    std::vector<u32> invalidated;
    std::map<u32, hw::QueueSetup> queues;
    std::map<u64, skald_ring_entry> entries;  // by card offset
    std::vector<u64> fetched;
    struct Completion {
        u32 queue;
        skald_completion record;
    };
    std::vector<Completion> completions;
    std::vector<std::string> engine;  // "launch 3", "resume 3", "preempt", "cancel"
    std::optional<u32> running;
    std::optional<hw::Result> result;

    // The engine ends its run.
    void end(u32 status, u64 micro_ops = 1, u32 reason = SKALD_FAULT_NONE) {
        hw::Result r{};
        r.status = status;
        r.reason = reason;
        r.op_index = 5;
        r.micro_ops = micro_ops;
        result = r;
        running.reset();
        pending |= SKALD_CORE_IRQ_ENGINE;
    }
};

// refuse() and halt() do not return: here they leave by exception.
struct Stopped {};

// One fake at a time; set by the fixture.
extern FakeHw* fake;

}  // namespace skald::fw::test
