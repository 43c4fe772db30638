// SPDX-License-Identifier: MIT
// The driver of these tests.
#include "test_driver.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>

namespace skald::card::test {

std::vector<std::byte> firmware_image() {
    std::ifstream file(SKALD_FIRMWARE, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    EXPECT_FALSE(bytes.empty()) << SKALD_FIRMWARE;
    const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
    return {data, data + bytes.size()};
}

void TestDriver::start_boot(const std::vector<std::byte>& image, std::uint32_t host_abi) {
    constexpr std::uint32_t kAt = 0x10000;
    std::memcpy(host_.memory().data() + kAt, image.data(), image.size());
    card_.reg_write(SKALD_REG_BOOT_ADDR_LO, kAt);
    card_.reg_write(SKALD_REG_BOOT_ADDR_HI, 0);
    card_.reg_write(SKALD_REG_BOOT_SIZE, static_cast<std::uint32_t>(image.size()));
    card_.reg_write(SKALD_REG_HOST_ABI, host_abi);
    card_.reg_write(SKALD_REG_INTR_MASK, SKALD_INTR_STATE | SKALD_INTR_MBOX);
    card_.reg_write(SKALD_REG_INTR_STATUS, SKALD_INTR_STATE | SKALD_INTR_MBOX);
    card_.reg_write(SKALD_REG_CTRL, SKALD_CTRL_BOOT);
}

std::uint32_t TestDriver::boot(const std::vector<std::byte>& image, std::uint32_t host_abi) {
    start_boot(image, host_abi);
    EXPECT_TRUE(host_.wait([&] {
        card_.reg_write(SKALD_REG_INTR_STATUS, SKALD_INTR_STATE);
        return status() != SKALD_STATE_BOOTING;
    }));
    return status();
}

void TestDriver::reset() {
    card_.reg_write(SKALD_REG_CTRL, SKALD_CTRL_RESET);
    EXPECT_TRUE(host_.wait([&] { return status() != SKALD_STATE_RESETTING; }));
    tails_.fill(0);
}

void TestDriver::post(std::initializer_list<std::uint32_t> words_without_tag) {
    Words words{};
    std::size_t at = 0;
    for (const std::uint32_t word : words_without_tag) {
        words[at] = word;
        at += at == 0 ? 2 : 1;
    }
    words[SKALD_MBOX_W_TAG] = ++tag_;
    for (std::uint32_t i = 0; i < SKALD_MBOX_WORDS; ++i) {
        card_.reg_write(SKALD_REG_MBOX_CMD0 + 4 * i, words[i]);
    }
    card_.reg_write(SKALD_REG_INTR_STATUS, SKALD_INTR_MBOX);
    card_.reg_write(SKALD_REG_MBOX_DOORBELL, 1);
}

bool TestDriver::answered() {
    return (reg(SKALD_REG_MBOX_STATUS) & SKALD_MBOX_BUSY) == 0;
}

Words TestDriver::answer() {
    EXPECT_TRUE(host_.wait([&] { return answered(); }));
    Words words{};
    for (std::uint32_t i = 0; i < SKALD_MBOX_WORDS; ++i) {
        words[i] = reg(SKALD_REG_MBOX_RSP0 + 4 * i);
    }
    EXPECT_EQ(words[SKALD_MBOX_W_TAG], tag_);
    return words;
}

Words TestDriver::command(std::initializer_list<std::uint32_t> words_without_tag) {
    post(words_without_tag);
    return answer();
}

std::uint32_t TestDriver::create_context(std::uint32_t id) {
    return command({SKALD_MBOX_CTX_CREATE, id, 0x100000 + id * 4096, 0})[SKALD_MBOX_W_STATUS];
}

std::uint32_t TestDriver::create_queue(const QueueConfig& c) {
    tails_[c.id] = 0;
    log2_[c.id] = c.log2;
    const std::uint64_t page = page_of(c.id);
    host_.clear_host(page, 4096);
    const auto lo = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
    const auto hi = [](std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); };
    return command({SKALD_MBOX_QUEUE_CREATE, c.id, c.context, lo(ring_of(c.id)), hi(ring_of(c.id)),
                    c.log2, lo(page), hi(page), c.vector, c.priority, c.scratch, 8,
                    1000})[SKALD_MBOX_W_STATUS];
}

std::uint64_t TestDriver::submit(std::uint32_t queue, std::uint64_t program, std::uint32_t ops) {
    skald_ring_entry entry{};
    entry.seq = tails_[queue] + 1;
    entry.program_va = program;
    entry.args_va = 0x5000;
    entry.program_ops = ops;
    return submit(queue, entry);
}

std::uint64_t TestDriver::submit(std::uint32_t queue, skald_ring_entry entry, bool ring_it) {
    const std::uint64_t index = tails_[queue] % (1ull << log2_[queue]);
    std::memcpy(host_.memory().data() + ring_of(queue) + index * sizeof(entry), &entry,
                sizeof(entry));
    ++tails_[queue];
    if (ring_it) {
        ring(queue, static_cast<std::uint32_t>(tails_[queue]));
    }
    return tails_[queue];
}

void TestDriver::ring(std::uint32_t queue, std::uint32_t tail) {
    card_.doorbell_write(queue * SKALD_DOORBELL_STRIDE, tail);
}

std::optional<skald_completion> TestDriver::poll(std::uint32_t queue, std::uint64_t seq) {
    const std::uint64_t slot = (seq - 1) % SKALD_COMPLETION_SLOTS;
    const std::uint64_t at =
        page_of(queue) + SKALD_COMPLETION_OFFSET + slot * sizeof(skald_completion);
    if (host_.host_word(at + SKALD_OFFSETOF(skald_completion, seq)) != seq) {
        return std::nullopt;
    }
    skald_completion record;
    host_.copy_from_host(at, &record, sizeof(record));
    return record;
}

skald_stamps TestDriver::stamps(std::uint32_t queue, std::uint64_t seq) {
    const std::uint64_t slot = (seq - 1) % SKALD_COMPLETION_SLOTS;
    skald_stamps stamps;
    host_.copy_from_host(page_of(queue) + SKALD_STAMPS_OFFSET + slot * sizeof(stamps), &stamps,
                         sizeof(stamps));
    return stamps;
}

skald_completion TestDriver::completion(std::uint32_t queue, std::uint64_t seq) {
    std::optional<skald_completion> record;
    EXPECT_TRUE(host_.wait([&] {
        record = poll(queue, seq);
        return record.has_value();
    })) << "queue "
        << queue << " seq " << seq << "; log:\n"
        << log_text();
    return record.value_or(skald_completion{});
}

std::string TestDriver::log_text() {
    const auto word = [&](std::uint32_t offset) { return reg(SKALD_SHARED_OFFSET + offset); };
    if (word(SKALD_OFFSETOF(skald_fw_log, magic)) != SKALD_FW_LOG_MAGIC) {
        return {};
    }
    const std::uint32_t size = word(SKALD_OFFSETOF(skald_fw_log, size));
    const std::uint32_t head = word(SKALD_OFFSETOF(skald_fw_log, head));
    std::string text;
    for (std::uint32_t n = head > size ? head - size : 0; n != head; ++n) {
        const auto at = SKALD_SHARED_OFFSET + static_cast<std::uint32_t>(sizeof(skald_fw_log));
        text += static_cast<char>(card_.reg_read(at + n % size, 1));
    }
    return text;
}

}  // namespace skald::card::test
