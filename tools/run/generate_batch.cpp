// SPDX-License-Identifier: MIT
// Continues several prompts at a time. Texts come out whole, in the order of the sequences, each as
// soon as it and those before it have ended.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "console/standard_streams.hpp"
#include "libskald/batch.hpp"
#include "run/commands.hpp"
#include "run/interruption.hpp"
#include "run/profile_table.hpp"
#include "run/prompt.hpp"
#include "run/report.hpp"
#include "run/sequence.hpp"
#include "run/standard_output.hpp"

namespace skald::run {
namespace {

struct Member {
    std::string prompt_text;
    std::vector<rt::TokenId> prompt;
    std::uint64_t seed;
    std::string who;  // for messages: "FILE:3: "
    TextMaker text;
    bool ended = false;
};

void check_count(const Options& options, const container::ModelInfo& info, std::size_t count) {
    const std::uint32_t most = std::min(info.max_selected, info.max_sequences);
    if (count > most)
        throw UsageError(
            fmt::format("{} sequences are too many: the model decodes at most {} at a "
                        "time",
                        count, most));
    check_chunk(options, info, count);
}

// A deque: members are referred to while more are added.
std::deque<Member> read_members(const Options& options, const container::ModelInfo& info,
                                const rt::Tokenizer& tokenizer,
                                const std::vector<std::uint32_t>& stops) {
    std::deque<Member> members;
    const auto add = [&](const std::string& text, std::uint64_t seed, const std::string& who) {
        std::vector<rt::TokenId> ids = tokenizer.encode(text);
        check_fits(options, info, ids.size(), who);
        TextMaker maker(tokenizer, ids, options.stop, stops);
        members.push_back({text, std::move(ids), seed, who, std::move(maker)});
    };
    if (options.prompts_file.empty()) {
        check_count(options, info, options.parallel);
        const std::string text = read_prompt(options);
        for (std::uint32_t i = 0; i < options.parallel; i++)
            add(text, options.sampling.seed + i, "");
        return members;
    }
    const std::vector<std::string> lines = read_lines(options.prompts_file);
    check_count(options, info, lines.size());
    const std::string name = options.prompts_file == "-" ? "standard input" : options.prompts_file;
    for (std::size_t i = 0; i < lines.size(); i++)
        add(lines[i], options.sampling.seed, fmt::format("{}:{}: ", name, i + 1));
    if (members.empty())
        throw UsageError(name + ": there is no prompt in it");
    return members;
}

class OrderedOutput {
  public:
    OrderedOutput(const Options& options, std::deque<Member>& members)
        : options_(options), members_(members), blocks_(members.size()) {}

    void ended(std::size_t index, const rt::GenerateResult& result) {
        Member& member = members_[index];
        (void)member.text.finish();
        member.ended = true;
        blocks_[index] = fmt::format("--- sequence {}, seed {}: {} tokens, {} ---\n{}{}\n", index,
                                     member.seed, result.tokens, stop_text(result, member.text),
                                     options_.echo ? member.prompt_text : "", member.text.text());
        for (; next_ < members_.size() && members_[next_].ended; next_++)
            output_.write(blocks_[next_]);
    }
    [[nodiscard]] StandardOutput& output() { return output_; }

  private:
    const Options& options_;
    std::deque<Member>& members_;
    std::vector<std::string> blocks_;
    std::size_t next_ = 0;
    StandardOutput output_;
};

std::vector<rt::SequenceRequest> requests_for(const Options& options,
                                              const container::ModelInfo& info,
                                              const std::vector<std::uint32_t>& stops,
                                              std::deque<Member>& members, OrderedOutput& output) {
    std::vector<rt::SequenceRequest> requests;
    for (std::size_t i = 0; i < members.size(); i++) {
        Member& member = members[i];
        rt::SequenceRequest request = request_for(options, info, member.prompt, stops);
        request.sampling.seed = member.seed;
        request.on_tokens = [&](std::span<const rt::Token> tokens) {
            rt::Taken taken;
            (void)member.text.push(tokens, taken);
            taken.more = taken.more && !output.output().closed();
            return taken;
        };
        request.on_end = [&output, i](const rt::GenerateResult& result) {
            output.ended(i, result);
        };
        requests.push_back(std::move(request));
    }
    return requests;
}

rt::BatchOptions batch_options(const Options& options, const container::ModelInfo& info,
                               const std::deque<Member>& members) {
    rt::BatchOptions batch;
    batch.positions.clear();
    for (const Member& member : members)
        batch.positions.push_back(room_for(options, info, member.prompt.size()));
    batch.chunk = options.chunk;
    batch.profile = options.profile;
    return batch;
}

}  // namespace

int generate_batch(const Options& options, const Loaded& loaded) {
    rt::Model& model = loaded.model;
    const container::ModelInfo& info = model.info();
    const std::vector<std::uint32_t> stops = stop_ids(options, info, loaded.tokenizer);
    std::deque<Member> members = read_members(options, info, loaded.tokenizer, stops);
    rt::Batch batch(model, batch_options(options, info, members));
    OrderedOutput output(options, members);
    const Interruption interruption;
    const auto requests = requests_for(options, info, stops, members, output);
    const CounterSpan counters(model.device(), [&] { return batch.stats(); });

    const std::vector<rt::GenerateResult> results = batch.generate(requests, interruption.fd());
    BatchReport report;
    report.counters = counters.read();
    report.startup = loaded.startup;
    report.chunk = batch.chunk();
    for (std::size_t i = 0; i < members.size(); i++) {
        const Member& member = members[i];
        if (!member.ended)  // no tokens were wanted
            output.ended(i, results[i]);
        report.sequences.push_back({results[i], stop_text(results[i], member.text),
                                    member.text.text(), member.prompt, member.text.ids(),
                                    member.seed});
    }
    if (options.json)
        output.output().write(json_line(report, info.name, model.device()) + "\n");
    if (output.output().closed())
        return kExitDone;
    if (options.profile)
        console::say("{}", profile_table(model.program(), batch.profile(), batch.profile_model()));
    console::say("{}", timings(report));
    if (std::ranges::any_of(results, [](const rt::GenerateResult& r) {
            return r.reason == rt::StopReason::kCancelled;
        }))
        return kExitSignal + interruption.signal();
    for (std::size_t i = 0; i < members.size(); i++)
        if (context_was_full(options, info, results[i], fmt::format("sequence {}: ", i)))
            return kExitContextFull;  // one line says enough
    return kExitDone;
}

}  // namespace skald::run
