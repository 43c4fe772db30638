// SPDX-License-Identifier: MIT
#include "calibrate/calibration.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "calibrate/float_model.hpp"
#include "error.hpp"
#include "tokenizer/tokenizer.hpp"

namespace skald::compiler {
namespace {

constexpr std::size_t kLeastTokens = 64;
constexpr std::size_t kSequence = 512;   // tokens
constexpr std::size_t kGroup = 2048;     // tokens that go through the layers together
constexpr std::size_t kLikelyBytes = 8;  // more than a token has in most texts
constexpr std::size_t kCutTokens = 64;   // that the end of a part of a text may have spoilt

// Sums of squares by column, of each matrix input there is.
class Sums {
  public:
    explicit Sums(const ModelConfig& c) : layers_(c.layers), head_(c.hidden) {
        for (auto& layer : layers_)
            layer = {std::vector<double>(c.hidden), std::vector<double>(c.heads * c.head_dim),
                     std::vector<double>(c.hidden), std::vector<double>(c.ffn)};
    }

    void add(Slot slot, std::uint32_t layer, const Rows& x) {
        std::vector<double>& sums = at(slot, layer);
        for (std::size_t t = 0; t < x.count(); ++t)
            for (std::size_t i = 0; i < x.width(); ++i)
                sums[i] += double{x[t][i]} * x[t][i];
    }

    std::vector<float> mean(Slot slot, std::uint32_t layer, std::size_t tokens) {
        std::vector<float> out;
        for (const double sum : at(slot, layer)) {
            if (!std::isfinite(sum))
                fail("calibration: the model computes numbers that are not finite, in layer {}",
                     layer);
            out.push_back(static_cast<float>(sum / static_cast<double>(tokens)));
        }
        return out;
    }

  private:
    std::vector<double>& at(Slot slot, std::uint32_t layer) {
        switch (slot) {
            case Slot::kQ:
                return layers_[layer][0];
            case Slot::kO:
                return layers_[layer][1];
            case Slot::kGate:
                return layers_[layer][2];
            case Slot::kDown:
                return layers_[layer][3];
            default:
                return head_;
        }
    }

    std::vector<std::array<std::vector<double>, 4>> layers_;
    std::vector<double> head_;
};

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

std::span<const float> Calibration::of(Slot matrix, std::uint32_t layer) const {
    switch (matrix) {
        case Slot::kQ:
        case Slot::kK:
        case Slot::kV:
            return layers_.at(layer).attention_in;
        case Slot::kO:
            return layers_.at(layer).attention_out;
        case Slot::kGate:
        case Slot::kUp:
            return layers_.at(layer).ffn_in;
        case Slot::kDown:
            return layers_.at(layer).ffn_mid;
        case Slot::kHead:
            return head_in_;
        case Slot::kEmbedding:
            return tied_ ? std::span<const float>(head_in_) : std::span<const float>();
        default:
            return {};
    }
}

Calibration calibrate(
    const Model& model, std::string_view text, unsigned threads,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) {
    const ModelConfig& c = model.config;
    const std::size_t length = std::min<std::size_t>(kSequence, c.context);
    const Tokens tokens = first_tokens(rt::Tokenizer(model.tokenizer), text);
    const std::vector<rt::TokenId> ids = sequences_of(model, tokens.ids, length);
    const std::size_t group = std::max<std::size_t>(1, kGroup / length) * length;
    Sums sums(c);
    std::uint64_t done = 0;  // of a token in a layer
    const FloatModel reader(model, threads, [&](Slot slot, std::uint32_t layer, const Rows& x) {
        sums.add(slot, layer, x);
        if (slot == Slot::kDown && progress)
            progress(done += x.count(), std::uint64_t{ids.size()} * c.layers);
    });
    for (std::size_t begin = 0; begin < ids.size(); begin += group)
        reader.read(std::span(ids).subspan(begin, std::min(group, ids.size() - begin)), length);
    std::vector<Calibration::Layer> layers;
    for (std::uint32_t l = 0; l < c.layers; ++l)
        layers.push_back({sums.mean(Slot::kQ, l, ids.size()), sums.mean(Slot::kO, l, ids.size()),
                          sums.mean(Slot::kGate, l, ids.size()),
                          sums.mean(Slot::kDown, l, ids.size())});
    return {std::move(layers), sums.mean(Slot::kHead, 0, ids.size()), c.tied_embeddings,
            tokens.all};
}

}  // namespace skald::compiler
