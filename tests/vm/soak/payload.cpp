// SPDX-License-Identifier: MIT
// Four kinds of work, each with or without a gate before it.
#include "payload.hpp"

namespace skald::test {
namespace {

constexpr std::size_t kHalf = kSlotWords / 2;

std::uint64_t below(Random& random, std::uint64_t end) {
    return std::uniform_int_distribution<std::uint64_t>(0, end - 1)(random);
}

isa::MicroOp control(isa::Opcode opcode) {
    isa::MicroOp op;
    op.opcode = static_cast<std::uint8_t>(opcode);
    return op;
}

}  // namespace

Payload::Payload(const Context& context, std::span<const std::uint64_t> host, unsigned slot,
                 Random& random) {
    const std::size_t at = kFirstWord + slot * kSlotWords;
    for (std::size_t word = at; word < at + kHalf; ++word)
        context.data(word) = kUnwritten;
    gated_ = below(random, 4) == 0;
    if (gated_)
        program_.wait_semaphore(Context::data_va(kGate), 1);
    switch (below(random, 4)) {
        case 0:
            words(at, random);
            break;
        case 1:
            copy_of_card_memory(context, at, random);
            break;
        case 2:
            copy_of_host_memory(host, at, random);
            break;
        default:
            loop(at, random);
            break;
    }
    program_.end();
}

std::optional<std::uint64_t> Payload::wrong(const Context& context) const {
    for (const auto& [word, value] : expected_)
        if (const std::uint64_t found = context.data(word); found != value)
            return found;
    return std::nullopt;
}

void Payload::words(std::size_t at, Random& random) {
    const std::size_t count = 1 + below(random, 48);
    for (std::size_t word = at; word < at + count; ++word) {
        const std::uint64_t value = random();
        program_.set(1, value).store(Context::data_va(word), 1);
        expected_.emplace_back(word, value);
    }
}

void Payload::copy_of_card_memory(const Context& context, std::size_t at, Random& random) {
    const std::size_t count = 1 + below(random, kHalf);
    for (std::size_t word = 0; word < count; ++word) {
        const std::uint64_t value = random();
        context.data(at + kHalf + word) = value;
        expected_.emplace_back(at + word, value);
    }
    program_.copy(Context::data_va(at), Context::data_va(at + kHalf),
                  static_cast<std::uint32_t>(8 * count));
}

void Payload::copy_of_host_memory(std::span<const std::uint64_t> host, std::size_t at,
                                  Random& random) {
    const std::size_t count = 1 + below(random, kHalf);
    const std::size_t from = below(random, host.size() - count + 1);
    for (std::size_t word = 0; word < count; ++word)
        expected_.emplace_back(at + word, host[from + word]);
    program_.copy(Context::data_va(at), kHostVa + 8 * from, static_cast<std::uint32_t>(8 * count));
}

void Payload::loop(std::size_t at, Random& random) {
    const std::uint64_t start = random(), step = random(), turns = 1 + below(random, 500);
    program_.set(5, turns).set(6, start);
    const std::uint32_t again = program_.size();
    isa::MicroOp add = control(isa::Opcode::Alu);
    add.aux = static_cast<std::uint8_t>(isa::AluOp::Add);
    add.flags = isa::kFlagImm;
    add.rd = add.ra = 6;
    add.imm = step;
    isa::MicroOp back = control(isa::Opcode::Loop);
    back.rd = 5;
    back.dim[0] = again;
    program_.raw(add).raw(back).store(Context::data_va(at), 6);
    expected_.emplace_back(at, start + step * turns);
}

}  // namespace skald::test
