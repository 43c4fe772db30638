// SPDX-License-Identifier: MIT
// The mean negative log-likelihood of a text.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "console/standard_streams.hpp"
#include "libskald/error.hpp"
#include "libskald/session.hpp"
#include "run/commands.hpp"
#include "run/interruption.hpp"
#include "run/logits_file.hpp"
#include "run/profile_table.hpp"
#include "run/prompt.hpp"
#include "run/report.hpp"
#include "run/standard_output.hpp"

namespace skald::run {
namespace {

constexpr std::uint64_t kDumpBytes = 16ull << 20;

// A text longer than the context is scored in windows; each begins with the text's prefix (bos),
// and no token counts twice.
std::vector<std::vector<rt::TokenId>> windows(const std::vector<rt::TokenId>& ids,
                                              std::span<const rt::TokenId> prefix,
                                              std::uint32_t context) {
    std::vector<std::vector<rt::TokenId>> all;
    // The last token of a window is predicted but not read, so it needs no position.
    const std::size_t most = std::size_t{context} + 1;
    std::size_t at = 0;
    while (at < ids.size()) {
        std::vector<rt::TokenId> window;
        if (at != 0)
            window.assign(prefix.begin(), prefix.end());
        // Without a prefix the last token read leads on to the next window.
        if (at != 0 && prefix.empty())
            window.push_back(ids[at - 1]);
        const std::size_t count = std::min(most - window.size(), ids.size() - at);
        window.insert(window.end(), ids.begin() + static_cast<std::ptrdiff_t>(at),
                      ids.begin() + static_cast<std::ptrdiff_t>(at + count));
        at += count;
        all.push_back(std::move(window));
    }
    return all;
}

rt::SessionOptions session_options(const Options& options, const container::ModelInfo& info,
                                   std::size_t tokens) {
    rt::SessionOptions session;
    session.positions = static_cast<std::uint32_t>(std::min<std::size_t>(tokens, info.context));
    session.chunk = options.chunk;
    session.profile = options.profile;
    if (!options.dump_file.empty())
        session.dump_rows = static_cast<std::uint32_t>(
            std::clamp<std::uint64_t>(kDumpBytes / (4ull * info.vocabulary), 1, info.max_selected));
    return session;
}

}  // namespace

int score(const Options& options, const Loaded& loaded) {
    rt::Model& model = loaded.model;
    const rt::Tokenizer& tokenizer = loaded.tokenizer;
    const container::ModelInfo& info = model.info();
    check_chunk(options, info, 1);
    rt::Tokenizer::EncodeOptions encoding;
    encoding.parse_special = false;
    const std::vector<rt::TokenId> ids = tokenizer.encode(read_text(options.nll_file), encoding);
    const std::vector<rt::TokenId>& prefix = tokenizer.spec().prefix_ids;
    if (ids.size() < 2 || ids.size() <= prefix.size())
        throw rt::Error(fmt::format("{}: too short to be scored", options.nll_file));

    std::optional<LogitsFile> logits;
    rt::OnLogits on_logits;
    if (!options.dump_file.empty()) {
        logits.emplace(options.dump_file);
        on_logits = [&](std::span<const float> rows) { logits->append(rows); };
    }
    rt::Session session(model, session_options(options, info, ids.size()));
    StandardOutput output;
    const Interruption interruption;
    const CounterSpan counters(model.device(), [&] { return session.stats(); });
    const std::int64_t start_ns = model.device().os().now_ns();
    ScoreReport report;
    double sum = 0;
    for (const std::vector<rt::TokenId>& window : windows(ids, prefix, info.context)) {
        const rt::Score scored = session.score(window, interruption.fd(), on_logits);
        for (const float value : scored.log_probs)
            sum -= value;
        report.tokens += scored.log_probs.size();
        report.interrupted = scored.cancelled;
        if (report.interrupted)
            break;
    }
    if (report.tokens != 0)
        report.nll = sum / static_cast<double>(report.tokens);
    report.seconds = static_cast<double>(model.device().os().now_ns() - start_ns) * 1e-9;
    report.counters = counters.read();
    if (options.json)
        output.write(json_line(report, info.name, model.device()) + "\n");
    else if (report.tokens != 0)
        output.write(fmt::format("nll {:.4f} per token, perplexity {:.3f}, over {} tokens\n",
                                 report.nll, std::exp(report.nll), report.tokens));
    if (options.profile)
        console::say("{}",
                     profile_table(model.program(), session.profile(), session.profile_model()));
    console::say("{}", timings(report));
    return report.interrupted ? kExitSignal + interruption.signal() : kExitDone;
}

}  // namespace skald::run
