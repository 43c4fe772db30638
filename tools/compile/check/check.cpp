// SPDX-License-Identifier: MIT
#include "check/check.hpp"

#include <algorithm>
#include <cmath>

#include "backend/decoder_program.hpp"
#include "check/card.hpp"
#include "error.hpp"
#include "skald/program.hpp"
#include "tokenizer/tokenizer.hpp"

namespace skald::compiler::checking {
namespace {

using interpret::Rows;

struct Tokens {
    std::vector<rt::TokenId> ids;
    bool all;  // of the text
};

Tokens tokens_of(const Model& model, const ir::Graph& graph, std::string_view text) {
    auto ids =
        rt::Tokenizer(model.tokenizer).encode(text, {.add_special = true, .parse_special = false});
    if (ids.size() < 2)
        fail("the text to check with has {} tokens, at least 2 are needed", ids.size());
    const std::size_t most = std::min<std::size_t>(kMostTokens, graph.context);
    const bool all = ids.size() <= most;
    ids.resize(std::min(ids.size(), most));
    return {std::move(ids), all};
}

std::size_t best_of(std::span<const float> logits) {
    return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) -
                                    logits.begin());
}

// Mean over the tokens after the first.
double nll_of(const Rows& logits, std::span<const rt::TokenId> ids) {
    double sum = 0;
    for (std::size_t t = 0; t + 1 < ids.size(); ++t) {
        const double most = logits[t][best_of(logits[t])];
        double total = 0;
        for (const float x : logits[t])
            total += std::exp(x - most);
        sum += std::log(total) + most - logits[t][ids[t + 1]];
    }
    return sum / static_cast<double>(ids.size() - 1);
}

// What the program computes.
struct Computed {
    std::vector<Rows> layers;  // what is carried on, by the embedding and by each layer
    Rows logits;
};

void take(std::span<const float> rows, std::size_t first, Rows& to) {
    for (std::size_t t = 0; t * to.width() < rows.size(); ++t)
        std::ranges::copy(rows.subspan(t * to.width(), to.width()), to[first + t].begin());
}

// Logits are the container's own program's; a second one that stops by at every layer tells the
// rest.
Computed run_program(const Plan& plan, const std::filesystem::path& compiled,
                     std::span<const rt::TokenId> ids, unsigned threads) {
    const ir::Graph& g = plan.graph;
    const rt::Container container(compiled);
    Card card(container, threads);
    std::uint64_t mode = 0;
    for (const RotaryTable& table : g.tables)
        if (!table.long_frequencies.empty() && ids.size() > table.short_limit)
            mode |= program::kModeLong;
    Computed out{std::vector<Rows>(g.layers + 1, Rows(ids.size(), g.hidden)),
                 Rows(ids.size(), g.vocabulary)};
    card.read(container.program(), ids, g.vocabulary, mode,
              [&](std::size_t first, std::size_t, std::span<const float> dumped) {
                  take(dumped, first, out.logits);
              });
    const auto probed = decoder_program(g, plan.layout, {.probe = true});
    card.read(probed, ids, out.layers.size() * g.hidden + g.vocabulary, mode,
              [&](std::size_t first, std::size_t rows, std::span<const float> dumped) {
                  for (std::size_t l = 0; l < out.layers.size(); ++l)
                      take(dumped.subspan(l * rows * g.hidden, rows * g.hidden), first,
                           out.layers[l]);
              });
    return out;
}

void add(Difference& difference, const Rows& got, const Rows& expected) {
    for (std::size_t t = 0; t < got.count(); ++t)
        difference.add(got[t], expected[t]);
}

Comparison compare(const Computed& computed, const ir::Graph& graph,
                   std::span<const rt::TokenId> ids, interpret::Options options,
                   const std::function<void()>& after_layer) {
    Comparison c;
    interpret::Observers observers;
    observers.layer = [&](std::uint32_t, const Rows& x) {
        Difference& difference = c.layers.emplace_back();
        add(difference, computed.layers.at(c.layers.size() - 1), x);
        after_layer();
    };
    const Rows logits =
        interpret::Interpreter(graph, std::move(options), observers).read(ids, ids.size());
    add(c.logits, computed.logits, logits);
    c.nll = nll_of(logits, ids);
    for (std::size_t t = 0; t < logits.count(); ++t)
        if (best_of(logits[t]) != best_of(computed.logits[t])) {
            ++c.other_best;
            c.first_other = c.first_other.value_or(t);
        }
    return c;
}

}  // namespace

bool Comparison::finite() const {
    return logits.finite() && std::all_of(layers.begin(), layers.end(),
                                          [](const Difference& d) { return d.finite(); });
}

bool Report::finite() const {
    return source.finite() && stored.finite();
}

Report check(const Model& model, const Plan& plan, const std::filesystem::path& compiled,
             std::string_view text, const Options& options) {
    const Tokens tokens = tokens_of(model, plan.graph, text);
    const Computed computed = run_program(plan, compiled, tokens.ids, options.threads);
    std::uint64_t done = 0;
    const auto after_layer = [&] {
        if (options.progress)
            options.progress(++done, 2 * computed.layers.size());
    };
    Report report{tokens.ids.size(), tokens.all, nll_of(computed.logits, tokens.ids), {}, {}};
    interpret::Options interpretation{.threads = options.threads};
    report.source = compare(computed, plan.graph, tokens.ids, interpretation, after_layer);
    interpretation.weights = interpret::Weights::kStored;
    if (options.calibration)
        interpretation.energy = [&](const std::string& key) {
            return options.calibration->of(key);
        };
    report.stored = compare(computed, plan.graph, tokens.ids, interpretation, after_layer);
    return report;
}

}  // namespace skald::compiler::checking
