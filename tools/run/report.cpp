// SPDX-License-Identifier: MIT
// Rates and their formatting.
#include "run/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

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

// Nothing where the card models no chip.
std::string modelled_line(const Counters& counters, double tokens) {
    if (counters.cycles == 0)
        return {};
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
             {{"chip", device.modelled_chip().empty() ? json() : json(device.modelled_chip())},
              {"cycles", counters.cycles},
              {"seconds", time},
              {"tokens_per_second", number_or_null(rate(tokens, time))},
              {"bytes", counters.bytes},
              {"energy_j", static_cast<double>(counters.energy_pj) * 1e-12}}}};
}

// What a person waits for without knowing why, in ms.
constexpr double kLongStartMs = 1000;

struct StartParts {
    double open, card, upload, prepare, prefill, total;  // ms
};

double milliseconds(std::int64_t from_ns, std::int64_t to_ns) {
    return seconds(from_ns, to_ns) * 1e3;
}

std::optional<StartParts> parts_of(const Startup& s, const rt::GenerateResult& r) {
    if (r.first_ns == 0)
        return std::nullopt;
    return StartParts{
        milliseconds(s.begin_ns, s.opened_ns),  milliseconds(s.opened_ns, s.card_ns),
        milliseconds(s.card_ns, s.uploaded_ns), milliseconds(s.uploaded_ns, r.start_ns),
        milliseconds(r.start_ns, r.first_ns),   milliseconds(s.begin_ns, r.first_ns)};
}

std::string startup_line(const Startup& startup, const rt::GenerateResult& result) {
    const auto parts = parts_of(startup, result);
    if (!parts || parts->total < kLongStartMs)
        return "";
    return fmt::format(
        "first token {:.2f} s after the start of the program: open {:.2f}, card "
        "{:.2f}, upload {:.2f}, prepare {:.2f}, prefill {:.2f} s\n",
        parts->total * 1e-3, parts->open * 1e-3, parts->card * 1e-3, parts->upload * 1e-3,
        parts->prepare * 1e-3, parts->prefill * 1e-3);
}

json startup_json(const Startup& startup, const rt::GenerateResult& result) {
    const auto parts = parts_of(startup, result);
    if (!parts)
        return nullptr;
    return {{"open_ms", parts->open},       {"card_ms", parts->card},
            {"upload_ms", parts->upload},   {"prepare_ms", parts->prepare},
            {"prefill_ms", parts->prefill}, {"total_ms", parts->total}};
}

// A model's name may have been the name of a file, which is bytes.
std::string text_line(const json& line) {
    return line.dump(-1, ' ', false, json::error_handler_t::replace);
}

json figures(const rt::GenerateResult& r, std::uint32_t cached = 0) {
    return {{"n_prompt", r.prompt_tokens},
            {"n_gen", r.tokens},
            {"prefill_tps", number_or_null(prefill_tps(r, cached))},
            {"decode_tps", number_or_null(decode_tps(r))},
            {"ttft_ms", first_token_s(r) * 1e3}};
}

json text_of(const SequenceReport& report) {
    return {{"stop_reason", report.stop_reason},
            {"seed", report.seed},
            {"text", report.text},
            {"prompt_ids", report.prompt_ids},
            {"ids", report.ids}};
}

std::string speed_line(const rt::GenerateResult& r, const Counters& counters,
                       const std::string& end, std::uint32_t cached = 0) {
    return fmt::format(
        "emulation here: prompt {} tokens{}, {}, first token after {:.1f} ms; decode {} tokens, "
        "{}; "
        "{} submissions, {} interrupts; {}\n",
        r.prompt_tokens, cached == 0 ? "" : fmt::format(" ({} from the cache)", cached),
        rate_text(prefill_tps(r, cached)), first_token_s(r) * 1e3, r.tokens,
        rate_text(decode_tps(r)), counters.submissions, counters.interrupts, end);
}

}  // namespace

CounterSpan::CounterSpan(rt::Device& device, Stats stats)
    : device_(device),
      stats_(std::move(stats)),
      queue_(stats_()),
      interrupts_(device.usage().interrupts) {}

Counters CounterSpan::read() const {
    const drm_skald_queue_query now = stats_();
    return {now.submitted - queue_.submitted, device_.usage().interrupts - interrupts_,
            now.micro_ops - queue_.micro_ops, now.cycles - queue_.cycles,
            now.bytes - queue_.bytes,         now.energy_pj - queue_.energy_pj};
}

