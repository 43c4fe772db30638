// SPDX-License-Identifier: MIT
// Functions of hw.hpp on the fake.
#include "fake_hw.hpp"

#include <gtest/gtest.h>

namespace skald::fw::test {

FakeHw* fake = nullptr;

}  // namespace skald::fw::test

namespace skald::fw::hw {

using test::fake;

u64 now_us() {
    return fake->now;
}
void set_timer(u64 when_us) {
    fake->timer = when_us;
}
u32 pending_irqs() {
    return fake->pending;
}
void enable_irqs(u32 bits) {
    fake->enabled = bits;
}
void clear_irqs(u32 bits) {
    fake->pending &= ~bits;
}
void wait() {}
u32 host_abi() {
    return fake->host_abi;
}
u64 memory_bytes() {
    return fake->memory;
}
void announce(u32 fw_abi, u32) {
    fake->fw_abi = fw_abi;
}
void set_heartbeat(u32 count) {
    fake->heartbeat = count;
}
void ready() {
    fake->ready = true;
}
void refuse(u32 boot_error) {
    fake->refused = boot_error;
    throw test::Stopped{};
}
void halt(u32 reason) {
    fake->halted = reason;
    throw test::Stopped{};
}
void log_bytes(const char* text, u32 bytes) {
    fake->log.append(text, bytes);
}

void clear_memory(u64 offset, u32 bytes) {
    EXPECT_LE(bytes, kClearMost);
    fake->cleared.emplace_back(offset, bytes);
}

u32 command_word(u32 index) {
    return fake->command.at(index);
}
void set_response_word(u32 index, u32 value) {
    fake->response.at(index) = value;
}
void post_response() {
    fake->pending &= ~SKALD_CORE_IRQ_MBOX;
    ++fake->responses;
}

u32 take_doorbells(u32 word) {
    const u32 bits = fake->doorbells.at(word);
    fake->doorbells[word] = 0;
    fake->pending &= ~SKALD_CORE_IRQ_DOORBELL;
    return bits;
}
u32 doorbell_tail(u32 queue) {
    return fake->tails.at(queue);
}

void set_context(u32 context, u64 root) {
    fake->roots[context] = root;
}
void clear_context(u32 context) {
    fake->roots.erase(context);
}
void invalidate(u32 context) {
    fake->invalidated.push_back(context);
}

bool set_queue(u32 queue, const QueueSetup& setup) {
    EXPECT_TRUE(fake->queues.emplace(queue, setup).second) << "queue set up twice";
    return true;
}
void clear_queue(u32 queue) {
    EXPECT_NE(fake->running, queue) << "running queue torn down";
    EXPECT_EQ(fake->queues.erase(queue), 1u);
}

skald_ring_entry fetch_entry(u64 card_offset) {
    fake->fetched.push_back(card_offset);
    return fake->entries.at(card_offset);
}
void post_completion(u32 queue, const skald_completion& record) {
    EXPECT_TRUE(fake->queues.contains(queue)) << "completion for a queue that is gone";
    fake->completions.push_back({queue, record});
}

void launch(const Job& job) {
    EXPECT_FALSE(fake->running) << "launch while running";
    EXPECT_FALSE(fake->result) << "launch before the result was taken";
    EXPECT_TRUE(fake->queues.contains(job.queue));
    fake->running = job.queue;
    fake->engine.push_back("launch " + std::to_string(job.queue));
}
void resume(u32 queue) {
    EXPECT_FALSE(fake->running);
    fake->running = queue;
    fake->engine.push_back("resume " + std::to_string(queue));
}
void preempt() {
    fake->engine.emplace_back("preempt");
}
void cancel() {
    fake->engine.emplace_back("cancel");
}

Result take_result() {
    const Result result = fake->result.value();
    fake->result.reset();
    fake->pending &= ~SKALD_CORE_IRQ_ENGINE;
    return result;
}

}  // namespace skald::fw::hw
