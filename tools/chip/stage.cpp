// SPDX-License-Identifier: MIT
#include "chip/stage.hpp"

#include <fmt/format.h>

#include <bit>
#include <cerrno>

#include "libskald/error.hpp"
#include "skald/isa.hpp"

namespace skald::chip {
namespace {

// Addresses for all of it, and for what the runtime has beside; nothing is touched but tables.
std::uint64_t memory_bytes(const TimedModel& model, const Setting& setting) {
    const std::uint64_t blocks =
        isa::ceil_div(std::uint64_t{setting.positions}, std::uint64_t{isa::kKvPositions});
    const std::uint64_t cache = setting.batch * blocks * model.info().block_bytes;
    return std::bit_ceil(2 * model.weight_bytes() + 2 * cache + model.info().workspace_bytes +
                         (4ull << 30));
}

local::LocalOptions card_options(const TimedModel& model, const Setting& setting,
                                 card::Links* links, const local::ModelLog& log) {
    local::LocalOptions card;
    card.chip = setting.chip;
    card.changes = setting.changes;
    card.widths = setting.widths;
    card.timing_only = !setting.with_data;
    card.threads = setting.with_data ? 0 : 1;
    card.links = links;
    card.log = &log;
    card.memory_bytes = memory_bytes(model, setting);
    return card;
}

}  // namespace

Stage::Stage(const TimedModel& model, const Setting& setting, card::Links* links)
    : on_tokens_(setting.on_tokens),
      log_(setting.slices),
      device_(local::open_local_card(rt::linux_os(), card_options(model, setting, links, log_))),
      model_(std::make_unique<rt::Model>(*device_, model.image())) {
    rt::BatchOptions options;
    options.positions.assign(setting.batch, setting.positions);
    options.chunk = setting.chunk;
    batch_ = std::make_unique<rt::Batch>(*model_, options);
    text_.resize(setting.positions);
    for (std::size_t i = 0; i < text_.size(); ++i)
        text_[i] = static_cast<rt::TokenId>(i % model.info().vocabulary);
}

Stage::Sums Stage::generate(std::span<const rt::TokenId> prompt, std::uint32_t tokens,
                            int cancel_fd) {
    std::vector<rt::SequenceRequest> requests(batch_->size());
    for (rt::SequenceRequest& request : requests) {
        request.prompt = prompt;
        request.max_tokens = tokens;
    }
    if (on_tokens_)
        requests.front().on_tokens = [&](std::span<const rt::Token> more) {
            on_tokens_(more.size());
            return rt::Taken{more.size(), true};
        };
    log_.begin();
    for (const rt::GenerateResult& result : batch_->generate(requests, cancel_fd))
        if (result.tokens != tokens)
            throw rt::Error(
                fmt::format("the card wrote {} tokens instead of {}", result.tokens, tokens));
    return log_.sums();
}

Stage::Sums Stage::request(std::uint32_t prompt, std::uint32_t tokens, int cancel_fd) {
    for (std::uint32_t q = 0; q < batch_->size(); ++q)
        batch_->rollback(q, 0);
    return generate(std::span(text_).first(prompt), tokens, cancel_fd);
}

void Stage::advance(std::uint32_t position, int cancel_fd) {
    std::vector<std::span<const rt::TokenId>> texts;
    for (std::uint32_t q = 0; q < batch_->size(); ++q) {
        const std::uint32_t at = batch_->position(q);
        batch_->rollback(q, at);  // the token that was chosen last is not fed
        texts.push_back(std::span(text_).subspan(at, position - at));
    }
    log_.begin();
    if (!texts.front().empty() && !batch_->prefill(texts, cancel_fd))
        throw rt::Error("the prompt was broken off", ECANCELED);
    position_ = position;
}

Stage::Sums Stage::tokens(std::uint32_t count, int cancel_fd) {
    for (std::uint32_t q = 0; q < batch_->size(); ++q)
        batch_->rollback(q, position_);
    return generate(std::span(text_).first(1), count, cancel_fd);
}

}  // namespace skald::chip
