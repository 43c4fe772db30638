// SPDX-License-Identifier: MIT
// Access rules of the BAR0 registers.
#include "card/device/host_registers.hpp"

#include <cstdio>
#include <vector>

namespace skald::card {
namespace {

// The table, the arrays of words that it leaves out, and an index by offset.
class Map {
  public:
    Map() {
        using enum Access;
#define SKALD_HOST_REG(name, offset, access, reset, mask, doc) \
    list_.push_back({#name, offset, access, reset, mask});
        SKALD_REG_TABLE(SKALD_HOST_REG)
#undef SKALD_HOST_REG
        for (std::uint32_t word = 0; word < SKALD_MBOX_WORDS; ++word) {
            list_.push_back({"MBOX_CMD", SKALD_REG_MBOX_CMD0 + 4 * word, RW, 0, 0xffffffff});
            list_.push_back({"MBOX_RSP", SKALD_REG_MBOX_RSP0 + 4 * word, RO, 0, 0});
        }
        for (std::uint32_t word = 0; word < SKALD_MODEL_NAME_WORDS; ++word) {
            list_.push_back({"MODEL_NAME", SKALD_REG_MODEL_NAME0 + 4 * word, RO, 0, 0});
        }
        for (std::size_t i = 0; i < list_.size(); ++i) {
            HostRegister& reg = list_[i];
            reg.latches_next = reg.name.ends_with("_LO") && i + 1 < list_.size() &&
                               list_[i + 1].name.ends_with("_HI") &&
                               list_[i + 1].offset == reg.offset + 4;
            by_offset_.at(reg.offset / 4) = &reg;
        }
    }

    [[nodiscard]] std::span<const HostRegister> all() const { return list_; }
    [[nodiscard]] const HostRegister* find(std::uint32_t offset) const {
        return offset % 4 == 0 && offset / 4 < by_offset_.size() ? by_offset_[offset / 4] : nullptr;
    }

  private:
    std::vector<HostRegister> list_;
    std::array<const HostRegister*, SKALD_SHARED_OFFSET / 4> by_offset_{};
};

const Map& map() {
    static const Map instance;
    return instance;
}

}  // namespace

std::span<const HostRegister> host_registers() {
    return map().all();
}

const HostRegister* find_host_register(std::uint32_t offset) {
    return map().find(offset);
}

void HostRegisters::reset() {
    values_.fill(0);
    latched_.fill(std::nullopt);
    for (const HostRegister& reg : host_registers()) {
        set(reg.offset, reg.reset);
    }
}

void HostRegisters::set64(std::uint32_t low_offset, std::uint64_t value) {
    set(low_offset, static_cast<std::uint32_t>(value));
    set(low_offset + 4, static_cast<std::uint32_t>(value >> 32));
}

std::uint64_t HostRegisters::get64(std::uint32_t low_offset) const {
    return get(low_offset) | std::uint64_t{get(low_offset + 4)} << 32;
}

std::uint32_t HostRegisters::read(const HostRegister& reg) {
    const std::size_t index = reg.offset / 4;
    if (reg.access == Access::WO) {
        return 0;
    }
    if (reg.latches_next) {
        latched_[index + 1] = values_[index + 1];
    }
    if (latched_[index]) {
        const std::uint32_t value = *latched_[index];
        latched_[index].reset();
        return value;
    }
    return values_[index];
}

void HostRegisters::write(const HostRegister& reg, std::uint32_t value) {
    const std::size_t index = reg.offset / 4;
    latched_[index].reset();
    switch (reg.access) {
        case Access::RW:
            values_[index] = (values_[index] & ~reg.mask) | (value & reg.mask);
            break;
        case Access::W1C:
            values_[index] &= ~(value & reg.mask);
            break;
        case Access::RO:
        case Access::WO:
            break;
    }
}

void HostRegisters::save(snapshot::Writer& to) const {
    to.put(values_);
    for (const auto& latched : latched_) {
        to.put(latched.has_value());
        to.put(latched.value_or(0));
    }
}

HostRegisters HostRegisters::load(snapshot::Reader& from, const HostRegisters& card) {
    HostRegisters loaded;
    loaded.values_ = from.get<decltype(values_)>();
    for (auto& latched : loaded.latched_) {
        const bool held = from.get_bool();
        const auto value = from.get<std::uint32_t>();
        latched = held ? std::optional(value) : std::nullopt;
    }
    // The first block says what kind of card it is; only how fast it computes may differ.
    loaded.set(SKALD_REG_ENGINE_INFO, card.get(SKALD_REG_ENGINE_INFO));
    for (const HostRegister& reg : host_registers()) {
        if (reg.offset < SKALD_REG_CTRL && loaded.get(reg.offset) != card.get(reg.offset)) {
            std::array<char, 128> text{};
            std::snprintf(text.data(), text.size(),
                          "the snapshot is of another kind of card: %.*s is 0x%x there, 0x%x here",
                          static_cast<int>(reg.name.size()), reg.name.data(),
                          loaded.get(reg.offset), card.get(reg.offset));
            throw snapshot::Error(text.data());
        }
    }
    return loaded;
}

}  // namespace skald::card
