// SPDX-License-Identifier: MIT
#include "decoder.hpp"

#include <algorithm>

#include "skald/ring.h"

namespace skald::test {

using namespace program;

void Decoder::prepare(std::uint32_t sequences, const std::vector<Step>& steps, std::uint64_t mode) {
    const container::ModelInfo& m = container_.model();
    const std::uint64_t budget = machine_.budget_at;
    machine_ = ReferenceMachine();
    machine_.budget_at = budget;
    jobs_ = 0;
    const std::uint32_t blocks = sequences * m.blocks_per_sequence;
    std::vector<std::uint32_t> table(blocks), tokens, select, targets;
    for (std::uint32_t b = 0; b < blocks; ++b)
        table[b] = blocks - 1 - b;  // backwards: nothing may rely on an order
    std::vector<isa::Row> rows;
    std::vector<StepDesc> descriptions;
    for (const Step& s : steps) {
        descriptions.push_back({static_cast<std::uint32_t>(s.tokens.size()),
                                static_cast<std::uint32_t>(s.select.size())});
        tokens.insert(tokens.end(), s.tokens.begin(), s.tokens.end());
        select.insert(select.end(), s.select.begin(), s.select.end());
        targets.insert(targets.end(), s.targets.begin(), s.targets.end());
        rows.insert(rows.end(), s.rows.begin(), s.rows.end());
    }
    const auto upload = [&](const auto& list) {
        return machine_.add_buffer(std::as_bytes(std::span(list)));
    };
    arguments_ = machine_.add_buffer(64 * 8);
    set(kWeights, machine_.add_buffer(container_.weights()));
    set(kKvPool, machine_.add_buffer(blocks * m.block_bytes));
    set(kWork, machine_.add_buffer(m.workspace_bytes));
    set(kBlocks, upload(table));
    set(kKvBlocks, blocks);
    set(kHistory, machine_.add_buffer(4ull * sequences * m.context));
    set(kRing, machine_.add_buffer(4096 * sizeof(skald_token)));
    set(kRingMask, 4095);
    set(kSteps, upload(descriptions));
    set(kStepsLeft, steps.size());
    set(kTokens, upload(tokens));
    set(kRows, upload(rows));
    set(kSelect, upload(select));
    set(kTargets, upload(targets));
    set(kLogProbs, machine_.add_buffer(4 * select.size()));
    if ((mode & kModeDump) != 0)
        set(kDump, machine_.add_buffer(4ull * select.size() * m.vocabulary));
    set(kMode, mode);
    set(kDecodeTokens, machine_.add_buffer(4ull * sequences));
    set(kDecodeTable, machine_.add_buffer(8ull * sequences));
    set(kActive, sequences);
}

void Decoder::run() {
    do {
        ++jobs_;
    } while (machine_.run(container_.program(), arguments_) == isa::EndStatus::Continue);
}

std::vector<std::vector<std::uint32_t>> Decoder::generate(
    const std::vector<std::vector<std::uint32_t>>& prompts, std::uint32_t count,
    const Options& options) {
    machine_.budget_at = options.budget;
    const auto n = static_cast<std::uint32_t>(prompts.size());
    // The last step holds the last row of every prompt, so that all of them begin to decode at
    // once.
    std::vector<Step> steps;
    Step last;
    for (std::uint32_t s = 0; s < n; ++s) {
        const auto& prompt = prompts[s];
        for (std::uint32_t i = 0; i + 1 < prompt.size(); ++i) {
            if (i % options.chunk == 0)
                steps.emplace_back();
            steps.back().tokens.push_back(prompt[i]);
            steps.back().rows.push_back({s, i});
        }
        last.tokens.push_back(prompt.back());
        last.rows.push_back({s, static_cast<std::uint32_t>(prompt.size() - 1)});
        last.select.push_back(s);
    }
    steps.push_back(last);
    prepare(n, steps, kModeSample);
    std::vector<isa::Sequence> sequences(n);
    for (isa::Sequence& s : sequences) {
        s = {};
        s.top_p = 1;
        s.repeat_penalty = 1;
        s.remaining = count;
        s.n_stop = static_cast<std::uint32_t>(options.stop.size());
        std::copy(options.stop.begin(), options.stop.end(), s.stop);
    }
    set(kSequences, machine_.add_buffer(std::as_bytes(std::span(sequences))));
    run();
    std::vector<std::vector<std::uint32_t>> out(n);
    for (std::uint64_t i = 0; i < get(kRingIndex); ++i) {
        const auto token = machine_.read<skald_token>(get(kRing) + i * sizeof(skald_token));
        out.at(token.sequence).push_back(token.token);
    }
    return out;
}

double Decoder::nll(std::span<const std::uint32_t> ids, const Options& options,
                    std::vector<float>* logits) {
    machine_.budget_at = options.budget;
    std::vector<Step> steps;
    for (std::uint32_t i = 0; i + 1 < ids.size(); ++i) {
        if (i % options.chunk == 0)
            steps.emplace_back();
        Step& s = steps.back();
        s.select.push_back(static_cast<std::uint32_t>(s.tokens.size()));
        s.tokens.push_back(ids[i]);
        s.targets.push_back(ids[i + 1]);
        s.rows.push_back({0, i});
    }
    prepare(1, steps, kModeLogProb | (logits ? kModeDump : 0));
    const std::uint64_t log_probs = get(kLogProbs), dump = get(kDump), count = ids.size() - 1;
    run();
    double sum = 0;
    for (std::uint64_t i = 0; i < count; ++i)
        sum -= machine_.read<float>(log_probs + 4 * i);
    if (logits)
        for (std::uint64_t i = 0; i < count * container_.model().vocabulary; ++i)
            logits->push_back(machine_.read<float>(dump + 4 * i));
    return sum / static_cast<double>(count);
}

}  // namespace skald::test
