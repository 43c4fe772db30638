// SPDX-License-Identifier: MIT
// Firmware images. A byte says how: an image as it is, or a payload whose header, but for bits that
// the input turns over, and hash are made right, so that it boots and its instructions run.
#include <cstring>
#include <random>

#include "skald/core.h"
#include "skald/fw_image.h"
#include "support/board.hpp"
#include "support/source.hpp"
#include "support/target.hpp"

namespace skald::fuzz {
namespace {

using namespace std::chrono_literals;

enum How : std::uint8_t { kAsItIs, kTurnedHeader, kBytes, kInstructions, kHows };

constexpr std::size_t kMostInstructions = 512;

// Registers that hold addresses worth an access, set by the first instructions.
constexpr std::uint32_t kBases[] = {SKALD_SRAM_BASE,
                                    SKALD_PERIPH_BASE,
                                    SKALD_SHARED_BASE,
                                    SKALD_WINDOW_BASE,
                                    SKALD_SRAM_BASE + SKALD_SRAM_SIZE - 2048,
                                    SKALD_PERIPH_BASE + 0x1000};

void put(std::vector<std::byte>& code, std::uint32_t instruction) {
    const auto bytes = std::as_bytes(std::span(&instruction, 1));
    code.insert(code.end(), bytes.begin(), bytes.end());
}

// lui x8 .. x13, then mtvec = the instruction behind this: a trap begins again there.
std::vector<std::byte> prologue() {
    std::vector<std::byte> code;
    for (std::uint32_t i = 0; i < std::size(kBases); ++i)
        put(code, ((kBases[i] + 0x800) & 0xfffff000) | (8 + i) << 7 | 0x37);
    put(code, 0x00000297);  // auipc x5, 0
    put(code, 0x00c28293);  // addi x5, x5, 12
    put(code, 0x30529073);  // csrw mtvec, x5
    return code;
}

// A form of the base set that exists, its fields from the input.
std::uint32_t instruction(Source& source) {
    constexpr std::uint32_t kForms[] = {0x13, 0x33, 0x02000033, 0x03, 0x23, 0x63,
                                        0x6f, 0x67, 0x37,       0x17, 0x73, 0x0f};
    const std::uint32_t form = source.pick(kForms);
    const auto fields = source.take<std::uint32_t>();
    switch (form) {
        case 0x33:
            return (fields & 0x41ffff80) | form;
        case 0x02000033:
            return (fields & 0x01ffff80) | form;
        case 0x63:
        case 0x6f:  // short ways, mostly forward
            return (fields & 0x0fffff80) | form;
        default:
            return (fields & 0xffffff80) | form;
    }
}

std::vector<std::byte> instructions(Source& source) {
    std::vector<std::byte> code = prologue();
    for (std::size_t n = 0; n < kMostInstructions && !source.empty(); ++n) {
        const std::uint8_t compressed = source.byte();
        if (compressed >= 0xc0) {
            const auto half = source.bytes(2);
            code.insert(code.end(), half.begin(), half.end());
        } else {
            put(code, instruction(source));
        }
    }
    code.resize((code.size() + 3) / 4 * 4);
    return code;
}

std::vector<std::byte> image_of(Source& source) {
    const std::uint8_t how = source.byte() % kHows;
    const auto copy = [](std::span<const std::byte> bytes) {
        return std::vector<std::byte>(bytes.begin(), bytes.end());
    };
    switch (how) {
        case kAsItIs:
            return copy(source.rest());
        case kTurnedHeader: {
            const auto bits = source.bytes(offsetof(skald_fw_header, sha256));
            return firmware_image(source.rest(), SKALD_SRAM_BASE, bits);
        }
        case kBytes:
            return firmware_image(source.rest(), SKALD_SRAM_BASE);
        default:
            return firmware_image(instructions(source), SKALD_SRAM_BASE);
    }
}

}  // namespace

void run(std::span<const std::byte> input) {
    Source source(input);
    const std::vector<std::byte> image = image_of(source);
    if (image.size() > kRootAt - kImageAt)
        return;
    Board board;
    board.boot(image);
    (void)board.leaves(2ms, SKALD_STATE_BOOTING);
    (void)board.leaves(2ms, SKALD_STATE_RUNNING);
    board.card().begin_reset();
    promise(board.leaves(10s, SKALD_STATE_RESETTING), "a reset ends, whatever the firmware does");
}

std::vector<Bytes> seeds() {
    const std::vector<std::byte> real = built_file(SKALD_FIRMWARE);
    std::vector<Bytes> all = {
        Sink().byte(kAsItIs).put(real).bytes(),
        Sink().byte(kTurnedHeader).put(Bytes(96)).put(built_file(SKALD_PLAYER)).bytes(),
        Sink().byte(kBytes).put(built_file(SKALD_PLAYER)).bytes()};
    std::mt19937 random(5);
    for (unsigned n = 0; n < 8; ++n) {
        Sink any;
        any.byte(kInstructions);
        for (unsigned i = 0; i < 300; ++i)
            any.byte(random() % 256);
        all.push_back(any.bytes());
    }
    return all;
}

}  // namespace skald::fuzz
