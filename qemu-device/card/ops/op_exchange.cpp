// SPDX-License-Identifier: MIT
// SEND, RECV, ALL_GATHER, ALL_REDUCE: between the cards of a group, through the port Links. What
// has to wait asks to be repeated, as SEM_WAIT does; what it has done so far is the job's state.
#include <algorithm>

#include "card/ops/ops.hpp"
#include "skald/isa_table.hpp"

namespace skald::card::ops {
namespace {

// At most this much between two polls of the cancel flag.
constexpr std::uint64_t kStride = 256u << 10;

// Some columns of each row of an operand.
struct Columns {
    const View& view;
    std::uint64_t first;  // bytes
    std::uint32_t bytes;
};

Fault no_link(const Machine& m) {
    return {SKALD_FAULT_LINK, m.timing_only ? 0 : m.operand[0].va};
}

bool reaches(const Machine& m, std::uint32_t peer) {
    return m.links != nullptr && peer < m.links->ranks() && peer != m.links->rank();
}

// f(offset in the message, row, offset in the row, bytes): false if the run has stopped.
template <class F>
bool each_piece(Machine& m, const Columns& of, std::uint64_t rows, F&& f) {
    for (std::uint64_t row = 0; row < rows; ++row)
        for (std::uint64_t done = 0; done < of.bytes;) {
            if (m.poll(m.self))
                return false;
            const std::uint64_t n = std::min<std::uint64_t>(of.bytes - done, kStride);
            f(row * of.bytes + done, row, of.first + done, n);
            done += n;
        }
    return true;
}

LinkMessage empty_message(std::uint64_t rows, std::uint32_t row_bytes) {
    return {
        .rows = static_cast<std::uint32_t>(rows), .row_bytes = row_bytes, .sent_ps = 0, .data = {}};
}

LinkMessage take(Machine& m, const Columns& of, std::uint64_t rows) {
    LinkMessage message = empty_message(rows, of.bytes);
    message.data.resize(rows * of.bytes);
    std::byte* buffer = m.arena[0].get(kStride);
    each_piece(m, of, rows,
               [&](std::uint64_t at, std::uint64_t row, std::uint64_t offset, std::uint64_t n) {
                   std::copy_n(of.view.in<std::byte>(row, offset, n, buffer), n,
                               message.data.data() + at);
               });
    return message;
}

// Whether it is what the micro-op expects.
bool put(Machine& m, const Columns& to, std::uint64_t rows, const LinkMessage& message) {
    if (message.rows != rows || message.row_bytes != to.bytes ||
        message.data.size() != rows * to.bytes)
        return false;
    std::byte* buffer = m.arena[0].get(kStride);
    each_piece(m, to, rows,
               [&](std::uint64_t at, std::uint64_t row, std::uint64_t offset, std::uint64_t n) {
                   const OutPiece<std::byte> piece = to.view.out<std::byte>(row, offset, n, buffer);
                   std::copy_n(message.data.data() + at, n, piece.data());
                   piece.commit();
               });
    return true;
}

// The tables that an ALL_GATHER completes: one, or a pair.
struct Gather {
    std::uint32_t parts, part, first;
    std::uint32_t bytes[2];
    unsigned tables;

    explicit Gather(const isa::MicroOp& op)
        : parts(op.dim[1] & 0xffff),
          part(op.dim[1] >> 16),
          first(op.dim[2]),
          bytes{op.dim[0], op.dim[3]},
          tables((op.flags & isa::kFlagPair) != 0 ? 2 : 1) {}
    [[nodiscard]] Columns columns(const Machine& m, unsigned table, std::uint32_t of) const {
        return {m.operand[table], std::uint64_t{of} * bytes[table], bytes[table]};
    }
};

}  // namespace

// It leaves when its modelled end is known (the sequencer's retire()).
Fault send(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const std::uint32_t to = op.dim[1];
    if (m.timing_only && m.links == nullptr)
        return {};
    if (!reaches(m, to))
        return no_link(m);
    if (!m.links->room(to, m.timing_only ? 0 : rows * op.dim[0])) {
        m.step = Step::kRepeat;
        return {};
    }
    m.outgoing = Outgoing{to, m.reg[op.ra],
                          m.timing_only ? empty_message(rows, op.dim[0])
                                        : take(m, {m.operand[0], 0, op.dim[0]}, rows)};
    return {};
}

Fault recv(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const std::uint32_t from = op.dim[1];
    if (m.timing_only && m.links == nullptr)
        return {};
    if (!reaches(m, from))
        return no_link(m);
    const std::optional<LinkMessage> message = m.links->receive(from, m.reg[op.ra]);
    if (!message) {
        m.step = Step::kRepeat;
        return {};
    }
    m.arrived_ps = message->sent_ps;
    const bool fits = m.timing_only ? message->rows == rows && message->row_bytes == op.dim[0]
                                    : put(m, {m.operand[0], 0, op.dim[0]}, rows, *message);
    return fits ? Fault{} : no_link(m);
}

// The ranks of a group do the same at the same modelled time, so that nobody's has to be told.
Fault all_gather(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    if (m.timing_only)
        return {};
    const Gather g(op);
    if (m.links == nullptr || g.first + g.parts > m.links->ranks() ||
        g.first + g.part != m.links->rank())
        return no_link(m);
    JobState& job = m.queue->job;
    const auto others = [&](auto&& f) {
        for (std::uint32_t i = 0; i < g.parts; ++i)
            if (i != g.part && !f(i))
                return false;
        return true;
    };
    if (!job.gather_sent) {
        const std::uint64_t bytes = rows * (std::uint64_t{g.bytes[0]} + g.bytes[1]);
        if (!others([&](std::uint32_t i) { return m.links->room(g.first + i, bytes); })) {
            m.step = Step::kRepeat;
            return {};
        }
        for (unsigned table = 0; table < g.tables; ++table) {
            const LinkMessage own = take(m, g.columns(m, table, g.part), rows);
            if (m.stopped())
                return {};
            others([&](std::uint32_t i) {
                m.links->send(g.first + i, m.reg[op.ra], own);
                return true;
            });
        }
        job.gather_sent = true;
    }
    // Rank by rank, of each the tables in order.
    for (std::uint32_t& next = job.gather_parts; next < g.parts * g.tables; ++next) {
        const std::uint32_t from = next / g.tables;
        const unsigned table = next % g.tables;
        if (from == g.part)
            continue;
        const std::optional<LinkMessage> message = m.links->receive(g.first + from, m.reg[op.ra]);
        if (!message) {
            m.step = Step::kRepeat;
            return {};
        }
        if (!put(m, g.columns(m, table, from), rows, *message))
            return no_link(m);
    }
    job.gather_sent = false;
    job.gather_parts = 0;
    return {};
}

// Sums along k would depend on how many cards there are: only their time is of interest.
Fault all_reduce(Machine& m, const isa::MicroOp&, std::uint64_t) {
    return m.timing_only ? Fault{} : no_link(m);
}

}  // namespace skald::card::ops
