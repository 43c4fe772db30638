// SPDX-License-Identifier: MIT
// Continues a prompt.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <vector>

#include "libskald/error.hpp"
#include "run/commands.hpp"
#include "run/interruption.hpp"
#include "run/logits_file.hpp"
#include "run/profile_table.hpp"
#include "run/prompt.hpp"
#include "run/report.hpp"
#include "run/text_output.hpp"

namespace skald::run {
namespace {

// Logits held in system memory at a time: enough rows to keep the card busy, bounded bytes.
constexpr std::uint64_t kDumpBytes = 16ull << 20;
constexpr std::uint64_t kDumpRowsMax = 256;

rt::SessionOptions session_options(const Options& options, const container::ModelInfo& info,
                                   std::size_t prompt) {
    rt::SessionOptions session;
    // At least one more than the prompt has: the card chooses a token behind it.
    const std::uint64_t more = std::max(1u, options.max_tokens.value_or(info.context));
    session.positions =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(prompt + more, info.context));
    session.chunk = options.chunk;
    session.profile = options.profile;
    if (!options.dump_file.empty())
        session.dump_rows = static_cast<std::uint32_t>(
            std::clamp<std::uint64_t>(kDumpBytes / (4ull * info.vocabulary), 1, kDumpRowsMax));
    return session;
}

std::string stop_text(const rt::GenerateResult& result, const TextOutput& output) {
    switch (result.reason) {
        case rt::StopReason::kStopToken:
            return "eos";
        case rt::StopReason::kLength:
            return "length";
        case rt::StopReason::kContext:
            return "context";
        case rt::StopReason::kCaller:
            return output.stopped() ? "stop" : "closed";
        case rt::StopReason::kCancelled:
            return "interrupted";
    }
    return "";
}

// The model's own end tokens; the tokenizer may know more of them than the container's table.
std::vector<std::uint32_t> stop_ids(const container::ModelInfo& info,
                                    const rt::Tokenizer& tokenizer) {
    std::vector<std::uint32_t> ids(info.stop, info.stop + info.n_stop);
    for (const rt::TokenId id : tokenizer.eos_ids())
        if (std::find(ids.begin(), ids.end(), id) == ids.end() && ids.size() < isa::kMaxStop)
            ids.push_back(id);
    return ids;
}

void check_fits(const Options& options, const container::ModelInfo& info, std::size_t prompt) {
    if (prompt == 0)
        throw UsageError("the prompt is empty");
    if (prompt >= info.context && options.max_tokens.value_or(1) != 0)
        throw rt::Error(fmt::format("the prompt of {} tokens does not fit the model's context of "
                                    "{} tokens, of which one is for the answer",
                                    prompt, info.context),
                        EMSGSIZE);
}

int exit_status(const Options& options, const rt::GenerateResult& result,
                const Interruption& interruption, std::uint32_t context) {
    if (result.reason == rt::StopReason::kCancelled)
        return kExitSignal + interruption.signal();
    if (result.reason == rt::StopReason::kContext && options.max_tokens) {
        fmt::print(
            stderr,
            "llm-run: the context of {} tokens is full after {} of the {} tokens asked for\n",
            context, result.tokens, *options.max_tokens);
        return kExitContextFull;
    }
    return kExitDone;
}

}  // namespace

int generate(const Options& options, rt::Model& model, const rt::Tokenizer& tokenizer) {
    const container::ModelInfo& info = model.info();
    const std::string prompt_text = read_prompt(options);
    const std::vector<rt::TokenId> prompt = tokenizer.encode(prompt_text);
    check_fits(options, info, prompt.size());
    check_chunk(options, info);
    std::optional<LogitsFile> logits;
    if (!options.dump_file.empty())
        logits.emplace(options.dump_file);

    rt::Session session(model, session_options(options, info, prompt.size()));
    TextOutput output(tokenizer, prompt, options.stop);
    if (options.echo)
        output.write(prompt_text);

    const Interruption interruption;
    const std::vector<std::uint32_t> stops = stop_ids(info, tokenizer);
    rt::GenerateRequest request;
    request.prompt = prompt;
    request.sampling = options.sampling.with_defaults_of(info);
    request.max_tokens = options.max_tokens.value_or(std::numeric_limits<std::uint32_t>::max());
    if (!options.ignore_eos)
        request.stop_ids = stops;
    request.cancel_fd = interruption.fd();
    request.on_tokens = [&](std::span<const rt::Token> tokens) { return output.push(tokens); };
    if (logits)
        request.on_logits = [&](std::span<const float> rows) { logits->append(rows); };

    const CounterSpan counters(model.device(), session);
    GenerateReport report;
    report.result = session.generate(request);
    output.finish();
    report.counters = counters.read();
    report.stop_reason = stop_text(report.result, output);
    report.text = output.text();
    report.ids = output.ids();
    report.seed = request.sampling.seed;
    report.chunk = session.chunk();
    if (options.json)
        output.write(json_line(report, info.name, model.device()) + "\n");
    if (output.closed())
        return kExitDone;
    if (options.profile)
        fmt::print(stderr, "{}", profile_table(model.program(), session.profile()));
    fmt::print(stderr, "{}", timings(report));
    return exit_status(options, report.result, interruption, info.context);
}

}  // namespace skald::run
