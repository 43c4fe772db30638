// SPDX-License-Identifier: MIT
// What a run says about itself: the timings for people and the JSON line for programs. How fast the
// emulation ran here and what the modelled chip would have done never share a line.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "libskald/device.hpp"
#include "libskald/request.hpp"
#include "run/startup.hpp"

namespace skald::run {

// Sums of the jobs of one request.
struct Counters {
    std::uint64_t submissions = 0;
    std::uint64_t interrupts = 0;  // of the whole card meanwhile
    std::uint64_t micro_ops = 0;
    std::uint64_t cycles = 0;
    std::uint64_t bytes = 0;
    std::uint64_t energy_pj = 0;
};

// Takes the counters between its construction and read().
class CounterSpan {
  public:
    using Stats = std::function<drm_skald_queue_query()>;
    CounterSpan(rt::Device& device, Stats stats);
    [[nodiscard]] Counters read() const;

  private:
    rt::Device& device_;
    Stats stats_;
    drm_skald_queue_query queue_;
    std::uint64_t interrupts_;
};

[[nodiscard]] double first_token_s(const rt::GenerateResult& result);  // 0 if there is none
// Of the tokens that were computed.
[[nodiscard]] std::optional<double> prefill_tps(const rt::GenerateResult& result,
                                                std::uint32_t cached = 0);
// From the first to the last token.
[[nodiscard]] std::optional<double> decode_tps(const rt::GenerateResult& result);

struct SequenceReport {
    rt::GenerateResult result;
    std::string stop_reason;
    std::string text;
    std::vector<std::uint32_t> prompt_ids;
    std::vector<std::uint32_t> ids;  // of the text
    std::uint64_t seed = 0;
};

struct GenerateReport : SequenceReport {
    Counters counters;
    Startup startup;
    std::uint32_t cached = 0;  // tokens of the prompt that a prompt cache or the last turn had
    std::optional<std::string> prompt;  // what a chat template made
    std::uint32_t chunk = 0;
};

struct BatchReport {
    std::vector<SequenceReport> sequences;
    Counters counters;
    Startup startup;
    std::uint32_t chunk = 0;

    // All sequences as if they were one: sums of tokens, from the first start to the last end.
    [[nodiscard]] rt::GenerateResult total() const;
};

struct ScoreReport {
    double nll = 0;            // mean over `tokens`
    std::uint64_t tokens = 0;  // that were predicted
    double seconds = 0;
    bool interrupted = false;  // nll and tokens are those until then
    Counters counters;
};

// Lines for standard error.
[[nodiscard]] std::string timings(const GenerateReport& report);
[[nodiscard]] std::string timings(const BatchReport& report);
[[nodiscard]] std::string timings(const ScoreReport& report);
// One line without its newline. model: name for people; device: the card.
[[nodiscard]] std::string json_line(const GenerateReport& report, const std::string& model,
                                    const rt::Device& device);
[[nodiscard]] std::string json_line(const BatchReport& report, const std::string& model,
                                    const rt::Device& device);
[[nodiscard]] std::string json_line(const ScoreReport& report, const std::string& model,
                                    const rt::Device& device);

}  // namespace skald::run