double first_token_s(const rt::GenerateResult& result) {
    return result.first_ns == 0 ? 0 : seconds(result.start_ns, result.first_ns);
}

std::optional<double> prefill_tps(const rt::GenerateResult& result, std::uint32_t cached) {
    return rate(result.prompt_tokens - cached, first_token_s(result));
}

// Tokens that came together with the first one cost no time that was measured, so they do not
// count. If all did, the time includes the prompt's.
std::optional<double> decode_tps(const rt::GenerateResult& result) {
    if (result.tokens < 2)
        return std::nullopt;
    if (result.tokens == result.first_tokens)
        return rate(result.tokens - 1, seconds(result.start_ns, result.last_ns));
    return rate(result.tokens - result.first_tokens, seconds(result.first_ns, result.last_ns));
}

rt::GenerateResult BatchReport::total() const {
    rt::GenerateResult total;
    for (const SequenceReport& sequence : sequences) {
        const rt::GenerateResult& r = sequence.result;
        total.start_ns = r.start_ns;  // all start together
        total.prompt_tokens += r.prompt_tokens;
        total.tokens += r.tokens;
        total.first_tokens += r.first_tokens;  // one step makes the first token of all
        total.first_ns = std::max(total.first_ns, r.first_ns);
        total.last_ns = std::max(total.last_ns, r.last_ns);
    }
    return total;
}

std::string timings(const GenerateReport& report) {
    const rt::GenerateResult& r = report.result;
    return startup_line(report.startup, r) +
           speed_line(r, report.counters, "stop: " + report.stop_reason, report.cached) +
           modelled_line(report.counters, r.prompt_tokens + r.tokens);
}

std::string timings(const BatchReport& report) {
    const rt::GenerateResult r = report.total();
    return startup_line(report.startup, r) +
           speed_line(r, report.counters,
                      fmt::format("all {} sequences together", report.sequences.size())) +
           modelled_line(report.counters, r.prompt_tokens + r.tokens);
}

std::string timings(const ScoreReport& report) {
    const auto tokens = static_cast<double>(report.tokens);
    return fmt::format("emulation here: {} tokens, {}; {} submissions, {} interrupts{}\n",
                       report.tokens, rate_text(rate(tokens, report.seconds)),
                       report.counters.submissions, report.counters.interrupts,
                       report.interrupted ? "; interrupted" : "") +
           modelled_line(report.counters, tokens);
}

std::string json_line(const GenerateReport& report, const std::string& model,
                      const rt::Device& device) {
    const rt::GenerateResult& r = report.result;
    json line = common(report.counters, r.prompt_tokens + r.tokens, model, device);
    line.update(figures(r, report.cached));
    line.update(text_of(report));
    line.update({{"n_cached", report.cached},
                 {"startup", startup_json(report.startup, r)},
                 {"chunk", report.chunk}});
    if (report.prompt)
        line["prompt"] = *report.prompt;
    return text_line(line);
}

std::string json_line(const BatchReport& report, const std::string& model,
                      const rt::Device& device) {
    const rt::GenerateResult r = report.total();
    json sequences = json::array();
    for (const SequenceReport& one : report.sequences) {
        json entry = figures(one.result);
        entry.update(text_of(one));
        sequences.push_back(std::move(entry));
    }
    json line = common(report.counters, r.prompt_tokens + r.tokens, model, device);
    line.update(figures(r));
    line.update({{"n_parallel", report.sequences.size()},
                 {"startup", startup_json(report.startup, r)},
                 {"chunk", report.chunk},
                 {"sequences", std::move(sequences)}});
    return text_line(line);
}

std::string json_line(const ScoreReport& report, const std::string& model,
                      const rt::Device& device) {
    const auto tokens = static_cast<double>(report.tokens);
    json line = common(report.counters, tokens, model, device);
    const bool some = report.tokens != 0;
    line.update({{"nll", some ? json(report.nll) : json()},
                 {"perplexity", some ? json(std::exp(report.nll)) : json()},
                 {"stop_reason", report.interrupted ? "interrupted" : "end"},
                 {"n_prompt", report.tokens},
                 {"n_gen", 0},
                 {"prefill_tps", number_or_null(rate(tokens, report.seconds))},
                 {"decode_tps", nullptr}});
    return text_line(line);
}

}  // namespace skald::run
