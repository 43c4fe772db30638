// SPDX-License-Identifier: MIT
// TOKEN_OUT: tokens of sequences that still run go to the token ring, the sequence table is brought
// up to date, then the host is told.
#include <cstddef>

#include "card/ops/ops.hpp"
#include "card/ops/progress.hpp"

namespace skald::card::ops {
namespace {

constexpr std::uint64_t kRowsBetweenPolls = 1024;

// Decides whether the token is the last of its sequence; returns SKALD_TOKEN_* flags.
std::uint32_t count_token(isa::Sequence& sequence, std::uint32_t token) {
    std::uint32_t flags = 0;
    if (sequence.remaining != 0)
        --sequence.remaining;
    for (std::uint32_t i = 0; i < sequence.n_stop; ++i)
        if (sequence.stop[i] == token)
            flags = SKALD_TOKEN_STOP | SKALD_TOKEN_LAST;
    if (sequence.remaining == 0)
        flags |= SKALD_TOKEN_LAST;
    if ((flags & SKALD_TOKEN_LAST) != 0)
        sequence.flags |= isa::kSequenceStopped;
    return flags;
}

Fault write_ring(Machine& m, std::uint64_t va, const skald_token& entry) {
    Place place;
    if (const Fault fault = m.space.translate(va, sizeof(entry), Access::kWrite, place))
        return fault;
    if (place.card != nullptr)
        std::memcpy(place.card, &entry, sizeof(entry));
    else if (!m.host.write(place.host, std::as_bytes(std::span(&entry, 1))))
        return {SKALD_FAULT_HOST_ACCESS, va};
    return {};
}

}  // namespace

Fault token_out(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const View& tokens = m.operand[0];
    const View& sequences = m.operand[1];
    const View& ring = m.operand[2];
    m.read_rows(3, rows);
    const std::uint64_t mask = m.reg[op.rb];
    if ((mask & (mask + 1)) != 0)
        return {SKALD_FAULT_VALUE, 0};

    std::uint64_t index = m.reg[op.ra];
    std::uint64_t written = 0;
    Fault fault;
    for (std::uint64_t t = 0; t < rows && !fault; ++t) {
        if (m.poll(m.self))
            break;
        const isa::Row row = m.row_table[t];
        const std::uint64_t va = sequences.address(row.sequence);
        isa::Sequence sequence;
        fault = m.space.read(va, &sequence, sizeof(sequence));
        if (fault)
            break;
        if (sequence.n_stop > isa::kMaxStop) {
            fault = {SKALD_FAULT_VALUE, va + offsetof(isa::Sequence, n_stop)};
            break;
        }
        if ((sequence.flags & isa::kSequenceStopped) != 0)
            continue;
        const auto token = tokens.get<std::uint32_t>(t);
        const skald_token entry{token, row.sequence, row.position, count_token(sequence, token)};
        fault = write_ring(m, ring.address(index & mask), entry);
        if (fault)
            break;
        fault = m.space.write(va + offsetof(isa::Sequence, remaining), &sequence.remaining, 4);
        if (!fault)
            fault = m.space.write(va + offsetof(isa::Sequence, flags), &sequence.flags, 4);
        ++index;
        ++written;
    }
    m.write_register(op.ra, index);
    m.counts.tokens = written;
    if (!advance_progress(*m.queue, written, m.host, m.interrupts, m.clock))
        return {SKALD_FAULT_HOST_ACCESS, 0};
    if (fault)
        return fault;

    std::uint64_t active = 0;
    for (std::uint64_t t = 0; t < rows; ++t) {
        if (t % kRowsBetweenPolls == kRowsBetweenPolls - 1 && m.poll(m.self))
            return {};
        std::uint32_t flags = 0;
        const std::uint64_t va =
            sequences.address(m.row_table[t].sequence, offsetof(isa::Sequence, flags));
        if (const Fault bad = m.space.read(va, &flags, sizeof(flags)))
            return bad;
        if ((flags & isa::kSequenceStopped) == 0)
            ++active;
    }
    m.write_register(op.rd, active);
    return {};
}

}  // namespace skald::card::ops
