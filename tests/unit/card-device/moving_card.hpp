// SPDX-License-Identifier: MIT
// A machine that stops, and whose card goes on in a new one: real firmware, real engine. The
// guest's memory and the driver stay, as they do in a VM that is loaded from a snapshot.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <optional>

#include "program.hpp"
#include "test_driver.hpp"

namespace skald::card::test {

class MovingCard : public testing::Test {
  protected:
    MovingCard() { life(); }

    void boot() {
        ASSERT_EQ(driver->boot(), SKALD_STATE_RUNNING) << driver->log_text();
        ASSERT_EQ(driver->create_context(0), SKALD_MBOX_OK);
        mapper.emplace(host);
    }

    void stop() {
        card->begin_pause();
        ASSERT_TRUE(host.wait([&] { return card->paused(); }));
    }
    // The stopped card's successor, stopped as well, at the same address: the driver keeps it.
    void replace() {
        const std::vector<std::byte> snapshot = card->save();
        life();
        card->begin_pause();
        ASSERT_TRUE(host.wait([&] { return card->paused(); }));
        card->load(snapshot);
    }
    void hop() {
        stop();
        replace();
        card->end_pause();
    }

    std::uint64_t submit(std::uint32_t queue, const Program& program) {
        const std::uint64_t at = kCode + queue * 0x10000ull + seq[queue] % 16 * 0x1000ull;
        std::memcpy(host.memory().data() + at, program.data(),
                    program.size() * sizeof(isa::MicroOp));
        skald_ring_entry entry{};
        entry.seq = ++seq[queue];
        entry.program_va = at;
        entry.args_va = kArgs + queue * 4096ull;
        entry.program_ops = static_cast<std::uint32_t>(program.size());
        return driver->submit(queue, entry);
    }
    void wait_until_running(std::uint32_t queue) {
        ASSERT_TRUE(host.wait([&] {
            return driver->reg(SKALD_REG_ENGINE_STATE) == 1 &&
                   driver->reg(SKALD_REG_ENGINE_QUEUE) == queue;
        }));
    }

    // n turns of adding one to a word, in place: a turn lost or made twice shows.
    static Program counting(std::uint64_t n, std::uint64_t word) {
        isa::MicroOp add = ops::base(isa::Opcode::SemSignal);
        add.aux = static_cast<std::uint8_t>(isa::SignalOp::Add);
        add.flags = isa::kFlagImm;
        add.imm = 1;
        add.op[0].offset = word;
        isa::MicroOp loop = ops::base(isa::Opcode::Loop);
        loop.rd = 1;
        loop.dim[0] = 1;
        return {ops::alu_imm(isa::AluOp::Mov, 1, 0, n), add, loop, ops::end()};
    }
    static Program waiting(std::uint64_t word) { return {ops::sem_wait(word, 1), ops::end()}; }

    TestHost host;
    std::array<std::uint64_t, 8> seq{};
    std::optional<Card> card;
    std::optional<TestDriver> driver;
    std::optional<Mapper> mapper;

  private:
    void life() {
        CardOptions options;
        options.threads = 2;
        card.emplace(host.memory(), host.ports(), host.hooks(), options);
        if (!driver)
            driver.emplace(host, *card);
    }
};

}  // namespace skald::card::test
