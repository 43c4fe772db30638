// SPDX-License-Identifier: MIT
// The C edge: configuration errors in words, and a card driven only through capi.h.
#include "card/capi.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>

#include "skald/regs.h"
#include "test_driver.hpp"

namespace {

using skald::card::test::kPatience;

alignas(4096) std::array<std::byte, 1 << 20> memory;

struct Shell {
    std::mutex lock;
    std::condition_variable changed;
    int irqs = 0;
    int resets = 0;
    int threads = 0;
    int removals = 0;
    std::string last_error;

    skald_card_callbacks callbacks() {
        skald_card_callbacks c{};
        c.opaque = this;
        c.dma_read = [](void*, std::uint64_t, void*, std::size_t) { return false; };
        c.dma_write = [](void*, std::uint64_t, const void*, std::size_t) { return false; };
        c.dma_load64 = [](void*, std::uint64_t, std::uint64_t*) { return false; };
        c.dma_store64 = [](void*, std::uint64_t, std::uint64_t) { return false; };
        c.raise_irq = [](void* opaque, unsigned) {
            static_cast<Shell*>(opaque)->count(&Shell::irqs);
        };
        c.now_ns = [](void*) -> std::uint64_t {
            return static_cast<std::uint64_t>(
                std::chrono::steady_clock::now().time_since_epoch().count());
        };
        c.log = [](void* opaque, skald_card_log_level level, const char* text) {
            if (level == SKALD_CARD_LOG_GUEST_ERROR) {
                static_cast<Shell*>(opaque)->last_error = text;
            }
        };
        c.reset_done = [](void* opaque) { static_cast<Shell*>(opaque)->count(&Shell::resets); };
        c.thread_enter = [](void* opaque) { static_cast<Shell*>(opaque)->count(&Shell::threads); };
        c.thread_exit = [](void* opaque) {
            static_cast<Shell*>(opaque)->count(&Shell::threads, -1);
        };
        return c;
    }
    void count(int Shell::* what, int by = 1) {
        const std::scoped_lock guard(lock);
        this->*what += by;
        changed.notify_all();
    }
    bool wait(int Shell::* what, int at_least) {
        std::unique_lock guard(lock);
        return changed.wait_for(guard, kPatience, [&] { return this->*what >= at_least; });
    }
};

skald_card_config good_config() {
    skald_card_config config{};
    config.memory = memory.data();
    config.memory_size = memory.size();
    return config;
}

std::string error_of(const skald_card_config& config, const skald_card_callbacks& callbacks) {
    std::array<char, 256> error{};
    skald_card* card = skald_card_create(&config, &callbacks, error.data(), error.size());
    EXPECT_EQ(card, nullptr);
    skald_card_destroy(card);
    return error.data();
}

TEST(Capi, ConfigurationErrorsAreSentences) {
    Shell shell;
    const skald_card_callbacks callbacks = shell.callbacks();
    skald_card_config config = good_config();
    config.simd = "mmx";
    EXPECT_NE(error_of(config, callbacks).find("'mmx'"), std::string::npos);
    config = good_config();
    config.memory_size = 3 << 19;
    EXPECT_NE(error_of(config, callbacks).find("power of two"), std::string::npos);
    config.memory_size = 1 << 19;
    EXPECT_NE(error_of(config, callbacks).find("1 MiB"), std::string::npos);
    config = good_config();
    config.host_memory = (32ull << 20) - 1;
    EXPECT_NE(error_of(config, callbacks).find("32 MiB"), std::string::npos);
    config = good_config();
    config.faults = "irq-lost:p=2";
    EXPECT_NE(error_of(config, callbacks).find("'irq-lost:p=2'"), std::string::npos);
    config = good_config();
    config.memory = memory.data() + 64;
    EXPECT_NE(error_of(config, callbacks).find("page aligned"), std::string::npos);
    config = good_config();
    skald_card_callbacks unconnected = callbacks;
    unconnected.raise_irq = nullptr;
    EXPECT_NE(error_of(config, unconnected).find("port"), std::string::npos);
    EXPECT_EQ(shell.threads, 0);
}

TEST(Capi, ACardLivesBehindIt) {
    Shell shell;
    const skald_card_callbacks callbacks = shell.callbacks();
    skald_card_config config = good_config();
    config.simd = "scalar";
    config.threads = 1;
    std::array<char, 256> error{};
    skald_card* card = skald_card_create(&config, &callbacks, error.data(), error.size());
    ASSERT_NE(card, nullptr) << error.data();
    EXPECT_EQ(skald_card_reg_read(card, SKALD_REG_ID, 4), SKALD_DEVICE_ID_VALUE);
    EXPECT_EQ(SKALD_ENGINE_INFO_SIMD(skald_card_reg_read(card, SKALD_REG_ENGINE_INFO, 4)), 0u);
    EXPECT_EQ(SKALD_ENGINE_INFO_THREADS(skald_card_reg_read(card, SKALD_REG_ENGINE_INFO, 4)), 1u);

    skald_card_reg_write(card, SKALD_REG_INTR_MASK, SKALD_INTR_STATE, 4);
    skald_card_reg_write(card, SKALD_REG_CTRL, SKALD_CTRL_BOOT, 4);
    ASSERT_TRUE(shell.wait(&Shell::irqs, 1));
    skald_card_reg_write(card, SKALD_REG_INTR_STATUS, SKALD_INTR_STATE, 4);
    if (skald_card_reg_read(card, SKALD_REG_STATUS, 4) == SKALD_STATE_BOOTING) {
        EXPECT_TRUE(shell.wait(&Shell::irqs, 2)) << "a change after the clearing fires again";
    }
    EXPECT_EQ(skald_card_reg_read(card, SKALD_REG_BOOT_ERROR, 4), SKALD_BOOT_RANGE);

    skald_card_doorbell_write(card, 0, 1, 4);
    EXPECT_NE(shell.last_error.find("doorbell"), std::string::npos);
    EXPECT_EQ(skald_card_doorbell_read(card, 0, 4), 0u);

    skald_card_reset_begin(card);
    EXPECT_TRUE(shell.wait(&Shell::resets, 1));
    EXPECT_FALSE(skald_card_reset_pending(card));
    EXPECT_EQ(skald_card_reg_read(card, SKALD_REG_STATUS, 4), SKALD_STATE_IDLE);
    ASSERT_TRUE(shell.wait(&Shell::threads, 2));
    EXPECT_EQ(shell.threads, 2) << "control core and engine";
    skald_card_destroy(card);
    EXPECT_EQ(shell.threads, 0);
}

TEST(Capi, FaultsComeAndGoAndAreCounted) {
    Shell shell;
    skald_card_callbacks callbacks = shell.callbacks();
    callbacks.removed = [](void* opaque, bool gone) {
        static_cast<Shell*>(opaque)->count(&Shell::removals, gone ? 1 : -1);
    };
    skald_card_config config = good_config();
    config.simd = "scalar";
    config.threads = 1;
    config.faults = "seed=1;removal";
    std::array<char, 256> error{};
    skald_card* card = skald_card_create(&config, &callbacks, error.data(), error.size());
    ASSERT_NE(card, nullptr) << error.data();
    EXPECT_EQ(skald_card_reg_read(card, SKALD_REG_ID, 4), ~0u);
    EXPECT_EQ(shell.removals, 1);

    EXPECT_FALSE(skald_card_set_faults(card, "meteor", error.data(), error.size()));
    EXPECT_NE(std::string(error.data()).find("'meteor'"), std::string::npos);
    EXPECT_EQ(shell.removals, 1) << "a bad plan changes nothing";
    EXPECT_EQ(skald_card_reg_read(card, SKALD_REG_ID, 4), ~0u);

    EXPECT_TRUE(skald_card_set_faults(card, "", error.data(), error.size()));
    EXPECT_EQ(shell.removals, 0);
    ASSERT_TRUE(shell.wait(&Shell::resets, 1));
    while (skald_card_reset_pending(card)) {
        std::this_thread::yield();
    }
    EXPECT_EQ(skald_card_reg_read(card, SKALD_REG_ID, 4), SKALD_DEVICE_ID_VALUE);
    char* tally = skald_card_fault_tally(card);
    EXPECT_STREQ(tally, "removal:chances=1:hits=1");
    std::free(tally);
    skald_card_destroy(card);
}

}  // namespace
