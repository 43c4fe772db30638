// SPDX-License-Identifier: MIT
#include "raise/masks.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "error.hpp"

namespace skald::compiler::raising {
namespace {

using graphs::Id;
using graphs::TensorGraph;

constexpr std::int64_t kMostDense = 4200;  // of a mask of every position for every other
constexpr std::int64_t kMostNamed = std::int64_t{1} << 20;  // what may still be a length
constexpr double kMasked = -1e4;

class Masks {
  public:
    Masks(const TensorGraph& g, const Roles& roles, const std::vector<MaskSource>& masks,
          const std::string& path)
        : g_(g), roles_(roles), masks_(masks), path_(path) {}

    Seen run() {
        Seen seen;
        bool rule = false;
        for (const MaskSource& m : masks_)
            if (m.causal) {
                seen.window = static_cast<std::uint32_t>(m.causal->window);
                rule = true;
            }
        for (const MaskSource& m : masks_)
            if (m.origin)
                origins_.push_back(*m.origin);
        if (origins_.empty()) {
            if (!rule)
                fail("{}: {}: no mask keeps positions from seeing those behind them", g_.file,
                     path_);
            return seen;
        }
        // The longest first: it shows the window.
        std::vector<Lengths> all = lengths(seen);
        std::optional<std::int64_t> window;
        for (auto n = all.rbegin(); n != all.rend(); ++n) {
            if (!load(*n))
                continue;
            if (!window)
                window = width(*n);
            check(*n, *window);
        }
        if (!window)
            fail("{}: {}: its mask cannot be evaluated at any length", g_.file, path_);
        seen.window = static_cast<std::uint32_t>(*window);
        if (broken_)
            seen.limit = std::min(seen.limit.value_or(*broken_), *broken_);
        return seen;
    }

  private:
    std::vector<Lengths> lengths(Seen& seen) const {
        if (const auto fixed = roles_.fixed_tokens())
            return {{0, *fixed}};
        std::set<std::int64_t> totals{5, 17, 260};
        for (const std::int64_t named : lengths_before(g_, origins_)) {
            if (named > kMostDense && !roles_.has_cache()) {
                seen.limit = seen.limit.value_or(named);
                continue;
            }
            totals.insert(named);
            totals.insert(named + 3);
        }
        std::vector<Lengths> all;
        for (const std::int64_t t : totals) {
            if (t <= kMostDense)
                all.push_back({0, t});
            if (roles_.has_cache() && t > 3)
                all.push_back({t - 3, 3});
        }
        std::ranges::stable_sort(all, {}, [](const Lengths& n) { return n.past + n.tokens; });
        return all;
    }

    // False: the graph does not go so far.
    bool load(Lengths n) {
        const std::int64_t total = n.past + n.tokens;
        try {
            values_ = graphs::evaluate(g_, roles_.shapes(n), origins_);
        } catch (const CompileError&) {
            if (total <= 17)
                throw;
            broken_ = std::min(broken_.value_or(total - 1), total - 1);
            return false;
        }
        numbers_.clear();
        keys_ = total;
        for (const Id id : origins_)
            if (const Value& v = values_.at(id); v.rank() >= 1)
                keys_ = std::max(keys_, v.shape.back());
        for (const Id id : origins_) {
            const Value& v = values_.at(id);
            const std::int64_t keys = v.rank() >= 1 ? v.shape.back() : 1;
            const std::int64_t rows = v.rank() >= 2 ? v.shape[v.shape.size() - 2] : 1;
            if (keys > 1 && keys < total) {  // a cache of a fixed size is full
                broken_ = std::min(broken_.value_or(keys), keys);
                return false;
            }
            if ((rows != n.tokens && rows != 1) || (keys != keys_ && keys != 1))
                fail("{}: {}: the mask {} is of {} with {} tokens after {}", g_.file, path_,
                     g_.names[id], graphs::to_string(v.shape), n.tokens, n.past);
            numbers_.push_back(v.numbers());
        }
        return true;
    }

