// SPDX-License-Identifier: MIT
// Side effects of the firmware's stores, one small function each, found by offset.
#include "card/device/peripherals.hpp"

#include <cstring>

namespace skald::card {

const Peripherals::Special Peripherals::kSpecials[] = {
    {SKALD_CORE_IRQ_CLEAR, 1, &Peripherals::clear_irq},
    {SKALD_CORE_FW_ABI, 3, &Peripherals::mirror},
    {SKALD_CORE_READY, 1, &Peripherals::ready},
    {SKALD_CORE_REFUSE, 1, &Peripherals::refuse},
    {SKALD_CORE_HALT, 1, &Peripherals::halt},
    {SKALD_CORE_HOST_INTR, 1, &Peripherals::host_intr},
    {SKALD_CORE_WIN_BASE_LO, 2, &Peripherals::window},
    {SKALD_CORE_TRAP, 1, &Peripherals::trap},
    {SKALD_CORE_CLEAR_CMD, 1, &Peripherals::clear_memory},
    {SKALD_CORE_MBOX_POST, 1, &Peripherals::mbox_post},
    {SKALD_CORE_CTX_CMD, 1, &Peripherals::context_command},
    {SKALD_CORE_QH_CMD, 1, &Peripherals::queue_command},
    {SKALD_CORE_ENG_CMD, 1, &Peripherals::engine_command},
    {SKALD_CORE_CPL_POST, 1, &Peripherals::completion},
    {SKALD_CORE_DB_PENDING0, SKALD_MAX_QUEUES / 32, &Peripherals::doorbells},
};

bool Peripherals::peripheral_load(std::uint32_t offset, std::uint32_t& value) {
    if (!CoreRegisters::readable(offset)) {
        return false;
    }
    const std::scoped_lock guard(state_.lock);
    if (offset == SKALD_CORE_MTIME_LO) {
        state_.core.set64(SKALD_CORE_MTIME_LO, state_.mtime());  // HI keeps this until the next
    }
    value = state_.core.get(offset);
    return true;
}

bool Peripherals::peripheral_store(std::uint32_t offset, std::uint32_t value) {
    if (!CoreRegisters::writable(offset)) {
        return false;
    }
    After after;
    {
        const std::scoped_lock guard(state_.lock);
        // A reset may have begun since this instruction was fetched: then the store is lost like
        // the core itself.
        if (state_.reset_wanted) {
            return true;
        }
        if (!dispatch(offset, value, after)) {
            return false;
        }
        state_.update_lines();
    }
    if (after) {
        after();
    }
    return true;
}

bool Peripherals::dispatch(std::uint32_t offset, std::uint32_t value, After& after) {
    for (const Special& special : kSpecials) {
        if (offset >= special.first && offset < special.first + 4 * special.count) {
            return (this->*special.handler)(offset, value, after);
        }
    }
    state_.core.set(offset, value);
    return true;
}

bool Peripherals::plan(std::optional<EngineUnit::Action> action, After& after) {
    if (!action) {
        return false;
    }
    after = [this, run = std::move(*action)] { run(engine_); };
    return true;
}

bool Peripherals::clear_irq(std::uint32_t, std::uint32_t value, After&) {
    state_.irqs.clear_irq(value & InterruptController::kLatched);
    if (value & SKALD_CORE_IRQ_ENGINE) {
        state_.engine.acknowledge_result();
    }
    return true;
}

bool Peripherals::mirror(std::uint32_t offset, std::uint32_t value, After&) {
    static_assert(SKALD_CORE_HEARTBEAT - SKALD_CORE_FW_ABI ==
                  SKALD_REG_HEARTBEAT - SKALD_REG_FW_ABI);
    state_.core.set(offset, value);
    state_.host.set(SKALD_REG_FW_ABI + (offset - SKALD_CORE_FW_ABI), value);
    return true;
}

bool Peripherals::ready(std::uint32_t, std::uint32_t value, After&) {
    if (value != 1 || state_.status() != SKALD_STATE_BOOTING) {
        return false;
    }
    state_.enter(SKALD_STATE_RUNNING);
    return true;
}

bool Peripherals::refuse(std::uint32_t, std::uint32_t value, After& after) {
    if (state_.status() != SKALD_STATE_BOOTING) {
        return false;
    }
    life_.stop(SKALD_STATE_BOOT_FAILED, value,
               value == SKALD_BOOT_HOST_ABI ? state_.core.get(SKALD_CORE_HOST_ABI) : 0);
    after = [this] { engine_.cancel(); };
    return true;
}

bool Peripherals::halt(std::uint32_t, std::uint32_t value, After& after) {
    life_.stop(SKALD_STATE_DEAD, SKALD_BOOT_HALT, value);
    after = [this] { engine_.cancel(); };
    return true;
}

bool Peripherals::trap(std::uint32_t, std::uint32_t, After& after) {
    life_.stop_with_trap(life_.trap_registers());
    after = [this] { engine_.cancel(); };
    return true;
}

bool Peripherals::host_intr(std::uint32_t, std::uint32_t value, After&) {
    constexpr std::uint32_t kAll = SKALD_INTR_MBOX | SKALD_INTR_STATE | SKALD_INTR_LOG;
    if (value & ~kAll) {
        return false;
    }
    state_.events.signal(value);
    return true;
}

bool Peripherals::window(std::uint32_t offset, std::uint32_t value, After&) {
    if (offset == SKALD_CORE_WIN_BASE_LO && value % 4096 != 0) {
        return false;
    }
    state_.core.set(offset, value);
    life_.set_window(CardOffset(state_.core.get64(SKALD_CORE_WIN_BASE_LO)));
    return true;
}

bool Peripherals::clear_memory(std::uint32_t, std::uint32_t value, After& after) {
    const std::uint64_t offset = state_.core.get64(SKALD_CORE_CLEAR_OFFSET_LO);
    const std::uint32_t bytes = state_.core.get(SKALD_CORE_CLEAR_BYTES);
    if (value != 1 || offset % SKALD_CLEAR_UNIT != 0 || bytes % SKALD_CLEAR_UNIT != 0 ||
        bytes == 0 || bytes > SKALD_CORE_CLEAR_MAX || offset > memory_.size() ||
        bytes > memory_.size() - offset) {
        return false;
    }
    after = [this, range = memory_.subspan(offset, bytes)] {
        if (!hooks_.discard || !hooks_.discard(range)) {
            std::memset(range.data(), 0, range.size());
        }
        if (hooks_.dirtied) {
            hooks_.dirtied(range);
        }
    };
    return true;
}

bool Peripherals::mbox_post(std::uint32_t, std::uint32_t, After&) {
    return state_.mailbox.post_response();
}

bool Peripherals::context_command(std::uint32_t, std::uint32_t value, After& after) {
    return plan(state_.engine.context_command(value), after);
}

bool Peripherals::queue_command(std::uint32_t, std::uint32_t value, After& after) {
    if (!plan(state_.engine.queue_command(value), after)) {
        return false;
    }
    state_.stamps.forget(state_.core.get(SKALD_CORE_QH_ID));
    after = [this, run = std::move(after)] {
        run();
        const std::scoped_lock guard(state_.lock);
        state_.engine.settle_queue();
    };
    return true;
}

bool Peripherals::engine_command(std::uint32_t, std::uint32_t value, After& after) {
    if (!plan(state_.engine.engine_command(value), after)) {
        return false;
    }
    if (value == SKALD_CORE_ENG_LAUNCH) {
        state_.stamps.launched(state_.core.get(SKALD_CORE_ENG_QUEUE), state_.now_ns());
    }
    return true;
}

bool Peripherals::completion(std::uint32_t, std::uint32_t value, After& after) {
    const auto queue = state_.engine.queue(state_.core.get(SKALD_CORE_CPL_QUEUE));
    const std::uint32_t address = state_.core.get(SKALD_CORE_CPL_RECORD);
    const auto sram = life_.sram();
    const std::uint32_t offset = address - SKALD_SRAM_BASE;
    if (value != 1 || !queue || address % 8 != 0 ||
        offset > sram.size() - sizeof(skald_completion)) {
        return false;
    }
    skald_completion record;
    std::memcpy(&record, sram.data() + offset, sizeof(record));
    if (record.seq == 0) {
        return false;
    }
    skald_stamps stamps = state_.stamps.take(state_.core.get(SKALD_CORE_CPL_QUEUE), record.seq);
    stamps.written = state_.now_ns();
    after = [this, hw = *queue, record, stamps] { completions_.post(hw, record, stamps); };
    return true;
}

bool Peripherals::doorbells(std::uint32_t offset, std::uint32_t value, After&) {
    state_.doorbells.acknowledge((offset - SKALD_CORE_DB_PENDING0) / 4, value);
    return true;
}

}  // namespace skald::card
