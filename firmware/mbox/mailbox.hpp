// SPDX-License-Identifier: MIT
// One mailbox command after the other: takes the words, has them carried out, answers, maybe later.
#pragma once

#include "firmware/mbox/commands.hpp"

namespace skald::fw {

class Mailbox {
  public:
    constexpr explicit Mailbox(Commands& commands) : commands_(commands) {}

    // True while a command waits for something: a new one cannot come.
    [[nodiscard]] bool waiting() const { return waiting_; }
    // A command is posted.
    void receive();
    // Something happened that the waiting command may have waited for.
    void progress(bool tlb);
    // HALT was answered.
    [[nodiscard]] bool halted() const { return halted_; }

  private:
    void answer(const Answer& answer);

    Commands& commands_;
    Words in_{};
    Words out_{};
    bool waiting_ = false;
    bool halted_ = false;
};

}  // namespace skald::fw
