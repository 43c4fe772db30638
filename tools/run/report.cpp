// SPDX-License-Identifier: MIT
// Rates and their formatting.
#include "run/report.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "skald/isa.hpp"

namespace skald::run {
namespace {

using nlohmann::json;

double seconds(std::int64_t from_ns, std::int64_t to_ns) {
    return static_cast<double>(to_ns - from_ns) * 1e-9;
}

std::optional<double> rate(double count, double time_s) {
    return count > 0 && time_s > 0 ? std::optional(count / time_s) : std::nullopt;
}

json number_or_null(std::optional<double> value) {
    return value ? json(*value) : json();
}

std::string rate_text(std::optional<double> value) {
    return value ? fmt::format("{:.1f} tokens/s", *value) : "too short to tell";
}

double modelled_seconds(const Counters& counters) {
    return static_cast<double>(counters.cycles) / isa::kClockHz;
}

std::string modelled_line(const Counters& counters, double tokens) {
    const double time = modelled_seconds(counters);
    return fmt::format("modelled chip: {:.3f} ms, {}, {:.1f} MB moved, {:.3f} mJ ({} micro-ops)\n",
                       time * 1e3, rate_text(rate(tokens, time)),
                       static_cast<double>(counters.bytes) * 1e-6,
                       static_cast<double>(counters.energy_pj) * 1e-9, counters.micro_ops);
}

json common(const Counters& counters, double tokens, const std::string& model,
            const rt::Device& device) {
    const double time = modelled_seconds(counters);
    return {{"model", model},
            {"device", device.name()},
            {"engine_simd", rt::simd_name(device.info().engine_simd)},
            {"engine_threads", device.info().engine_threads},
            {"submissions", counters.submissions},
            {"interrupts", counters.interrupts},
            {"micro_ops", counters.micro_ops},
            {"modelled",
             {{"cycles", counters.cycles},
              {"seconds", time},
              {"tokens_per_second", number_or_null(rate(tokens, time))},
              {"bytes", counters.bytes},
              {"energy_j", static_cast<double>(counters.energy_pj) * 1e-12}}}};
}

}  // namespace

CounterSpan::CounterSpan(rt::Device& device, rt::Session& session)
    : device_(device),
      session_(session),
      queue_(session.stats()),
      interrupts_(device.usage().interrupts) {}

Counters CounterSpan::read() const {
    const drm_skald_queue_query now = session_.stats();
    return {now.submitted - queue_.submitted, device_.usage().interrupts - interrupts_,
            now.micro_ops - queue_.micro_ops, now.cycles - queue_.cycles,
            now.bytes - queue_.bytes,         now.energy_pj - queue_.energy_pj};
}

double GenerateReport::first_token_s() const {
    return result.first_ns == 0 ? 0 : seconds(result.start_ns, result.first_ns);
}

std::optional<double> GenerateReport::prefill_tps() const {
    return rate(result.prompt_tokens, first_token_s());
}

// Tokens that came together with the first one cost no time that was measured, so they do not
// count. If all did, the time includes the prompt's.
std::optional<double> GenerateReport::decode_tps() const {
    if (result.tokens < 2)
        return std::nullopt;
    if (result.tokens == result.first_tokens)
        return rate(result.tokens - 1, seconds(result.start_ns, result.last_ns));
    return rate(result.tokens - result.first_tokens, seconds(result.first_ns, result.last_ns));
}

std::string timings(const GenerateReport& report) {
    const rt::GenerateResult& r = report.result;
    return fmt::format(
               "emulation here: prompt {} tokens, {}, first token after {:.1f} ms; decode {} "
               "tokens, "
               "{}; {} submissions, {} interrupts; stop: {}\n",
               r.prompt_tokens, rate_text(report.prefill_tps()), report.first_token_s() * 1e3,
               r.tokens, rate_text(report.decode_tps()), report.counters.submissions,
               report.counters.interrupts, report.stop_reason) +
           modelled_line(report.counters, r.prompt_tokens + r.tokens);
}

std::string timings(const ScoreReport& report) {
    const auto tokens = static_cast<double>(report.tokens);
    return fmt::format("emulation here: {} tokens, {}; {} submissions, {} interrupts\n",
                       report.tokens, rate_text(rate(tokens, report.seconds)),
                       report.counters.submissions, report.counters.interrupts) +
           modelled_line(report.counters, tokens);
}

std::string json_line(const GenerateReport& report, const std::string& model,
                      const rt::Device& device) {
    const rt::GenerateResult& r = report.result;
    json line = common(report.counters, r.prompt_tokens + r.tokens, model, device);
    line.update({{"n_prompt", r.prompt_tokens},
                 {"n_gen", r.tokens},
                 {"prefill_tps", number_or_null(report.prefill_tps())},
                 {"decode_tps", number_or_null(report.decode_tps())},
                 {"ttft_ms", report.first_token_s() * 1e3},
                 {"stop_reason", report.stop_reason},
                 {"seed", report.seed},
                 {"chunk", report.chunk},
                 {"text", report.text},
                 {"ids", report.ids}});
    return line.dump();
}

std::string json_line(const ScoreReport& report, const std::string& model,
                      const rt::Device& device) {
    const auto tokens = static_cast<double>(report.tokens);
    json line = common(report.counters, tokens, model, device);
    line.update({{"nll", report.nll},
                 {"perplexity", std::exp(report.nll)},
                 {"n_prompt", report.tokens},
                 {"n_gen", 0},
                 {"prefill_tps", number_or_null(rate(tokens, report.seconds))},
                 {"decode_tps", nullptr}});
    return line.dump();
}

}  // namespace skald::run
