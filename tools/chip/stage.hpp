// SPDX-License-Identifier: MIT
// A model on a card in this process that models a chip, ready for requests of which times are
// wanted.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "chip/timed_model.hpp"
#include "libskald/batch.hpp"
#include "local/chip_change.hpp"
#include "local/local_card.hpp"

namespace skald::chip {

struct Setting {
    std::string chip = "sk1";
    local::ChipChanges changes;
    local::NumberWidths widths;
    bool with_data = false;
    bool slices = false;  // keep each micro-op
    std::uint32_t batch = 1;
    std::uint32_t positions = 0;  // of each sequence
    std::uint32_t chunk = 0;      // rows of a prefill step; 0: as many as the model takes
    // Hears of the tokens of a request as they come, from the last stage's thread; may be empty.
    std::function<void(std::size_t count)> on_tokens;
};

class Stage {
  public:
    using Sums = local::ModelLog::Sums;

    // `model` and `links`, to the cards of other stages, outlive it. Throws rt::Error.
    Stage(const TimedModel& model, const Setting& setting, card::Links* links = nullptr);

    [[nodiscard]] std::uint32_t chunk() const { return batch_->chunk(); }
    // Each sequence anew: a prompt, and so many tokens after it. cancel_fd, here and below, ends it
    // with an error when it becomes readable; -1: none.
    Sums request(std::uint32_t prompt, std::uint32_t tokens, int cancel_fd = -1);
    // Brings all sequences to this position, further than they are, and keeps no record of it.
    void advance(std::uint32_t position, int cancel_fd = -1);
    // From there, where they are again afterwards: a row each, and so many tokens after it.
    Sums tokens(std::uint32_t count, int cancel_fd = -1);
    // Of the last request, if they are kept.
    [[nodiscard]] std::vector<local::ModelSlice> slices() const { return log_.slices(); }

  private:
    Sums generate(std::span<const rt::TokenId> prompt, std::uint32_t tokens, int cancel_fd);

    std::function<void(std::size_t)> on_tokens_;
    local::ModelLog log_;
    std::unique_ptr<rt::Device> device_;
    std::unique_ptr<rt::Model> model_;
    std::unique_ptr<rt::Batch> batch_;
    std::vector<rt::TokenId> text_;  // as long as a sequence may be
    std::uint32_t position_ = 0;     // where advance() has brought them
};

}  // namespace skald::chip