    bool allowed(Lengths n, std::int64_t row, std::int64_t key) const {
        for (std::size_t m = 0, o = 0; m < masks_.size(); ++m) {
            if (!masks_[m].origin)
                continue;
            const Value& v = values_.at(origins_[o]);
            const std::int64_t keys = v.rank() >= 1 ? v.shape.back() : 1;
            const std::int64_t rows = v.rank() >= 2 ? v.shape[v.shape.size() - 2] : 1;
            const std::int64_t at = (rows == 1 ? 0 : row) * keys + (keys == 1 ? 0 : key);
            const double x = (*numbers_[o++])[static_cast<std::size_t>(at)];
            bool here = true;
            switch (masks_[m].use) {
                case MaskSource::Use::kAdded:
                    here = x > kMasked;
                    if (here && x != 0)
                        fail("{}: {}: the mask adds {} to the score of position {} and key {}",
                             g_.file, path_, x, n.past + row, key);
                    break;
                case MaskSource::Use::kWhereTrue:
                    here = x != 0;
                    break;
                case MaskSource::Use::kWhereFalse:
                    here = x == 0;
                    break;
            }
            if (!here)
                return false;
        }
        return true;
    }

    // How many the last position sees; 0: all.
    std::int64_t width(Lengths n) const {
        const std::int64_t total = n.past + n.tokens;
        std::int64_t many = 0;
        for (std::int64_t key = 0; key < total; ++key)
            many += allowed(n, n.tokens - 1, key);
        return many == total ? 0 : many;
    }

    void check(Lengths n, std::int64_t window) const {
        for (std::int64_t row = 0; row < n.tokens; ++row)
            for (std::int64_t key = 0; key < keys_; ++key) {
                const std::int64_t position = n.past + row;
                const bool expected = key <= position && (window == 0 || key > position - window);
                if (allowed(n, row, key) != expected)
                    fail(
                        "{}: {}: with {} tokens after {} its mask {} position {} {} position {}, "
                        "which is neither causal nor causal with a window of {}",
                        g_.file, path_, n.tokens, n.past, expected ? "keeps" : "lets", position,
                        expected ? "from" : "see", key, window);
            }
    }

    const TensorGraph& g_;
    const Roles& roles_;
    const std::vector<MaskSource>& masks_;
    const std::string& path_;
    std::vector<Id> origins_;
    std::map<Id, Value> values_;
    std::vector<graphs::Floats> numbers_;
    std::int64_t keys_ = 0;  // as many as positions, or as a cache of a fixed size has
    std::optional<std::int64_t> broken_;
};

}  // namespace

std::set<std::int64_t> lengths_before(const TensorGraph& g, const std::vector<Id>& values) {
    std::vector<bool> needed(g.names.size());
    for (const Id id : values)
        needed[id] = true;
    std::set<std::int64_t> named;
    const auto look = [&](const Value& v) {
        if (v.known() && !v.is_weight() && v.size() <= 8)
            for (const auto all = v.numbers(); const double x : *all)
                if (const double size = std::abs(x);
                    size >= 2 && size <= kMostNamed && std::trunc(size) == size)
                    named.insert(static_cast<std::int64_t>(size));
    };
    for (auto n = g.nodes.rbegin(); n != g.nodes.rend(); ++n) {
        if (std::ranges::none_of(n->outputs,
                                 [&](Id id) { return id != graphs::kAbsent && needed[id]; }))
            continue;
        for (const Id in : n->inputs)
            if (in != graphs::kAbsent) {
                needed[in] = true;
                if (const auto it = g.constants.find(in); it != g.constants.end())
                    look(it->second);
            }
        for (const auto& [name, a] : n->attributes)
            if (const auto* v = std::get_if<Value>(&a))
                look(*v);
    }
    return named;
}

Seen seen_by(const TensorGraph& graph, const Roles& roles, const std::vector<MaskSource>& masks,
             const std::string& path) {
    return Masks(graph, roles, masks, path).run();
}

}  // namespace skald::compiler::raising
