// SPDX-License-Identifier: MIT
// Address decoding of the control core.
#include "card/device/core_bus.hpp"

#include <algorithm>
#include <cstring>

#include "card/device/core_memory.hpp"

namespace skald::card {
namespace {

constexpr bool within(std::uint32_t address, std::uint32_t base, std::uint32_t size) {
    return address - base < size;
}

}  // namespace

CoreBus::CoreBus(std::span<std::byte> card_memory, PeripheralPort& peripherals, const Hooks& hooks)
    : card_memory_(card_memory),
      peripherals_(peripherals),
      hooks_(hooks),
      sram_(SKALD_SRAM_SIZE),
      shared_(SKALD_SHARED_SIZE) {}

void CoreBus::reset() {
    std::fill(sram_.begin(), sram_.end(), std::byte{0});
    for (std::size_t offset = 0; offset < shared_.size(); offset += 4) {
        store_shared<std::uint32_t>(shared_, offset, 0);
    }
    window_ = CardOffset(0);
}

bool CoreBus::fetch(std::uint32_t address, std::uint16_t& half) {
    // Code runs from the private SRAM only.
    if (!within(address, SKALD_SRAM_BASE, SKALD_SRAM_SIZE - 1)) {
        return false;
    }
    std::memcpy(&half, &sram_[address - SKALD_SRAM_BASE], sizeof(half));
    return true;
}

// Accesses are aligned and regions are multiples of 4, so none reaches over an end.
std::optional<CoreBus::Place> CoreBus::find_memory(std::uint32_t address, unsigned bytes) {
    if (within(address, SKALD_SRAM_BASE, SKALD_SRAM_SIZE)) {
        return Place{sram_, address - SKALD_SRAM_BASE};
    }
    if (within(address, SKALD_SHARED_BASE, SKALD_SHARED_SIZE)) {
        return Place{shared_, address - SKALD_SHARED_BASE};
    }
    if (address >= SKALD_WINDOW_BASE) {
        const std::uint64_t offset = window_.value + (address - SKALD_WINDOW_BASE);
        if (offset < window_.value || offset > card_memory_.size() - bytes) {
            return std::nullopt;
        }
        return Place{card_memory_, offset};
    }
    return std::nullopt;
}

bool CoreBus::load(std::uint32_t address, unsigned bytes, std::uint32_t& value) {
    if (within(address, SKALD_PERIPH_BASE, SKALD_PERIPH_SIZE)) {
        return bytes == 4 && peripherals_.peripheral_load(address - SKALD_PERIPH_BASE, value);
    }
    const auto place = find_memory(address, bytes);
    if (!place) {
        return false;
    }
    value = load_shared(place->memory, place->offset, bytes);
    return true;
}

bool CoreBus::store(std::uint32_t address, unsigned bytes, std::uint32_t value) {
    if (within(address, SKALD_PERIPH_BASE, SKALD_PERIPH_SIZE)) {
        return bytes == 4 && peripherals_.peripheral_store(address - SKALD_PERIPH_BASE, value);
    }
    const auto place = find_memory(address, bytes);
    if (!place) {
        return false;
    }
    store_shared(place->memory, place->offset, bytes, value);
    if (place->memory.data() == card_memory_.data() && hooks_.dirtied) {
        hooks_.dirtied(card_memory_.subspan(place->offset, bytes));
    }
    return true;
}

std::uint32_t CoreBus::read_shared(std::uint32_t offset, unsigned bytes) {
    return load_shared(shared_, offset, bytes);
}

void CoreBus::save(snapshot::Writer& to) const {
    to.section("sram", 1);
    to.put_bytes(sram_);
    to.put_bytes(shared_);
    to.put(window_);
}

snapshot::Apply CoreBus::load(snapshot::Reader& from) {
    from.section("sram", 1);
    const auto sram = from.get_bytes(sram_.size());
    const auto shared = from.get_bytes(shared_.size());
    const auto window = from.get<CardOffset>();
    return [=, this] {
        // In place: others hold pointers to them, and the host may be reading.
        std::ranges::copy(sram, sram_.begin());
        for (std::size_t offset = 0; offset < shared.size(); ++offset) {
            store_shared<std::uint8_t>(shared_, offset,
                                       std::to_integer<std::uint8_t>(shared[offset]));
        }
        window_ = window;
    };
}

}  // namespace skald::card
