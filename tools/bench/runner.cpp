// SPDX-License-Identifier: MIT
// Requests of random tokens.
#include "bench/runner.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "libskald/error.hpp"
#include "skald/regs.h"

namespace skald::bench {

bool models_a_chip(const rt::Device& device) {
    return (device.info().caps & SKALD_CAP_MODEL) != 0;
}

RandomTokens::RandomTokens(const container::ModelInfo& info)
    : bos_(info.bos_id), any_(0, info.vocabulary - 1) {}

std::vector<rt::TokenId> RandomTokens::next(std::size_t count, bool from_the_start) {
    std::vector<rt::TokenId> tokens(count);
    for (rt::TokenId& token : tokens)
        token = any_(random_);
    if (from_the_start && bos_ != container::kNoToken && count != 0)
        tokens[0] = bos_;
    return tokens;
}

Runner::Runner(rt::Model& model, const Case& test, std::uint32_t chunk, bool profile,
               std::uint32_t priority)
    : test_(test), tokens_(model.info()), model_(model), batch_(model, [&] {
          rt::BatchOptions options;
          options.positions.assign(test.parallel, static_cast<std::uint32_t>(test.positions()));
          options.chunk = chunk;
          options.profile = profile;
          options.priority = priority;
          return options;
      }()) {
    const Prompts prompts = make_prompts(test.depth);
    const std::vector<std::span<const rt::TokenId>> spans(prompts.begin(), prompts.end());
    batch_.prefill(spans);
    filled_ = batch_.stats();
    filled_ops_ = modelled_now(batch_.profile(), batch_.profile_model());
}

Runner::Prompts Runner::make_prompts(std::uint32_t count) {
    Prompts prompts;
    for (std::uint32_t q = 0; q < batch_.size(); ++q)
        prompts.push_back(tokens_.next(count, batch_.position(q) == 0));
    return prompts;
}

std::int64_t Runner::repeat() {
    for (std::uint32_t q = 0; q < batch_.size(); ++q)
        batch_.rollback(q, test_.depth);
    const Prompts prompts = make_prompts(test_.given());
    std::vector<rt::SequenceRequest> requests(batch_.size());
    for (std::uint32_t q = 0; q < batch_.size(); ++q) {
        requests[q].prompt = prompts[q];
        requests[q].max_tokens = test_.chosen();
    }
    std::int64_t last_ns = 0, start_ns = 0;
    for (const rt::GenerateResult& result : batch_.generate(requests)) {
        if (result.tokens != test_.chosen())
            throw rt::Error(fmt::format("{}: the card wrote {} tokens instead of {}", test_.name(),
                                        result.tokens, test_.chosen()));
        start_ns = result.start_ns;
        last_ns = std::max(last_ns, result.last_ns);
    }
    ++repetitions_;
    return last_ns - start_ns;
}

std::optional<Modelled> Runner::modelled() {
    if (!models_a_chip(model_.device()))
        return std::nullopt;
    const drm_skald_queue_query now = batch_.stats();
    Modelled modelled;
    modelled.chip = model_.device().modelled_chip();
    modelled.ns =
        static_cast<double>(now.cycles - filled_.cycles) * 1e9 / isa::kClockHz / repetitions_;
    modelled.joules = static_cast<double>(now.energy_pj - filled_.energy_pj) * 1e-12 / repetitions_;
    modelled.ops = modelled_ops(model_.program(), filled_ops_,
                                modelled_now(batch_.profile(), batch_.profile_model()));
    return modelled;
}

}  // namespace skald::bench
