// SPDX-License-Identifier: MIT
#include "interpret/experts.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace skald::compiler::interpret {
namespace {

struct Choice {
    std::uint32_t expert;
    double weight;
};

std::vector<double> softmax(std::vector<double> x) {
    const double most = *std::max_element(x.begin(), x.end());
    double total = 0;
    for (double& v : x)
        total += v = std::exp(v - most);
    for (double& v : x)
        v /= total;
    return x;
}

// The numbers of the largest, in descending order, of equals the lowest first.
std::vector<std::uint32_t> largest(std::span<const double> values, std::size_t count) {
    std::vector<std::uint32_t> order(values.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return values[a] > values[b]; });
    order.resize(count);
    return order;
}

class Router {
  public:
    Router(const ir::RouteAttributes& a, std::span<const float> bias) : a_(a), bias_(bias) {}

    std::vector<Choice> choose(std::span<const float> logits) const {
        const std::vector<double> scores = scores_of(logits);
        std::vector<double> choices = scores;
        for (std::size_t e = 0; e < bias_.size(); ++e)
            choices[e] += bias_[e];
        if (a_.groups != 0)
            leave_groups(choices);
        std::vector<Choice> chosen;
        for (const std::uint32_t e : largest(choices, a_.chosen))
            chosen.push_back({e, scores[e]});
        weigh(chosen);
        return chosen;
    }

  private:
    std::vector<double> scores_of(std::span<const float> logits) const {
        std::vector<double> x(logits.begin(), logits.end());
        if (a_.score == isa::Score::Softmax)
            return softmax(std::move(x));
        if (a_.score == isa::Score::Sigmoid)
            for (double& v : x)
                v = 1 / (1 + std::exp(-v));
        return x;
    }

    // What is not in one of the best groups is out, or almost.
    void leave_groups(std::vector<double>& choices) const {
        const std::size_t size = choices.size() / a_.groups;
        std::vector<double> groups;
        for (std::size_t g = 0; g < a_.groups; ++g) {
            const auto members = std::span(choices).subspan(g * size, size);
            const auto best = largest(members, a_.group_sum2 ? 2 : 1);
            groups.push_back(
                std::accumulate(best.begin(), best.end(), 0.0,
                                [&](double sum, std::uint32_t e) { return sum + members[e]; }));
        }
        std::vector<bool> kept(a_.groups);
        for (const std::uint32_t g : largest(groups, a_.groups_kept))
            kept[g] = true;
        for (std::size_t e = 0; e < choices.size(); ++e)
            if (!kept[e / size])
                choices[e] = a_.mask_out ? -INFINITY : 0;
    }

    void weigh(std::vector<Choice>& chosen) const {
        if (a_.score == isa::Score::SoftmaxChosen) {
            std::vector<double> x;
            for (const Choice& c : chosen)
                x.push_back(c.weight);
            x = softmax(std::move(x));
            for (std::size_t i = 0; i < chosen.size(); ++i)
                chosen[i].weight = x[i];
        }
        double total = 0;
        for (const Choice& c : chosen)
            total += c.weight;
        for (Choice& c : chosen)
            c.weight = (a_.renormalise ? c.weight / (total + a_.eps) : c.weight) * a_.scale;
    }

    const ir::RouteAttributes& a_;
    std::span<const float> bias_;
};

}  // namespace

void route(const ir::RouteAttributes& a, Columns logits, std::span<const float> bias,
           const Routed& out) {
    struct Entry {
        std::size_t row;
        float weight;
    };
    const Router router(a, bias);
    std::vector<std::vector<Entry>> entries(a.experts);
    for (std::size_t t = 0; t < logits.count(); ++t)
        for (const Choice& c : router.choose(logits[t]))
            entries[c.expert].push_back({t, static_cast<float>(c.weight)});

    std::vector<std::size_t> taken(logits.count());  // slots of a row
    std::uint32_t at = 0;
    for (std::size_t e = 0; e < entries.size(); ++e) {
        out.offsets[0][e] = as_float(at);
        for (const Entry& entry : entries[e]) {
            out.list[at][0] = as_float(static_cast<std::uint32_t>(entry.row));
            out.weights[at][0] = entry.weight;
            out.slots[entry.row][taken[entry.row]++] = as_float(at++);
        }
    }
    out.offsets[0][entries.size()] = as_float(at);
}

void combine(Columns x, Columns weights, Columns slots, bool onto, Columns y) {
    for (std::size_t t = 0; t < y.count(); ++t) {
        if (!onto)
            std::fill(y[t].begin(), y[t].end(), 0.0f);
        for (const float slot : slots[t]) {
            const std::uint32_t s = index_in(slot);
            const float weight = weights[s][0];
            for (std::size_t i = 0; i < y.width(); ++i)
                y[t][i] += weight * x[s][i];
        }
    }
}

}  // namespace skald::compiler::interpret
