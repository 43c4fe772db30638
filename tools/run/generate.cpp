// SPDX-License-Identifier: MIT
// Continues a prompt.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "console/standard_streams.hpp"
#include "libskald/session.hpp"
#include "run/cached_prompt.hpp"
#include "run/commands.hpp"
#include "run/conversation.hpp"
#include "run/interruption.hpp"
#include "run/logits_file.hpp"
#include "run/profile_table.hpp"
#include "run/prompt.hpp"
#include "run/report.hpp"
#include "run/sequence.hpp"
#include "run/standard_output.hpp"

namespace skald::run {
namespace {

// Logits held in system memory at a time: enough rows to keep the card busy, bounded bytes.
constexpr std::uint64_t kDumpBytes = 16ull << 20;
constexpr std::uint64_t kDumpRowsMax = 256;

rt::SessionOptions session_options(const Options& options, const container::ModelInfo& info,
                                   std::size_t prompt) {
    rt::SessionOptions session;
    session.positions = room_for(options, info, prompt);
    session.chunk = options.chunk;
    session.profile = options.profile;
    if (!options.dump_file.empty())
        session.dump_rows = static_cast<std::uint32_t>(
            std::clamp<std::uint64_t>(kDumpBytes / (4ull * info.vocabulary), 1, kDumpRowsMax));
    return session;
}

// With a prompt cache the prompt is prepared first; the times are those of both parts.
rt::GenerateResult run(const Options& options, const Loaded& loaded, rt::Session& session,
                       rt::GenerateRequest& request, std::uint32_t& cached) {
    if (options.prompt_cache.empty())
        return session.generate(request);
    const auto prompt = request.prompt;
    const std::int64_t start_ns = loaded.model.device().os().now_ns();
    CachedPrompt cache(options.prompt_cache, loaded.key);
    const bool prepared = cache.prepare(session, prompt, request.cancel_fd);
    cached = cache.found();
    rt::GenerateResult result;
    result.reason = rt::StopReason::kCancelled;
    if (prepared) {
        request.prompt = prompt.last(1);
        result = session.generate(request);
    }
    result.start_ns = start_ns;
    result.prompt_tokens = static_cast<std::uint32_t>(prompt.size());
    return result;
}

Prompt prompt_of(const Options& options, const Loaded& loaded) {
    if (loaded.conversation != nullptr)
        return loaded.conversation->prompt();
    Prompt prompt{read_prompt(options), {}};
    prompt.ids = loaded.tokenizer.encode(prompt.text);
    return prompt;
}

}  // namespace

int generate(const Options& options, const Loaded& loaded) {
    rt::Model& model = loaded.model;
    const rt::Tokenizer& tokenizer = loaded.tokenizer;
    const container::ModelInfo& info = model.info();
    const Prompt from = prompt_of(options, loaded);
    const std::vector<rt::TokenId>& prompt = from.ids;
    check_fits(options, info, prompt.size(), "");
    check_chunk(options, info, 1);
    std::optional<LogitsFile> logits;
    if (!options.dump_file.empty())
        logits.emplace(options.dump_file);

    rt::Session session(model, session_options(options, info, prompt.size()));
    const std::vector<std::uint32_t> stops = stop_ids(options, info, tokenizer);
    TextMaker text(tokenizer, prompt, options.stop, stops);
    StandardOutput output;
    if (options.echo)
        output.write(from.text);

    const Interruption interruption;
    rt::GenerateRequest request{request_for(options, info, prompt, stops), interruption.fd()};
    request.on_tokens = [&](std::span<const rt::Token> tokens) {
        rt::Taken taken;
        output.write(text.push(tokens, taken));
        taken.more = taken.more && !output.closed();
        return taken;
    };
    if (logits)
        request.on_logits = [&](std::span<const float> rows) { logits->append(rows); };

    const CounterSpan counters(model.device(), [&] { return session.stats(); });
    GenerateReport report;
    report.result = run(options, loaded, session, request, report.cached);
    output.write(text.finish() + "\n");
    report.counters = counters.read();
    report.startup = loaded.startup;
    report.stop_reason = stop_text(report.result, text);
    report.text = text.text();
    report.prompt_ids = prompt;
    if (loaded.conversation != nullptr)
        report.prompt = from.text;
    report.ids = text.ids();
    report.seed = request.sampling.seed;
    report.chunk = session.chunk();
    if (options.json)
        output.write(json_line(report, info.name, model.device()) + "\n");
    if (output.closed())
        return kExitDone;
    if (options.profile)
        console::say("{}",
                     profile_table(model.program(), session.profile(), session.profile_model()));
    console::say("{}", timings(report));
    if (report.result.reason == rt::StopReason::kCancelled)
        return kExitSignal + interruption.signal();
    return context_was_full(options, info, report.result, "") ? kExitContextFull : kExitDone;
}

}  // namespace skald::run
