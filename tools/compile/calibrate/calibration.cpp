// SPDX-License-Identifier: MIT
#include "calibrate/calibration.hpp"

#include <algorithm>

#include "calibrate/input_sums.hpp"
#include "error.hpp"
#include "interpret/interpreter.hpp"
#include "tokenizer/tokenizer.hpp"

namespace skald::compiler {
namespace {

constexpr std::size_t kLeastTokens = 64;
constexpr std::size_t kSequence = 512;   // tokens
constexpr std::size_t kGroup = 2048;     // tokens that go through the layers together
constexpr std::size_t kLikelyBytes = 8;  // more than a token has in most texts
constexpr std::size_t kCutTokens = 64;   // that the end of a part of a text may have spoilt

struct Tokens {
    std::vector<rt::TokenId> ids;
    bool all;  // of the text
};

// At most kMostCalibrationTokens. Only as much of the text is encoded as that takes.
Tokens first_tokens(const rt::Tokenizer& tokenizer, std::string_view text) {
    for (std::size_t bytes = kMostCalibrationTokens * kLikelyBytes;; bytes *= 2) {
        const std::string_view part = text.substr(0, bytes);
        auto ids = tokenizer.encode(part, {.add_special = false, .parse_special = false});
        if (part.size() < text.size() && ids.size() < kMostCalibrationTokens + kCutTokens)
            continue;
        const bool all = ids.size() <= kMostCalibrationTokens;
        if (!all)
            ids.resize(kMostCalibrationTokens);
        return {std::move(ids), all};
    }
}

// As sequences of `length` tokens one behind the other, each with what a text begins with.
std::vector<rt::TokenId> sequences_of(const Model& model, const std::vector<rt::TokenId>& ids,
                                      std::size_t length) {
    if (ids.size() < kLeastTokens)
        fail("the calibration text has {} tokens, at least {} are needed", ids.size(),
             kLeastTokens);
    const std::vector<rt::TokenId>& prefix = model.tokenizer.prefix_ids;
    if (length <= prefix.size())
        fail("a context of {} positions is too short to calibrate in", length);
    const std::size_t step = length - prefix.size();
    std::vector<rt::TokenId> out;
    for (std::size_t begin = 0; begin < ids.size(); begin += step) {
        out.insert(out.end(), prefix.begin(), prefix.end());
        const auto from = ids.begin() + static_cast<std::ptrdiff_t>(begin);
        out.insert(out.end(), from,
                   from + static_cast<std::ptrdiff_t>(std::min(step, ids.size() - begin)));
    }
    return out;
}

}  // namespace

std::span<const float> Calibration::of(const std::string& key) const {
    const auto it = means_.find(key);
    return it == means_.end() ? std::span<const float>() : std::span<const float>(*it->second);
}

Calibration calibrate(
    const Model& model, std::string_view text, unsigned threads,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) {
    const std::size_t length = std::min<std::size_t>(kSequence, model.spec.longest);
    const Tokens tokens = first_tokens(rt::Tokenizer(model.tokenizer), text);
    const std::vector<rt::TokenId> ids = sequences_of(model, tokens.ids, length);
    const std::size_t group = std::max<std::size_t>(1, kGroup / length) * length;
    const ir::Graph graph = ir::build(model.spec, {.context = static_cast<std::uint32_t>(length)});
    InputSums sums(graph);
    std::uint64_t done = 0;  // of a token in a layer
    interpret::Observers observers;
    observers.product = [&](const interpret::Product& product) { sums.add(product); };
    observers.layer = [&](std::uint32_t layer, const interpret::Rows& x) {
        if (layer != ir::kNone && progress)
            progress(done += x.count(), std::uint64_t{ids.size()} * graph.layers);
    };
    const interpret::Interpreter reader(graph, {.threads = threads, .logits = false}, observers);
    for (std::size_t begin = 0; begin < ids.size(); begin += group)
        reader.read(std::span(ids).subspan(begin, std::min(group, ids.size() - begin)), length);
    return {sums.means(), tokens.all};
}

}  // namespace skald::compiler
