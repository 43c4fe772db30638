// SPDX-License-Identifier: MIT
#include "import/tensor_graph.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <queue>

#include "error.hpp"
#include "import/operators.hpp"

namespace skald::compiler::graphs {
namespace {

struct Printer {
    std::string operator()(std::int64_t i) const { return std::to_string(i); }
    std::string operator()(double f) const { return fmt::format("{:g}", f); }
    std::string operator()(const std::string& s) const { return '"' + s + '"'; }
    std::string operator()(const std::vector<std::int64_t>& v) const {
        return fmt::format("[{}]", fmt::join(v, ","));
    }
    std::string operator()(const std::vector<double>& v) const {
        return fmt::format("[{}]", fmt::join(v, ","));
    }
    std::string operator()(const std::vector<std::string>& v) const {
        return fmt::format("[{}]", fmt::join(v, ","));
    }
    std::string operator()(const Value& v) const { return value(v); }

    static std::string value(const Value& v) {
        constexpr std::int64_t kShort = 8;
        const std::string_view type = v.element == Element::kFloat ? "f"
                                      : v.element == Element::kInt ? "i"
                                                                   : "b";
        std::string text = fmt::format("{}{}", type, to_string(v.shape));
        if (v.is_weight())
            return text + fmt::format(" {}", v.matrices().front()->types());
        if (v.size() > kShort)
            return text;
        return text + fmt::format(" = {}", fmt::join(*v.numbers(), " "));
    }
};

std::string names_of(const TensorGraph& g, const std::vector<Id>& ids) {
    std::vector<std::string> names;
    for (const Id id : ids)
        names.push_back(id == kAbsent ? "-" : g.names[id]);
    return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

void verify(TensorGraph& g) {
    constexpr std::uint32_t kNobody = 0xffffffff, kGiven = 0xfffffffe;
    std::vector<std::uint32_t> maker(g.names.size(), kNobody);
    for (const auto& [id, value] : g.constants)
        maker[id] = kGiven;
    for (const Input& input : g.inputs) {
        if (maker[input.value] != kNobody)
            fail("{}: {} is an input twice, or a constant as well", g.file, g.names[input.value]);
        maker[input.value] = kGiven;
    }
    for (std::uint32_t n = 0; n < g.nodes.size(); ++n)
        for (const Id out : g.nodes[n].outputs) {
            if (out == kAbsent)
                continue;
            if (maker[out] != kNobody)
                fail("{}: {}: its output {} has been made before", g.file, g.nodes[n].path,
                     g.names[out]);
            maker[out] = n;
        }
    std::vector<std::vector<std::uint32_t>> readers(g.nodes.size());
    std::vector<std::uint32_t> waits(g.nodes.size());
    for (std::uint32_t n = 0; n < g.nodes.size(); ++n)
        for (const Id in : g.nodes[n].inputs) {
            if (in == kAbsent || maker[in] == kGiven)
                continue;
            if (maker[in] == kNobody)
                fail("{}: {}: its input {} is made by no node", g.file, g.nodes[n].path,
                     g.names[in]);
            readers[maker[in]].push_back(n);
            ++waits[n];
        }
    for (const Id out : g.outputs)
        if (maker[out] == kNobody)
            fail("{}: the output {} is made by no node", g.file, g.names[out]);
    // Of those that can be computed the first of the file.
    std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> ready;
    for (std::uint32_t n = 0; n < g.nodes.size(); ++n)
        if (waits[n] == 0)
            ready.push(n);
    std::vector<Node> sorted;
    sorted.reserve(g.nodes.size());
    while (!ready.empty()) {
        const std::uint32_t n = ready.top();
        ready.pop();
        sorted.push_back(g.nodes[n]);
        for (const std::uint32_t reader : readers[n])
            if (--waits[reader] == 0)
                ready.push(reader);
    }
    if (sorted.size() != g.nodes.size())
        for (std::uint32_t n = 0; n < g.nodes.size(); ++n)
            if (waits[n] != 0)
                fail("{}: {}: what it reads depends on what it makes: a cycle", g.file,
                     g.nodes[n].path);
    g.nodes = std::move(sorted);
}

std::string to_string(const TensorGraph& g) {
    std::string text = fmt::format("{}, opset {}\n", g.producer, g.opset);
    for (const Input& input : g.inputs) {
        std::vector<std::string> dims;
        for (const Dimension& d : input.shape)
            dims.push_back(d.size >= 0 ? std::to_string(d.size) : d.name);
        text += fmt::format("input {} [{}]\n", g.names[input.value], fmt::join(dims, ","));
    }
    for (const auto& [id, value] : g.constants)
        text += fmt::format("constant {} {}\n", g.names[id], Printer::value(value));
    for (const Node& n : g.nodes) {
        text +=
            fmt::format("{} = {}({})", names_of(g, n.outputs), n.op->name, names_of(g, n.inputs));
        for (const auto& [name, attribute] : n.attributes)
            text += fmt::format(" {}={}", name, std::visit(Printer{}, attribute));
        text += fmt::format("  # {}\n", n.path);
    }
    return text + fmt::format("output {}\n", names_of(g, g.outputs));
}

}  // namespace skald::compiler::graphs
