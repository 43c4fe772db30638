// SPDX-License-Identifier: MIT
// The step of a hart: interrupt or fetch, expand, decode, execute, write back.
#include "card/rv32/hart.hpp"

#include "card/rv32/compressed.hpp"
#include "card/rv32/encoding.hpp"
#include "card/rv32/instructions.hpp"

namespace skald::card::rv32 {
namespace {

std::uint32_t immediate(Format format, std::uint32_t raw) {
    switch (format) {
        case Format::kI:
            return imm_i(raw);
        case Format::kS:
            return imm_s(raw);
        case Format::kB:
            return imm_b(raw);
        case Format::kU:
            return imm_u(raw);
        case Format::kJ:
            return imm_j(raw);
        case Format::kR:
        case Format::kNone:
            break;
    }
    return 0;
}

bool writes_rd(Format format) {
    return format == Format::kR || format == Format::kI || format == Format::kU ||
           format == Format::kJ;
}

constexpr std::uint32_t kVectored = 1;

}  // namespace

void Hart::reset(std::uint32_t pc) {
    csrs_.reset();
    x_.fill(0);
    pc_ = pc;
    waiting_ = in_handler_ = stopped_ = false;
    last_trap_ = {};
}

void Hart::set_x(unsigned index, std::uint32_t value) {
    if (index != 0) {
        x_[index] = value;
    }
}

Outcome Hart::step() {
    if (stopped_) {
        return Outcome::kStopped;
    }
    if (waiting_) {
        if (!wakes()) {
            return Outcome::kWaiting;
        }
        waiting_ = false;
    }
    if (take_interrupt()) {
        return Outcome::kRetired;
    }
    Trap trap;
    const bool retired = execute(trap);
    csrs_.count(retired);
    return retired ? Outcome::kRetired : exception(trap);
}

bool Hart::take_interrupt() {
    if ((csrs_.get(Csr::mstatus) & kMstatusMie) == 0) {
        return false;
    }
    const std::uint32_t pending = lines() & csrs_.get(Csr::mie);
    if (pending == 0) {
        return false;
    }
    const Cause cause =
        pending & kExternalLine ? Cause::kExternalInterrupt : Cause::kTimerInterrupt;
    enter_trap({static_cast<std::uint32_t>(cause), pc_, 0});
    return true;
}

bool Hart::execute(Trap& trap) {
    const auto fetch_fault = [&](std::uint32_t address) {
        trap = {static_cast<std::uint32_t>(Cause::kFetchAccess), pc_, address};
        return false;
    };
    std::uint16_t low = 0;
    std::uint16_t high = 0;
    if (!bus_.fetch(pc_, low)) {
        return fetch_fault(pc_);
    }
    const bool wide = (low & 3) == 3;
    if (wide && !bus_.fetch(pc_ + 2, high)) {
        return fetch_fault(pc_ + 2);
    }
    const std::uint32_t written = low | std::uint32_t{high} << 16;
    const Decoded& code = decoded(written);
    if (code.instruction == nullptr) {
        trap = {static_cast<std::uint32_t>(Cause::kIllegal), pc_, written};
        return false;
    }
    Step s{.hart = *this, .raw = code.raw, .pc = pc_, .next = pc_ + (wide ? 4 : 2)};
    s.a = x_[rs1_of(code.raw)];
    s.b = x_[rs2_of(code.raw)];
    s.imm = code.imm;
    code.instruction->run(s);
    if (s.trapped) {
        trap = s.trap_info;
        return false;
    }
    set_x(code.rd, s.d);
    pc_ = s.next;
    return true;
}

const Hart::Decoded& Hart::decoded(std::uint32_t written) {
    Decoded& place = decoded_[pc_ / 2 % kDecoded];
    if (place.written == written) {
        return place;
    }
    place = {.written = written};
    place.raw = (written & 3) == 3 ? written : expand(static_cast<std::uint16_t>(written));
    place.instruction = decode(place.raw);
    if (place.instruction != nullptr) {
        place.imm = immediate(place.instruction->format, place.raw);
        place.rd = writes_rd(place.instruction->format) ? rd_of(place.raw) : 0;
    }
    return place;
}

Outcome Hart::exception(const Trap& trap) {
    if (in_handler_ || csrs_.get(Csr::mtvec) == 0) {
        last_trap_ = trap;
        stopped_ = true;
        return Outcome::kStopped;
    }
    enter_trap(trap);
    return Outcome::kRetired;
}

void Hart::enter_trap(const Trap& trap) {
    last_trap_ = trap;
    csrs_.set(Csr::mcause, trap.cause);
    csrs_.set(Csr::mepc, trap.pc);
    csrs_.set(Csr::mtval, trap.value);
    const std::uint32_t status = csrs_.get(Csr::mstatus);
    const std::uint32_t previous = status & kMstatusMie ? kMstatusMpie : 0;
    csrs_.set(Csr::mstatus, (status & ~(kMstatusMie | kMstatusMpie)) | previous);
    in_handler_ = true;

    const std::uint32_t mtvec = csrs_.get(Csr::mtvec);
    pc_ = mtvec & ~3u;
    if ((mtvec & kVectored) && (trap.cause & kInterruptBit)) {
        pc_ += 4 * (trap.cause & ~kInterruptBit);
    }
}

std::uint32_t Hart::return_from_trap() {
    const std::uint32_t status = csrs_.get(Csr::mstatus);
    const std::uint32_t enabled = status & kMstatusMpie ? kMstatusMie : 0;
    csrs_.set(Csr::mstatus, (status & ~kMstatusMie) | enabled | kMstatusMpie);
    in_handler_ = false;
    return csrs_.get(Csr::mepc);
}

void Hart::save(snapshot::Writer& to) const {
    to.section("hart", 1);
    csrs_.save(to);
    to.put(x_);
    to.put(pc_);
    to.put(waiting_);
    to.put(in_handler_);
    to.put(stopped_);
    to.put(last_trap_);
}

snapshot::Apply Hart::load(snapshot::Reader& from) {
    from.section("hart", 1);
    CsrFile csrs;
    csrs.load(from);
    const auto x = from.get<decltype(x_)>();
    const auto pc = from.get<std::uint32_t>();
    const bool waiting = from.get_bool();
    const bool in_handler = from.get_bool();
    const bool stopped = from.get_bool();
    const auto last_trap = from.get<Trap>();
    if (x[0] != 0) {
        from.refuse("register 0 of the control core is not zero");
    }
    return [=, this] {
        csrs_ = csrs;
        x_ = x;
        pc_ = pc;
        waiting_ = waiting;
        in_handler_ = in_handler;
        stopped_ = stopped;
        last_trap_ = last_trap;
    };
}

}  // namespace skald::card::rv32
