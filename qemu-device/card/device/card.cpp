// SPDX-License-Identifier: MIT
// The host's accesses and the engine's events.
#include "card/device/card.hpp"

#include <utility>

namespace skald::card {
namespace {

constexpr bool aligned_word(std::uint32_t offset, unsigned bytes) {
    return bytes == 4 && offset % 4 == 0;
}

// What a bus gives where nobody answers.
constexpr std::uint32_t all_ones(unsigned bytes) {
    return bytes < 4 ? (1u << 8 * bytes) - 1 : ~0u;
}

}  // namespace

Card::Card(std::span<std::byte> memory, const CardPorts& ports, Hooks hooks,
           const CardOptions& options, const EngineFactory& factory)
    : hooks_(std::move(hooks)),
      faults_([this](const char* text) {
          if (hooks_.log) {
              hooks_.log(LogLevel::kInfo, text);
          }
      }),
      host_(ports.host, faults_),
      interrupts_(ports.interrupts, faults_),
      clock_(ports.clock),
      state_(memory.size(), interrupts_, clock_, hooks_),
      engine_(factory(EngineEnv{memory, host_, state_.gate, clock_, *this, hooks_, options, faults_,
                                ports.links})) {
    faults_.arm(options.faults);
    state_.finish_reset(engine_->info());
    core_ = std::make_unique<ControlCore>(state_, *engine_, memory, host_, hooks_);
}

Card::~Card() = default;

std::uint32_t Card::reg_read(std::uint32_t offset, unsigned bytes) {
    if (gone()) {
        return all_ones(bytes);
    }
    if (offset >= SKALD_SHARED_OFFSET && offset < SKALD_REGS_SIZE && bytes <= 4 &&
        (bytes & (bytes - 1)) == 0 && bytes != 0 && offset % bytes == 0) {
        return core_->read_shared(offset - SKALD_SHARED_OFFSET, bytes);
    }
    const HostRegister* reg = aligned_word(offset, bytes) ? find_host_register(offset) : nullptr;
    if (reg == nullptr) {
        state_.log.guest_error("read of %u bytes at BAR0 offset 0x%x: no such register", bytes,
                               offset);
        return 0;
    }
    const std::scoped_lock guard(state_.lock);
    if (state_.status() == SKALD_STATE_RESETTING && offset != SKALD_REG_STATUS) {
        return 0;
    }
    refresh(offset);
    return state_.host.read(*reg);
}

// Registers that are counters elsewhere.
void Card::refresh(std::uint32_t offset) {
    if (offset == SKALD_REG_PROGRESS_LO || offset == SKALD_REG_PROGRESS_HI) {
        state_.host.set64(SKALD_REG_PROGRESS_LO, engine_->progress());
    } else if (offset == SKALD_REG_RETIRED_LO || offset == SKALD_REG_RETIRED_HI) {
        state_.host.set64(SKALD_REG_RETIRED_LO, engine_->retired());
    } else if (offset == SKALD_REG_CLOCK_LO || offset == SKALD_REG_CLOCK_HI) {
        state_.host.set64(SKALD_REG_CLOCK_LO, state_.now_ns());
    }
}

void Card::reg_write(std::uint32_t offset, std::uint32_t value, unsigned bytes) {
    if (gone()) {
        return;
    }
    const HostRegister* reg = aligned_word(offset, bytes) ? find_host_register(offset) : nullptr;
    if (reg == nullptr || reg->access == Access::RO) {
        state_.log.guest_error("write of 0x%x, %u bytes, at BAR0 offset 0x%x: %s", value, bytes,
                               offset, reg ? "read-only" : "no such register");
        return;
    }
    if (value & ~reg->mask) {
        state_.log.guest_error("write of 0x%x to %.*s: reserved bits set", value,
                               static_cast<int>(reg->name.size()), reg->name.data());
    }
    const std::scoped_lock guard(state_.lock);
    const bool resets = offset == SKALD_REG_CTRL && (value & SKALD_CTRL_RESET);
    if (state_.status() == SKALD_STATE_RESETTING && !resets) {
        return;
    }
    const std::uint32_t visible = state_.events.visible();
    state_.host.write(*reg, value);
    after_write(offset, value & reg->mask, visible);
}

void Card::after_write(std::uint32_t offset, std::uint32_t value,
                       std::uint32_t visible_events_before) {
    switch (offset) {
        case SKALD_REG_CTRL:
            control(value);
            break;
        case SKALD_REG_INTR_MASK:
            state_.events.raise_if_new(visible_events_before);
            break;
        case SKALD_REG_MODEL_SAMPLE:
            state_.show(engine_->telemetry());
            break;
        case SKALD_REG_MBOX_DOORBELL:
            if (state_.status() != SKALD_STATE_RUNNING || !state_.mailbox.post_command()) {
                state_.log.guest_error("mailbox command dropped: %s",
                                       state_.mailbox.busy() ? "busy" : "no firmware runs");
                break;
            }
            state_.log.debug("mailbox command 0x%x", state_.host.get(SKALD_REG_MBOX_CMD0));
            disturb_core();
            state_.update_lines();
            break;
        default:
            break;
    }
}

void Card::control(std::uint32_t value) {
    if (value & SKALD_CTRL_RESET) {
        state_.begin_reset();
        return;
    }
    if ((value & SKALD_CTRL_BOOT) == 0) {
        return;
    }
    if (state_.status() != SKALD_STATE_IDLE && state_.status() != SKALD_STATE_BOOT_FAILED) {
        state_.log.guest_error("BOOT ignored in state %u", state_.status());
        return;
    }
    state_.boot = {CardOffset(state_.host.get64(SKALD_REG_BOOT_ADDR_LO)),
                   state_.host.get(SKALD_REG_BOOT_SIZE), state_.host.get(SKALD_REG_HOST_ABI)};
    state_.host.set(SKALD_REG_BOOT_ERROR, SKALD_BOOT_OK);
    state_.host.set(SKALD_REG_BOOT_DETAIL, 0);
    state_.enter(SKALD_STATE_BOOTING);
    state_.boot_wanted = true;
    state_.wake();
}

std::uint32_t Card::doorbell_read(std::uint32_t offset, unsigned bytes) {
    if (gone()) {
        return all_ones(bytes);
    }
    state_.log.guest_error("read of %u bytes at doorbell offset 0x%x: write only", bytes, offset);
    return 0;
}

void Card::doorbell_write(std::uint32_t offset, std::uint32_t value, unsigned bytes) {
    if (gone()) {
        return;
    }
    const std::uint32_t queue = offset / SKALD_DOORBELL_STRIDE;
    if (bytes != 4 || offset % SKALD_DOORBELL_STRIDE != 0) {
        state_.log.guest_error("write of %u bytes at doorbell offset 0x%x: not a doorbell", bytes,
                               offset);
        return;
    }
    const std::scoped_lock guard(state_.lock);
    if (state_.status() == SKALD_STATE_RESETTING) {
        return;
    }
    if (faults_.hit(FaultClass::kDoorbellStuck)) {
        return;
    }
    const std::uint32_t before = state_.doorbells.tail(queue);
    if (state_.status() != SKALD_STATE_RUNNING || !state_.doorbells.ring(queue, value)) {
        state_.log.guest_error("doorbell of queue %u rung: no such queue", queue);
        return;
    }
    state_.stamps.rung(queue, before, value, state_.now_ns());
    disturb_core();
    state_.update_lines();
}

void Card::disturb_core() {
    if (faults_.hit(FaultClass::kCoreHang)) {
        state_.core_hung = true;
        state_.wake();
    }
    if (faults_.hit(FaultClass::kCoreCrash)) {
        state_.crash_wanted = true;
        state_.wake();
    }
}

// What goes is the card's life: it is reset, and then nobody reaches it.
bool Card::gone() {
    if (faults_.hit(FaultClass::kRemoval) && !removed_.exchange(true)) {
        begin_reset();
        if (hooks_.removed) {
            hooks_.removed(true);
        }
    }
    return removed_.load(std::memory_order_relaxed);
}

void Card::set_faults(const FaultPlan& plan) {
    faults_.arm(plan);
    if (removed_.exchange(false)) {
        begin_reset();
        if (hooks_.removed) {
            hooks_.removed(false);
        }
    }
}

void Card::begin_reset() {
    const std::scoped_lock guard(state_.lock);
    state_.begin_reset();
}

bool Card::reset_pending() {
    const std::scoped_lock guard(state_.lock);
    return state_.status() == SKALD_STATE_RESETTING;
}

void Card::begin_pause() {
    {
        const std::scoped_lock guard(state_.lock);
        state_.pause_wanted = true;
        state_.wake();
    }
    engine_->begin_pause();
}

// The engine is asked last: until the core stands still, it may get another command.
bool Card::paused() {
    {
        const std::scoped_lock guard(state_.lock);
        if (!state_.pause_wanted || !state_.core_idle || state_.reset_wanted) {
            return false;
        }
    }
    return engine_->paused();
}

void Card::end_pause() {
    engine_->end_pause();
    const std::scoped_lock guard(state_.lock);
    state_.pause_wanted = false;
    state_.wake();
}

std::vector<std::byte> Card::save() {
    if (!paused()) {
        throw snapshot::Error("the card has not come to rest: a micro-op of a job goes on");
    }
    if (removed_) {
        throw snapshot::Error("the card has left its bus: a fault on purpose took it");
    }
    snapshot::Writer to;
    to.section("time", 1);
    to.put(clock_.now_ns());
    {
        const std::scoped_lock guard(state_.lock);
        state_.save(to, core_->on());
        core_->save(to);
    }
    engine_->save(to);
    return to.finish();
}

void Card::load(std::span<const std::byte> snapshot) {
    const bool at_rest = paused();
    const std::scoped_lock guard(state_.lock);
    if (!at_rest || state_.status() != SKALD_STATE_IDLE) {
        throw snapshot::Error("a snapshot goes into a card that was reset and is paused");
    }
    snapshot::Reader from(snapshot);
    from.section("time", 1);
    const auto now = from.get<std::uint64_t>();
    const CardState::Loaded device = state_.load(from);
    const snapshot::Apply core = core_->load(from, device.core_on);
    const snapshot::Apply engine = engine_->load(from, device.engine);
    from.finish();

    clock_.set(now);
    core();
    engine();
    device.apply();
}

void Card::job_ended(const JobResult& result) {
    const std::scoped_lock guard(state_.lock);
    if (state_.status() == SKALD_STATE_RESETTING) {
        return;
    }
    if (result.queue < SKALD_MAX_QUEUES) {
        state_.stamps.ran(result.queue, state_.since_reset(result.began_ns),
                          state_.since_reset(result.ended_ns));
    }
    state_.engine.job_ended(result);
    state_.update_lines();
}

void Card::error_corrected() {
    const std::scoped_lock guard(state_.lock);
    if (state_.status() != SKALD_STATE_RESETTING) {
        state_.host.set(SKALD_REG_ECC_CORRECTED, state_.host.get(SKALD_REG_ECC_CORRECTED) + 1);
    }
}

void Card::invalidated(std::uint32_t) {
    const std::scoped_lock guard(state_.lock);
    if (state_.status() == SKALD_STATE_RESETTING) {
        return;
    }
    state_.engine.invalidated();
    state_.update_lines();
}

}  // namespace skald::card
