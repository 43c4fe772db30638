// SPDX-License-Identifier: MIT
#include "run/sequence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "console/standard_streams.hpp"
#include "libskald/error.hpp"

namespace skald::run {

std::uint32_t room_for(const Options& options, const container::ModelInfo& info,
                       std::size_t prompt) {
    // At least one more than the prompt has: the card chooses a token behind it.
    const std::uint64_t more = std::max(1u, options.max_tokens.value_or(info.context));
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(prompt + more, info.context));
}

void check_fits(const Options& options, const container::ModelInfo& info, std::size_t prompt,
                const std::string& who) {
    if (prompt == 0)
        throw UsageError(who + "the prompt is empty");
    if (prompt >= info.context && options.max_tokens.value_or(1) != 0)
        throw rt::Error(fmt::format("{}the prompt of {} tokens does not fit the model's context of "
                                    "{} tokens, of which one is for the answer",
                                    who, prompt, info.context),
                        EMSGSIZE);
}

std::vector<std::uint32_t> stop_ids(const Options& options, const container::ModelInfo& info,
                                    const rt::Tokenizer& tokenizer) {
    if (options.ignore_eos)
        return {};
    std::vector<std::uint32_t> ids(info.stop, info.stop + info.n_stop);
    for (const rt::TokenId id : tokenizer.eos_ids())
        if (std::find(ids.begin(), ids.end(), id) == ids.end())
            ids.push_back(id);
    return ids;
}

rt::SequenceRequest request_for(const Options& options, const container::ModelInfo& info,
                                const std::vector<rt::TokenId>& prompt,
                                const std::vector<std::uint32_t>& stops) {
    rt::SequenceRequest request;
    request.prompt = prompt;
    request.sampling = options.sampling.with_defaults_of(info);
    request.max_tokens = options.max_tokens.value_or(std::numeric_limits<std::uint32_t>::max());
    // The rest of them is text_maker's to see.
    request.stop_ids = std::span(stops).first(std::min<std::size_t>(stops.size(), isa::kMaxStop));
    return request;
}

std::string stop_text(const rt::GenerateResult& result, const TextMaker& text) {
    switch (result.reason) {
        case rt::StopReason::kStopToken:
            return "eos";
        case rt::StopReason::kLength:
            return "length";
        case rt::StopReason::kContext:
            return "context";
        case rt::StopReason::kCaller:
            return text.ended() ? "eos" : text.stopped() ? "stop" : "closed";
        case rt::StopReason::kCancelled:
            return "interrupted";
    }
    return "";
}

bool context_was_full(const Options& options, const container::ModelInfo& info,
                      const rt::GenerateResult& result, const std::string& who) {
    if (result.reason != rt::StopReason::kContext || !options.max_tokens)
        return false;
    console::say(
        "llm-run: {}the context of {} tokens is full after {} of the {} tokens asked for\n", who,
        info.context, result.tokens, *options.max_tokens);
    return true;
}

}  // namespace skald::run
