// SPDX-License-Identifier: MIT
// A card with the fake engine, its host and its driver.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "fake_engine.hpp"
#include "test_driver.hpp"
#include "test_host.hpp"

namespace skald::card::test {

class CardTest : public testing::Test {
  protected:
    CardTest() {
        const EngineFactory factory = [this](const EngineEnv& env) {
            auto made = std::make_unique<FakeEngine>(env);
            engine = made.get();
            return made;
        };
        card = std::make_unique<Card>(host.memory(), host.ports(), host.hooks(), CardOptions{},
                                      factory);
        driver = std::make_unique<TestDriver>(host, *card);
    }

    void TearDown() override {
        if (engine != nullptr) {
            EXPECT_EQ(engine->broken_rules(), std::vector<std::string>{});
        }
        destroy();
        EXPECT_EQ(host.live_threads(), 0);
    }

    void destroy() {
        engine = nullptr;
        driver.reset();
        card.reset();
    }

    void boot() { ASSERT_EQ(driver->boot(), SKALD_STATE_RUNNING) << driver->log_text(); }
    // A running card with context 0.
    void boot_with_context() {
        boot();
        ASSERT_EQ(driver->create_context(0), SKALD_MBOX_OK);
    }

    TestHost host;
    FakeEngine* engine = nullptr;
    std::unique_ptr<Card> card;
    std::unique_ptr<TestDriver> driver;
};

}  // namespace skald::card::test
