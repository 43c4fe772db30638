// SPDX-License-Identifier: MIT
#include "busy_cpu.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <stdexcept>

namespace skald::qtest {
namespace {

constexpr std::size_t kRomSize = 64 << 10;
constexpr std::uint32_t kRomBase = 0xffff0000;
constexpr std::size_t kResetVector = 0xfff0;
constexpr std::size_t kGdt = 0x100;
constexpr std::size_t kGdtPointer = 0x120;
constexpr std::size_t kCode32 = 0x140;

class Rom {
  public:
    void at(std::size_t offset) { next_ = offset; }
    void bytes(std::initializer_list<std::uint8_t> values) {
        for (const std::uint8_t value : values) {
            data_.at(next_++) = static_cast<char>(value);
        }
    }
    void word(std::uint32_t value) {
        std::memcpy(&data_.at(next_), &value, sizeof(value));
        next_ += sizeof(value);
    }
    [[nodiscard]] const std::vector<char>& data() const { return data_; }

  private:
    std::vector<char> data_ = std::vector<char>(kRomSize);
    std::size_t next_ = 0;
};

// From reset into protected mode with flat segments, then the loop.
Rom program(Access access, std::uint32_t address) {
    constexpr std::uint8_t kLoopBytes = 13;
    Rom rom;
    rom.at(kResetVector);
    rom.bytes({0xe9, 0x0d, 0x00});  // jmp to offset 0
    rom.at(0);
    rom.bytes({0xfa});                                                                // cli
    rom.bytes({0x2e, 0x66, 0x0f, 0x01, 0x16, kGdtPointer & 0xff, kGdtPointer >> 8});  // lgdt
    rom.bytes({0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0});                      // cr0 |= 1
    rom.bytes({0x66, 0xea});  // ljmp 8:kCode32
    rom.word(kRomBase + kCode32);
    rom.bytes({0x08, 0x00});
    rom.at(kGdt + 8);
    rom.bytes({0xff, 0xff, 0x00, 0x00, 0x00, 0x9a, 0xcf, 0x00});  // code
    rom.bytes({0xff, 0xff, 0x00, 0x00, 0x00, 0x92, 0xcf, 0x00});  // data
    rom.at(kGdtPointer);
    rom.bytes({0x17, 0x00});
    rom.word(kRomBase + kGdt);
    rom.at(kCode32);
    rom.bytes({0x66, 0xb8, 0x10, 0x00, 0x8e, 0xd8});  // ds = data
    rom.bytes({0x31, 0xc0});                          // eax = 0
    rom.bytes({access == Access::kRead ? std::uint8_t{0xa1} : std::uint8_t{0xa3}});
    rom.word(address);  // mov between eax and the address
    rom.bytes({0xff, 0x05});
    rom.word(BusyCpu::kCount);  // inc dword
    rom.bytes({0xeb, static_cast<std::uint8_t>(-kLoopBytes)});
    return rom;
}

}  // namespace

BusyCpu::BusyCpu(Access access, std::uint32_t address)
    : rom_(testing::TempDir() + "skald-qtest-rom.XXXXXX") {
    const Rom rom = program(access, address);
    const int fd = ::mkstemp(rom_.data());
    if (fd < 0 || ::write(fd, rom.data().data(), kRomSize) != ssize_t{kRomSize}) {
        throw std::runtime_error("cannot write " + rom_);
    }
    ::close(fd);
}

BusyCpu::~BusyCpu() {
    ::unlink(rom_.c_str());
}

// An instruction at a time: else the access is the first half of a block that QEMU translates anew
// to make it the last, and its TCG then may look up the region with a stale number.
std::vector<std::string> BusyCpu::arguments() const {
    return {"-accel", "tcg,thread=multi,one-insn-per-tb=on", "-bios", rom_};
}

}  // namespace skald::qtest
