// SPDX-License-Identifier: MIT
// State changes of the card as a whole.
#include "card/device/card_state.hpp"

#include <algorithm>
#include <utility>

#include "skald/isa_describe.hpp"

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

void CardState::finish_reset(const EngineInfo& engine_info) {
    host.reset();
    host.set64(SKALD_REG_MEM_SIZE_LO, memory_bytes_);
    host.set(SKALD_REG_CAPS,
             SKALD_CAP_HOST_COPY | SKALD_CAP_PROFILE | SKALD_CAP_STAMPS | SKALD_CAP_ECC);
    host.set(SKALD_REG_ENGINE_INFO,
             static_cast<std::uint32_t>(engine_info.simd) | (engine_info.threads & 0xffu) << 8);
    show_chip(engine_info.chip);
    reset_core();
    reset_ns_ = clock_.now_ns();
    update_lines();
}

// What does not change of the modelled chip.
void CardState::show_chip(const model::ChipIdentity& chip) {
    if (chip.name.empty()) {
        return;
    }
    host.set(SKALD_REG_CAPS, host.get(SKALD_REG_CAPS) | SKALD_CAP_MODEL);
    host.set(SKALD_REG_MODEL_FLAGS, chip.energy_known ? SKALD_MODEL_ENERGY : 0);
    host.set(SKALD_REG_MODEL_IDLE_MW, chip.idle_mw);
    host.set(SKALD_REG_MODEL_RATED_MW, chip.rated_mw);
    const std::size_t length =
        std::min<std::size_t>(chip.name.size(), 4 * SKALD_MODEL_NAME_WORDS - 1);
    for (std::uint32_t i = 0; i < length; ++i) {
        const std::uint32_t reg = SKALD_REG_MODEL_NAME0 + i / 4 * 4;
        const auto byte = static_cast<unsigned char>(chip.name[i]);
        host.set(reg, host.get(reg) | std::uint32_t{byte} << i % 4 * 8);
    }
}

void CardState::show(const model::Telemetry& now) {
    constexpr model::Ps kPerNs = 1000;
    const auto busy = [&](isa::Engine which) {
        return now.busy[static_cast<std::size_t>(which)] / kPerNs;
    };
    const std::pair<std::uint32_t, std::uint64_t> values[] = {
        {SKALD_REG_MODEL_TIME_LO, now.time / kPerNs},
        {SKALD_REG_MODEL_MEMORY_LO, busy(isa::Engine::Memory)},
        {SKALD_REG_MODEL_VECTOR_LO, busy(isa::Engine::Vector)},
        {SKALD_REG_MODEL_MATRIX_LO, busy(isa::Engine::Matrix)},
        {SKALD_REG_MODEL_ATTENTION_LO, busy(isa::Engine::Attention)},
        {SKALD_REG_MODEL_SELECTION_LO, busy(isa::Engine::Selection)},
        {SKALD_REG_MODEL_DRAM_LO, now.dram / kPerNs},
        {SKALD_REG_MODEL_BYTES_LO, now.dram_bytes},
        {SKALD_REG_MODEL_ENERGY_LO, now.energy / kPerNs},
        {SKALD_REG_MODEL_JOBS_LO, now.jobs},
        {SKALD_REG_MODEL_PREEMPTIONS_LO, now.preemptions},
        {SKALD_REG_MODEL_APART_NS_LO, now.apart / kPerNs},
        {SKALD_REG_MODEL_APART_PJ_LO, now.apart_energy / kPerNs},
    };
    for (const auto& [reg, value] : values) {
        host.set64(reg, value);
    }
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
