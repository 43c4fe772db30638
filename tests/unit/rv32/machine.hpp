// SPDX-License-Identifier: MIT
// A hart with 64 KiB of memory at 0x1000 and nothing else.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <vector>

#include "assembler.hpp"
#include "card/rv32/hart.hpp"

namespace skald::card::rv32::test {

inline constexpr U kBase = 0x1000;
inline constexpr U kBytes = 0x10000;
inline constexpr U kHandler = 0x8000;  // where set_handler() points mtvec

class Memory final : public Bus {
  public:
    bool fetch(U address, std::uint16_t& half) override { return get(address, &half, 2); }
    bool load(U address, unsigned bytes, U& value) override {
        value = 0;
        return get(address, &value, bytes);
    }
    bool store(U address, unsigned bytes, U value) override {
        if (!inside(address, bytes)) {
            return false;
        }
        std::memcpy(&bytes_[address - kBase], &value, bytes);
        return true;
    }
    void put(U address, U word) { ASSERT_TRUE(store(address, 4, word)); }
    void put16(U address, U half) { ASSERT_TRUE(store(address, 2, half)); }
    U word(U address) {
        U value = 0;
        EXPECT_TRUE(load(address, 4, value));
        return value;
    }

  private:
    static bool inside(U address, unsigned bytes) {
        return address >= kBase && address - kBase <= kBytes - bytes;
    }
    bool get(U address, void* to, unsigned bytes) {
        if (!inside(address, bytes)) {
            return false;
        }
        std::memcpy(to, &bytes_[address - kBase], bytes);
        return true;
    }
    std::vector<std::uint8_t> bytes_ = std::vector<std::uint8_t>(kBytes);
};

struct Machine {
    Memory memory;
    std::atomic<U> lines{0};
    Hart hart{memory, lines};

    Machine() { hart.reset(kBase); }

    // Puts words at pc and executes as many instructions.
    void run(std::initializer_list<U> words) {
        U at = hart.pc();
        for (const U word : words) {
            memory.put(at, word);
            at += 4;
        }
        for (std::size_t n = 0; n < words.size(); ++n) {
            ASSERT_EQ(hart.step(), Outcome::kRetired);
        }
    }
    // Result in x3 of one instruction on x1 = a and x2 = b.
    U alu(U word, U a, U b = 0) {
        hart.set_x(1, a);
        hart.set_x(2, b);
        run({word});
        return hart.x(3);
    }
    U csr_value(U number) {
        U value = 0;
        EXPECT_TRUE(hart.csrs().read(number, lines, value)) << std::hex << number;
        return value;
    }
    void set_csr(U number, U value) { EXPECT_TRUE(hart.csrs().write(number, value)); }
    void set_handler(U mode = 0) { set_csr(0x305, kHandler | mode); }

    // One instruction that traps: state as the specification wants it.
    void expect_trap(U word, Cause cause, U value) {
        const U pc = hart.pc();
        set_handler();
        memory.put(pc, word);
        ASSERT_EQ(hart.step(), Outcome::kRetired);
        EXPECT_EQ(hart.pc(), kHandler);
        EXPECT_EQ(csr_value(0x342), static_cast<U>(cause));
        EXPECT_EQ(csr_value(0x341), pc);
        EXPECT_EQ(csr_value(0x343), value);
        hart.return_from_trap();
        hart.set_pc(pc);
    }
};

}  // namespace skald::card::rv32::test
