// SPDX-License-Identifier: MIT
// C functions over class Card. Exceptions stop here.
#include "card/capi.h"

#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

#include "card/device/card.hpp"
#include "card/model/chips.hpp"

namespace {

using namespace skald::card;

class CallbackPorts final : public HostMemory, public InterruptSink, public Clock {
  public:
    CallbackPorts(const skald_card_callbacks& callbacks, const void* memory)
        : c_(callbacks), memory_(static_cast<const std::byte*>(memory)) {}

    bool read(DmaAddr from, std::span<std::byte> to) override {
        return c_.dma_read(c_.opaque, from.value, to.data(), to.size());
    }
    bool write(DmaAddr to, std::span<const std::byte> from) override {
        return c_.dma_write(c_.opaque, to.value, from.data(), from.size());
    }
    bool load64(DmaAddr from, std::uint64_t& value) override {
        return c_.dma_load64(c_.opaque, from.value, &value);
    }
    bool store64(DmaAddr to, std::uint64_t value) override {
        return c_.dma_store64(c_.opaque, to.value, value);
    }
    void raise(unsigned vector) override { c_.raise_irq(c_.opaque, vector); }
    void raise_again(unsigned vector) override {
        (c_.raise_irq_again != nullptr ? c_.raise_irq_again : c_.raise_irq)(c_.opaque, vector);
    }
    [[nodiscard]] std::uint64_t now_ns() const override { return c_.now_ns(c_.opaque); }

    [[nodiscard]] Hooks hooks() const {
        Hooks hooks;
        if (c_.log) {
            hooks.log = [c = c_](LogLevel level, const char* text) {
                c.log(c.opaque, static_cast<skald_card_log_level>(level), text);
            };
        }
        hooks.reset_done = bind(c_.reset_done);
        if (c_.discard_memory) {
            hooks.discard = [c = c_, memory = memory_](std::span<std::byte> range) {
                return c.discard_memory(c.opaque, static_cast<std::uint64_t>(range.data() - memory),
                                        range.size());
            };
        }
        if (c_.memory_dirtied) {
            hooks.dirtied = [c = c_, memory = memory_](std::span<const std::byte> range) {
                c.memory_dirtied(c.opaque, static_cast<std::uint64_t>(range.data() - memory),
                                 range.size());
            };
        }
        if (c_.removed) {
            hooks.removed = [c = c_](bool gone) { c.removed(c.opaque, gone); };
        }
        hooks.thread_enter = bind(c_.thread_enter);
        hooks.thread_exit = bind(c_.thread_exit);
        return hooks;
    }

  private:
    [[nodiscard]] std::function<void()> bind(void (*function)(void*)) const {
        if (function == nullptr) {
            return {};
        }
        return [function, opaque = c_.opaque] { function(opaque); };
    }

    skald_card_callbacks c_;
    const std::byte* memory_;
};

static_assert(static_cast<int>(LogLevel::kGuestError) == SKALD_CARD_LOG_GUEST_ERROR);
static_assert(static_cast<int>(LogLevel::kError) == SKALD_CARD_LOG_ERROR);
static_assert(static_cast<int>(LogLevel::kInfo) == SKALD_CARD_LOG_INFO);
static_assert(static_cast<int>(LogLevel::kDebug) == SKALD_CARD_LOG_DEBUG);

void check(const skald_card_config& config, const skald_card_callbacks& callbacks) {
    if (config.memory == nullptr || reinterpret_cast<std::uintptr_t>(config.memory) % 4096 != 0) {
        throw std::invalid_argument("card memory is not page aligned");
    }
    if (config.memory_size < SKALD_MEMORY_MIN ||
        (config.memory_size & (config.memory_size - 1)) != 0) {
        throw std::invalid_argument("card memory size is not a power of two of at least 1 MiB");
    }
    if (!callbacks.dma_read || !callbacks.dma_write || !callbacks.dma_load64 ||
        !callbacks.dma_store64 || !callbacks.raise_irq || !callbacks.now_ns) {
        throw std::invalid_argument("a port of the card is not connected");
    }
}

CardOptions options_of(const skald_card_config& config) {
    CardOptions options;
    options.threads = config.threads;
    if (config.host_memory != 0) {
        options.host_memory = config.host_memory;
    }
    if (options.host_memory < CardOptions::kHostMemoryLeast) {
        throw std::invalid_argument("host memory of a card is at least 32 MiB");
    }
    if (config.simd != nullptr && !parse_simd(config.simd, options.simd)) {
        throw std::invalid_argument(std::string("unknown SIMD path '") + config.simd +
                                    "': auto, scalar, avx2, avx512 and amx exist");
    }
    if (config.faults != nullptr) {
        options.faults = parse_fault_plan(config.faults);
    }
    if (config.chip != nullptr) {
        options.chip = model::choose_chip(config.chip);
    }
    return options;
}

std::span<std::byte> memory_of(const skald_card_config& config) {
    return {static_cast<std::byte*>(config.memory), static_cast<std::size_t>(config.memory_size)};
}

}  // namespace

