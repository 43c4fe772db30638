// SPDX-License-Identifier: MIT
#include "rank_rig.hpp"

#include <algorithm>
#include <bit>
#include <exception>
#include <memory>
#include <thread>

#include "container/container.hpp"
#include "libskald/batch.hpp"
#include "libskald/model.hpp"
#include "libskald/os.hpp"
#include "local/alarm.hpp"
#include "local/link_group.hpp"
#include "local/local_card.hpp"

namespace skald::test {
namespace {

std::uint32_t longest(const std::vector<Prompt>& prompts) {
    std::size_t most = 0;
    for (const Prompt& prompt : prompts)
        most = std::max(most, prompt.tokens.size());
    return static_cast<std::uint32_t>(most);
}

Spoken speak_on(rt::Device& device, const rt::Container& container,
                const std::vector<Prompt>& prompts, const RunOptions& options, local::ModelLog& log,
                int cancel_fd) {
    rt::Model model(device, {container.model(), container.program(), container.weights(), {}});
    rt::BatchOptions batch_options;
    batch_options.positions.assign(prompts.size(), longest(prompts) + options.max_tokens);
    batch_options.chunk = options.chunk;
    batch_options.time_budget_ns = options.time_budget_ns;
    batch_options.dump_rows = 64;
    rt::Batch batch(model, batch_options);
    Spoken spoken{std::vector<std::vector<rt::TokenId>>(prompts.size()),
                  std::vector<std::vector<std::uint32_t>>(prompts.size()),
                  {}};
    std::vector<rt::SequenceRequest> requests(prompts.size());
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        requests[i].prompt = prompts[i].tokens;
        requests[i].sampling = prompts[i].sampling;
        requests[i].max_tokens = options.max_tokens;
        requests[i].on_tokens = [&spoken, i](std::span<const rt::Token> tokens) -> rt::Taken {
            for (const rt::Token& token : tokens)
                spoken.tokens[i].push_back(token.id);
            return {tokens.size(), true};
        };
        requests[i].on_logits = [&spoken, i](std::span<const float> row) {
            for (const float x : row)
                spoken.logits[i].push_back(std::bit_cast<std::uint32_t>(x));
        };
    }
    log.begin();  // the weights that were copied to the card are not the request's
    (void)batch.generate(requests, cancel_fd);
    return spoken;
}

}  // namespace

std::vector<Spoken> speak(const std::vector<std::filesystem::path>& files,
                          const std::vector<Prompt>& prompts, const RunOptions& options) {
    local::LinkGroup group(static_cast<std::uint32_t>(files.size()));
    local::Alarm alarm;
    std::vector<Spoken> spoken(files.size());
    std::vector<std::thread> threads;
    for (std::uint32_t rank = 0; rank < files.size(); ++rank) {
        if (files[rank].empty())
            continue;
        threads.emplace_back([&, rank] {
            try {
                const rt::Container container(files[rank]);
                local::ModelLog log;
                local::LocalOptions card;
                card.threads = 1;
                card.timing_only = options.timing_only;
                card.log = &log;
                card.memory_bytes = 256u << 20;
                if (files.size() > 1)
                    card.links = &group.of(rank);
                const auto device = local::open_local_card(rt::linux_os(), card);
                spoken[rank] = speak_on(*device, container, prompts, options, log, alarm.fd());
                spoken[rank].modelled = log.sums();
            } catch (...) {
                alarm.ring(std::current_exception());
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    alarm.rethrow();
    return spoken;
}

}  // namespace skald::test
