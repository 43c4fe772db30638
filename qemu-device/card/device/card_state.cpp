// SPDX-License-Identifier: MIT
// State changes of the card as a whole.
#include "card/device/card_state.hpp"

namespace skald::card {
namespace {

const char* name(skald_card_state state) {
    switch (state) {
        case SKALD_STATE_IDLE:
            return "idle";
        case SKALD_STATE_RESETTING:
            return "resetting";
        case SKALD_STATE_BOOTING:
            return "booting";
        case SKALD_STATE_RUNNING:
            return "running";
        case SKALD_STATE_BOOT_FAILED:
            return "boot failed";
        case SKALD_STATE_DEAD:
            return "dead";
    }
    return "?";
}

}  // namespace

void CardState::enter(skald_card_state next) {
    host.set(SKALD_REG_STATUS, next);
    log.info("state: %s, boot error %u, detail 0x%x", name(next), host.get(SKALD_REG_BOOT_ERROR),
             host.get(SKALD_REG_BOOT_DETAIL));
    events.signal(SKALD_INTR_STATE);
}

void CardState::begin_reset() {
    gate.shut();
    host.set(SKALD_REG_STATUS, SKALD_STATE_RESETTING);
    boot_wanted = false;
    reset_wanted = true;
    wake();
}

void CardState::finish_reset(EngineInfo engine_info) {
    host.reset();
    host.set64(SKALD_REG_MEM_SIZE_LO, memory_bytes_);
    host.set(SKALD_REG_CAPS,
             SKALD_CAP_HOST_COPY | SKALD_CAP_PROFILE | SKALD_CAP_STAMPS | SKALD_CAP_ECC);
    host.set(SKALD_REG_ENGINE_INFO,
             static_cast<std::uint32_t>(engine_info.simd) | (engine_info.threads & 0xffu) << 8);
    reset_core();
    reset_ns_ = clock_.now_ns();
    update_lines();
}

void CardState::reset_core() {
    core.reset(memory_bytes_);
    doorbells.reset();
    stamps.reset();
    engine.reset();
    core_hung = crash_wanted = false;
    // Host-visible words that the firmware fills in.
    for (const std::uint32_t reg :
         {SKALD_REG_FW_ABI, SKALD_REG_FW_VERSION, SKALD_REG_HEARTBEAT, SKALD_REG_ENGINE_STATE,
          SKALD_REG_BOOT_ERROR, SKALD_REG_BOOT_DETAIL}) {
        host.set(reg, 0);
    }
}

void CardState::update_lines(std::uint64_t now) {
    lines.store(irqs.lines(now), std::memory_order_relaxed);
    changed.notify_all();
}

void CardState::save(snapshot::Writer& to, bool core_on) const {
    to.section("device", 1);
    host.save(to);
    core.save(to);
    stamps.save(to);
    engine.save(to);
    to.put(core_on);
    to.put(boot_wanted);
    to.put(boot.image);
    to.put(boot.bytes);
    to.put(boot.host_abi);
    to.put(reset_ns_);
}

CardState::Loaded CardState::load(snapshot::Reader& from) {
    from.section("device", 1);
    const HostRegisters loaded_host = HostRegisters::load(from, host);
    CoreRegisters loaded_core;
    loaded_core.load(from);
    JobStamps loaded_stamps;
    loaded_stamps.load(from);
    const EngineUnit::Queues queues = EngineUnit::load(from);
    const bool core_on = from.get_bool();
    const bool booting = from.get_bool();
    BootRequest request;
    request.image = from.get<CardOffset>();
    request.bytes = from.get<std::uint32_t>();
    request.host_abi = from.get<std::uint32_t>();
    const auto reset_ns = from.get<std::uint64_t>();

    const std::uint32_t state = loaded_host.get(SKALD_REG_STATUS);
    const bool alive = state == SKALD_STATE_RUNNING || state == SKALD_STATE_BOOTING;
    if (state > SKALD_STATE_DEAD || state == SKALD_STATE_RESETTING ||
        alive != (core_on || booting)) {
        from.refuse("STATUS does not go with the control core");
    }
    const auto apply = [=, this] {
        host = loaded_host;
        core = loaded_core;
        stamps = loaded_stamps;
        engine.set_queues(queues);
        boot_wanted = booting;
        boot = request;
        reset_ns_ = reset_ns;
        update_lines();
    };
    return {apply, EngineUnit::setup(from, loaded_host, loaded_core, queues), core_on};
}

}  // namespace skald::card
