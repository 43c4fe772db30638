// SPDX-License-Identifier: MIT
// The loop of the control core's thread.
#include "card/device/control_core.hpp"

#include <immintrin.h>

#include <algorithm>
#include <utility>

#include "card/device/boot_rom.hpp"

namespace skald::card {
namespace {

// Instructions between looks at the timer.
constexpr int kBatch = 256;
// How long WFI watches for the end of a job that was just started, before the thread sleeps: a
// short job is over sooner, and to be woken takes longer than it does. Of long ones it is nothing.
constexpr std::chrono::microseconds kWatch{50};
// The least sleep when card time stands still (a stopped VM).
constexpr std::chrono::milliseconds kStoppedClockPause{10};

}  // namespace

ControlCore::ControlCore(CardState& state, EnginePort& engine, std::span<std::byte> memory,
                         HostMemory& host, const Hooks& hooks)
    : state_(state),
      engine_(engine),
      memory_(memory),
      hooks_(hooks),
      peripherals_(state, engine, memory, host, hooks, *this),
      bus_(memory, peripherals_, hooks),
      hart_(bus_, state.lines),
      thread_([this] { run(); }) {}

ControlCore::~ControlCore() {
    {
        const std::scoped_lock guard(state_.lock);
        state_.gate.shut();
        state_.stop_wanted = true;
        state_.wake();
    }
    thread_.join();
}

void ControlCore::run() {
    if (hooks_.thread_enter) {
        hooks_.thread_enter();
    }
    for (Work work = next_work(); work != Work::kStop; work = next_work()) {
        switch (work) {
            case Work::kReset:
                reset();
                break;
            case Work::kBoot:
                boot();
                break;
            case Work::kCrash:
                crash({static_cast<std::uint32_t>(rv32::Cause::kIllegal), hart_.pc(), 0});
                break;
            case Work::kInterpret:
                interpret();
                break;
            case Work::kStop:
                break;
        }
    }
    quiesce_engine();
    if (hooks_.thread_exit) {
        hooks_.thread_exit();
    }
}

ControlCore::Work ControlCore::next_work() {
    std::unique_lock guard(state_.lock);
    state_.core_idle = true;
    state_.changed.wait(guard, [this] {
        return state_.stop_wanted || state_.reset_wanted ||
               (!state_.pause_wanted &&
                (state_.boot_wanted || (on_ && (!state_.core_hung || state_.crash_wanted))));
    });
    state_.core_idle = false;
    state_.attention.store(false, std::memory_order_relaxed);
    if (state_.stop_wanted) {
        return Work::kStop;
    }
    if (std::exchange(state_.reset_wanted, false)) {
        return Work::kReset;
    }
    if (std::exchange(state_.boot_wanted, false)) {
        return Work::kBoot;
    }
    if (std::exchange(state_.crash_wanted, false)) {
        return Work::kCrash;
    }
    return Work::kInterpret;
}

void ControlCore::quiesce_engine() {
    engine_.begin_reset();
    engine_.finish_reset();
}

void ControlCore::reset() {
    on_ = false;
    quiesce_engine();
    bus_.reset();
    {
        const std::scoped_lock guard(state_.lock);
        if (state_.reset_wanted) {
            return;  // asked for again meanwhile: once more from the start
        }
        state_.finish_reset(engine_.info());
        state_.gate.open();
    }
    if (hooks_.reset_done) {
        hooks_.reset_done();
    }
}

void ControlCore::boot() {
    BootRequest request;
    on_ = false;
    quiesce_engine();  // a firmware that refused may have left things behind
    bus_.reset();
    {
        const std::scoped_lock guard(state_.lock);
        request = state_.boot;
        state_.reset_core();
        state_.core.set(SKALD_CORE_HOST_ABI, request.host_abi);
    }
    const BootResult result = boot_image(memory_, request.image, request.bytes, bus_.sram());
    const std::scoped_lock guard(state_.lock);
    if (state_.reset_wanted) {
        return;
    }
    if (result.error != SKALD_BOOT_OK) {
        stop(SKALD_STATE_BOOT_FAILED, result.error, result.detail);
        return;
    }
    state_.update_lines();
    hart_.reset(result.entry);
    on_ = true;
}

void ControlCore::interpret() {
    const auto attention = [this] { return state_.attention.load(std::memory_order_relaxed); };
    while (!attention()) {
        {
            const std::scoped_lock guard(state_.lock);
            state_.update_lines();
        }
        for (int i = 0; i < kBatch && !attention(); ++i) {
            const rv32::Outcome outcome = hart_.step();
            if (outcome == rv32::Outcome::kWaiting) {
                sleep();
                break;
            }
            if (outcome == rv32::Outcome::kStopped) {
                crash(hart_.last_trap());
                return;
            }
        }
    }
}

void ControlCore::crash(const rv32::Trap& trap) {
    {
        const std::scoped_lock guard(state_.lock);
        if (!state_.reset_wanted) {
            stop_with_trap(trap);
        }
    }
    engine_.cancel();
}

void ControlCore::sleep() {
    std::unique_lock guard(state_.lock);
    std::chrono::nanoseconds quiet = quiet_time();
    if (state_.engine.take_started() && quiet.count() > 0) {
        guard.unlock();
        watch(std::min<std::chrono::nanoseconds>(quiet, kWatch));
        guard.lock();
        quiet = quiet_time();
    }
    if (quiet.count() == 0) {
        return;
    }
    const std::uint64_t now = state_.now_ns();
    const bool stands_still = std::exchange(slept_at_, now) == now;
    state_.changed.wait_for(
        guard,
        stands_still ? std::max<std::chrono::nanoseconds>(quiet, kStoppedClockPause) : quiet);
}

bool ControlCore::wanted() const {
    return state_.attention.load(std::memory_order_relaxed) || hart_.wakes();
}

// How long the core has nothing to do, unless something happens; with the lock held. The timer is
// read once: one that fell due between a look at its line and a look at the time would wake nobody.
std::chrono::nanoseconds ControlCore::quiet_time() {
    constexpr std::chrono::hours kNothingDue{1};
    const std::uint64_t now = state_.mtime();
    state_.update_lines(now);
    if (wanted()) {
        return {};
    }
    const std::uint64_t due = state_.core.get64(SKALD_CORE_MTIMECMP_LO);
    if (due <= now) {
        return kNothingDue;  // and the core ignores it, or it would be wanted
    }
    constexpr std::chrono::microseconds kMost = kNothingDue;
    return std::chrono::microseconds(std::min<std::uint64_t>(due - now, kMost.count()));
}

// Until the core is wanted, or the time is over.
void ControlCore::watch(std::chrono::nanoseconds limit) {
    static const bool alone = std::thread::hardware_concurrency() == 1;
    if (alone) {
        return;  // the engine would wait for this thread
    }
    const auto until = std::chrono::steady_clock::now() + limit;
    do {
        for (int i = 0; i < 16; ++i) {
            _mm_pause();
        }
    } while (!wanted() && std::chrono::steady_clock::now() < until);
}

void ControlCore::stop(skald_card_state next, std::uint32_t error, std::uint32_t detail) {
    on_ = false;
    state_.attention.store(true, std::memory_order_relaxed);
    state_.host.set(SKALD_REG_BOOT_ERROR, error);
    state_.host.set(SKALD_REG_BOOT_DETAIL, detail);
    state_.enter(next);
}

void ControlCore::stop_with_trap(const rv32::Trap& trap) {
    state_.host.set(SKALD_REG_TRAP_CAUSE, trap.cause);
    state_.host.set(SKALD_REG_TRAP_PC, trap.pc);
    state_.host.set(SKALD_REG_TRAP_VALUE, trap.value);
    state_.log.guest_error("control core: trap %u at 0x%x, value 0x%x", trap.cause, trap.pc,
                           trap.value);
    stop(SKALD_STATE_DEAD, SKALD_BOOT_TRAP, trap.cause);
}

rv32::Trap ControlCore::trap_registers() {
    const rv32::CsrFile& csrs = hart_.csrs();
    return {csrs.get(rv32::Csr::mcause), csrs.get(rv32::Csr::mepc), csrs.get(rv32::Csr::mtval)};
}

void ControlCore::save(snapshot::Writer& to) const {
    bus_.save(to);
    hart_.save(to);
}

snapshot::Apply ControlCore::load(snapshot::Reader& from, bool on) {
    const snapshot::Apply bus = bus_.load(from);
    const snapshot::Apply hart = hart_.load(from);
    return [=, this] {
        bus();
        hart();
        on_ = on;
    };
}

}  // namespace skald::card
