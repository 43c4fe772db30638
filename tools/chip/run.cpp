// SPDX-License-Identifier: MIT
#include "chip/run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <fstream>
#include <numeric>

#include "chip/capacity.hpp"
#include "chip/split_run.hpp"
#include "container/container.hpp"
#include "libskald/batch.hpp"
#include "libskald/error.hpp"
#include "libskald/model.hpp"
#include "local/chip_facts.hpp"
#include "local/local_card.hpp"
#include "skald/isa.hpp"

namespace skald::chip {
namespace {

constexpr double kSecond = 1e12;  // ps
constexpr double kJoule = 1e15;   // fJ

class Requests {
  public:
    Requests(const Options& options, const rt::Container& container, rt::Device& device,
             local::ModelLog& log)
        : log_(log),
          model_(device, {container.model(), container.program(), container.weights()}),
          batch_(model_, batch_options(options)) {
        prompt_.resize(options.prompt);
        for (std::size_t i = 0; i < prompt_.size(); ++i)
            prompt_[i] = static_cast<rt::TokenId>(i % container.model().vocabulary);
    }

    [[nodiscard]] std::uint32_t chunk() const { return batch_.chunk(); }

    local::ModelLog::Sums take(std::uint32_t tokens) {
        for (std::uint32_t q = 0; q < batch_.size(); ++q)
            batch_.rollback(q, 0);
        std::vector<rt::SequenceRequest> requests(batch_.size());
        for (rt::SequenceRequest& request : requests) {
            request.prompt = prompt_;
            request.max_tokens = tokens;
        }
        log_.begin();
        for (const rt::GenerateResult& result : batch_.generate(requests))
            if (result.tokens != tokens)
                throw rt::Error(
                    fmt::format("the card wrote {} tokens instead of {}", result.tokens, tokens));
        return log_.sums();
    }

  private:
    static rt::BatchOptions batch_options(const Options& options) {
        rt::BatchOptions batch;
        batch.positions.assign(options.batch, options.prompt + options.generated);
        batch.chunk = options.chunk;
        return batch;
    }

    local::ModelLog& log_;
    rt::Model model_;
    rt::Batch batch_;
    std::vector<rt::TokenId> prompt_;
};

void write_trace(const std::string& file, const std::string& text) {
    std::ofstream out(file, std::ios::binary);
    if (!(out << text) || !out.flush())
        throw rt::Error(fmt::format("{}: cannot be written", file), EIO);
}

double joules(const local::ModelLog::Sums& sums) {
    return static_cast<double>(
               std::accumulate(sums.energy.begin(), sums.energy.end(), std::uint64_t{0})) /
           kJoule;
}

}  // namespace

double Outcome::first_token_s() const {
    return static_cast<double>(first.time) / kSecond;
}

double Outcome::token_s() const {
    return generated < 2 ? 0
                         : static_cast<double>(whole.time - first.time) / kSecond / (generated - 1);
}

double Outcome::user_rate() const {
    return token_s() > 0 ? 1 / token_s() : 0;
}

std::optional<double> Outcome::first_token_j() const {
    if (!unknown_energy.empty())
        return std::nullopt;
    return joules(first) + first_static_j;
}

std::optional<double> Outcome::token_j() const {
    if (!unknown_energy.empty() || generated < 2)
        return std::nullopt;
    return (joules(whole) + whole_static_j - joules(first) - first_static_j) /
           (static_cast<double>(generated - 1) * batch);
}

std::optional<double> Outcome::mean_w() const {
    const auto each = token_j();
    return each && token_s() > 0 ? std::optional(*each * batch / token_s()) : std::nullopt;
}

Outcome run(const Options& options) {
    const local::ChipFacts chip = local::chip_facts(options.chip);
    if (!chip.missing.empty())
        throw rt::Error(fmt::format("chip {} cannot be run, its profile lacks {} (llm-chip show {} "
                                    "says why)",
                                    chip.name, fmt::join(chip.missing, ", "), chip.name),
                        EINVAL);
    if (!options.split.empty())
        return run_split(options, chip);
    const rt::Container container(options.model);
    if (container.model().tensor != 0)
        throw rt::Error(fmt::format("{} is a part of a model that is split: --split runs all of it",
                                    options.model),
                        EINVAL);
    const std::uint64_t weights = container.weights().size();
    const std::uint64_t cache = cache_bytes(container.model(), options);
    check_capacity(chip, weights, cache);

    local::ModelLog log(!options.trace.empty());
    local::LocalOptions card;
    card.chip = options.chip;
    card.timing_only = !options.with_data;
    card.threads = options.with_data ? 0 : 1;
    card.log = &log;
    card.memory_bytes = std::bit_ceil(2 * weights + 2 * cache + (4ull << 30));
    const auto device = local::open_local_card(rt::linux_os(), card);
    Requests requests(options, container, *device, log);

    Outcome outcome;
    outcome.chip = options.chip;
    outcome.model = container.name();
    outcome.prompt = options.prompt;
    outcome.generated = options.generated;
    outcome.batch = options.batch;
    outcome.chunk = requests.chunk();
    outcome.with_data = options.with_data;
    outcome.first = requests.take(1);
    outcome.whole = options.generated > 1 ? requests.take(options.generated) : outcome.first;
    const double watts = chip.figure("static_w").value.value_or(0);
    outcome.first_static_j = watts * static_cast<double>(outcome.first.time) / kSecond;
    outcome.whole_static_j = watts * static_cast<double>(outcome.whole.time) / kSecond;
    outcome.unknown_energy = chip.unknown_energy;
    outcome.boundary = chip.figure("boundary").text;
    if (!options.trace.empty())
        write_trace(options.trace, local::perfetto_trace(log.slices(), chip.name));
    return outcome;
}

}  // namespace skald::chip