struct skald_card {
    skald_card(const skald_card_config& config, const skald_card_callbacks& callbacks)
        : ports(callbacks, config.memory),
          card(memory_of(config), {ports, ports, ports}, ports.hooks(), options_of(config)) {}

    CallbackPorts ports;
    Card card;
};

skald_card* skald_card_create(const skald_card_config* config,
                              const skald_card_callbacks* callbacks, char* error,
                              std::size_t error_size) noexcept {
    try {
        check(*config, *callbacks);
        return std::make_unique<skald_card>(*config, *callbacks).release();
    } catch (const std::exception& e) {
        std::snprintf(error, error_size, "%s", e.what());
        return nullptr;
    }
}

void skald_card_destroy(skald_card* card) noexcept {
    delete card;
}

std::uint32_t skald_card_reg_read(skald_card* card, std::uint32_t offset, unsigned bytes) noexcept {
    return card->card.reg_read(offset, bytes);
}

void skald_card_reg_write(skald_card* card, std::uint32_t offset, std::uint32_t value,
                          unsigned bytes) noexcept {
    card->card.reg_write(offset, value, bytes);
}

std::uint32_t skald_card_doorbell_read(skald_card* card, std::uint32_t offset,
                                       unsigned bytes) noexcept {
    return card->card.doorbell_read(offset, bytes);
}

void skald_card_doorbell_write(skald_card* card, std::uint32_t offset, std::uint32_t value,
                               unsigned bytes) noexcept {
    card->card.doorbell_write(offset, value, bytes);
}

void skald_card_reset_begin(skald_card* card) noexcept {
    card->card.begin_reset();
}

bool skald_card_reset_pending(skald_card* card) noexcept {
    return card->card.reset_pending();
}

void skald_card_pause_begin(skald_card* card) noexcept {
    card->card.begin_pause();
}

bool skald_card_paused(skald_card* card) noexcept {
    return card->card.paused();
}

void skald_card_freeze(skald_card* card) noexcept {
    card->card.freeze();
}

void skald_card_pause_end(skald_card* card) noexcept {
    card->card.end_pause();
}

void skald_card_track_writes(skald_card* card, bool on) noexcept {
    card->card.track_writes(on);
}

bool skald_card_set_faults(skald_card* card, const char* plan, char* error,
                           std::size_t error_size) noexcept {
    try {
        card->card.set_faults(parse_fault_plan(plan));
        return true;
    } catch (const std::exception& e) {
        std::snprintf(error, error_size, "%s", e.what());
        return false;
    }
}

char* skald_card_fault_tally(skald_card* card) noexcept {
    try {
        return strdup(to_text(card->card.fault_tally()).c_str());
    } catch (const std::exception&) {
        return nullptr;
    }
}

void* skald_card_save(skald_card* card, std::size_t* bytes, char* error,
                      std::size_t error_size) noexcept {
    try {
        const std::vector<std::byte> snapshot = card->card.save();
        auto* copy = new std::byte[snapshot.size()];
        std::memcpy(copy, snapshot.data(), snapshot.size());
        *bytes = snapshot.size();
        return copy;
    } catch (const std::exception& e) {
        std::snprintf(error, error_size, "%s", e.what());
        return nullptr;
    }
}

bool skald_card_load(skald_card* card, const void* snapshot, std::size_t bytes, char* error,
                     std::size_t error_size) noexcept {
    try {
        card->card.load({static_cast<const std::byte*>(snapshot), bytes});
        return true;
    } catch (const std::exception& e) {
        std::snprintf(error, error_size, "%s", e.what());
        return false;
    }
}

void skald_card_snapshot_free(void* snapshot) noexcept {
    delete[] static_cast<std::byte*>(snapshot);
}
