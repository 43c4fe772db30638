// SPDX-License-Identifier: MIT
#include "import/aten/batched.hpp"

#include <algorithm>
#include <numeric>

#include "error.hpp"
#include "import/aten/table.hpp"

namespace skald::compiler::graphs {
namespace {

constexpr std::string_view kPrefix = "torch._functorch.predispatch.";
constexpr std::int64_t kMostLevels = 8;

// Of numbers, number by number.
bool is_pointwise(std::string_view name) {
    static const std::set<std::string, std::less<>> known = [] {
        std::set<std::string, std::less<>> k{"logical_and.default",
                                             "logical_or.default",
                                             "logical_not.default",
                                             "bitwise_not.default",
                                             "logical_xor.default",
                                             "where.self",
                                             "alias.default",
                                             "clone.default",
                                             "contiguous.default",
                                             "detach.default",
                                             "to.device",
                                             "to.dtype",
                                             "to.dtype_layout",
                                             "_to_copy.default",
                                             "abs.default",
                                             "neg.default",
                                             "floor_divide.default",
                                             "minimum.default",
                                             "maximum.default"};
        for (const char* op : {"add", "sub", "mul", "le", "lt", "ge", "gt", "eq", "ne",
                               "bitwise_and", "bitwise_or", "__and__", "__or__", "remainder"})
            for (const char* kind : {"Tensor", "Scalar"})
                k.insert(fmt::format("{}.{}", op, kind));
        return k;
    }();
    return known.contains(name);
}

// Of a shape alone, which an argument says.
bool is_made_anew(std::string_view name) {
    return name == "new_ones.default" || name == "new_zeros.default" || name == "new_full.default";
}

}  // namespace

bool Batched::is_bookkeeping(std::string_view target) {
    return target.starts_with(kPrefix);
}

void Batched::keep_books(AtenNode& n, std::string_view target, std::size_t rank) {
    const std::string_view what = target.substr(kPrefix.size());
    if (what == "_add_batch_dim")
        add(n);
    else if (what == "_remove_batch_dim")
        remove(n, rank);
    else if (what != "lazy_load_decompositions" && what != "_vmap_increment_nesting" &&
             what != "_vmap_decrement_nesting")
        n.refuse(
            fmt::format("{} is not supported; save what run_decompositions() of the exported "
                        "program gives",
                        target));
}

const Batched::Levels& Batched::levels_of(Id value) const {
    static const Levels none;
    const auto it = levels_.find(value);
    return it == levels_.end() ? none : it->second;
}

Batched::Levels Batched::levels_of_all(AtenNode& n) const {
    Levels all;
    for (const Id id : n.tensors())
        all.insert(levels_of(id).begin(), levels_of(id).end());
    return all;
}

// The function sees x without dimension `in`.
void Batched::add(AtenNode& n) {
    const Id x = n.value(0);
    const std::int64_t in = n.integer(1), level = n.integer(2);
    if (in != 0 || level < 1 || level > kMostLevels || !levels_of(x).empty())
        n.refuse("vmap over another than the first dimension, or twice, is not supported");
    n.results = {n.make("Identity", {x})};
    levels_[n.results.front()] = {level};
}

// A dimension of x becomes the first that is seen again.
void Batched::remove(AtenNode& n, std::size_t rank) {
    const Id x = n.value(0);
    const std::int64_t level = n.integer(1);
    if (n.integer(3) != 0)
        n.refuse("vmap into another than the first dimension is not supported");
    Levels levels = levels_of(x);
    const std::size_t outer = levels.size();
    if (levels.contains(level)) {
        std::vector<std::int64_t> order(outer + rank);
        std::iota(order.begin(), order.end(), 0);
        const auto from = std::distance(levels.begin(), levels.find(level));
        std::rotate(order.begin() + from, order.begin() + from + 1,
                    order.begin() + static_cast<std::ptrdiff_t>(outer));
        n.results = {n.make("Transpose", {x}, {{"perm", std::move(order)}})};
        levels.erase(level);
    } else {
        // The same for all of its places.
        std::vector<Id> sizes(outer + 1 + rank, n.constant(std::int64_t{1}));
        sizes[outer] = n.value(2);
        const Id one =
            n.make("Unsqueeze", {x},
                   {{"axes", std::vector<std::int64_t>{static_cast<std::int64_t>(outer)}}});
        n.results = {n.make("Expand", {one, n.make("skald.List", std::move(sizes))})};
    }
    if (!levels.empty())
        levels_[n.results.front()] = std::move(levels);
    if (is_unclear(x))
        unclear_.insert(n.results.front());
}

bool Batched::concern(AtenNode& n) const {
    return std::ranges::any_of(
        n.tensors(), [&](Id id) { return levels_.contains(id) || unclear_.contains(id); });
}

Id Batched::aligned(Id value, AtenNode& n) {
    const Levels& own = levels_of(value);
    if (own.empty())
        return value;
    std::vector<std::int64_t> missing;
    std::int64_t at = 0;
    for (const std::int64_t level : levels_of_all(n)) {
        if (!own.contains(level))
            missing.push_back(at);
        ++at;
    }
    return missing.empty() ? value : n.make("Unsqueeze", {value}, {{"axes", std::move(missing)}});
}

void Batched::note(AtenNode& n, std::string_view target, bool arguments_are_numbers) {
    const std::string name = aten::short_name(target);
    const Levels all = levels_of_all(n);
    const bool read = std::ranges::any_of(n.tensors(), [&](Id id) { return is_unclear(id); });
    if (is_made_anew(name) && !read)
        return;
    const bool indexed = name == "index.Tensor" && levels_of(n.tensors().front()).empty();
    const bool clear = !read && (indexed || (is_pointwise(name) && arguments_are_numbers));
    for (const Id id : n.results) {
        if (!clear)
            unclear_.insert(id);
        if (!all.empty())
            levels_[id] = all;
    }
}

}  // namespace skald::compiler::graphs
