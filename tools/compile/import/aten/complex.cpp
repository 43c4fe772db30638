// SPDX-License-Identifier: MIT
#include "import/aten/complex.hpp"

#include <algorithm>
#include <set>

#include "error.hpp"
#include "import/aten/table.hpp"

namespace skald::compiler::graphs {
namespace {

struct Parts {
    Id real = kAbsent;
    std::optional<Id> imaginary{};  // nothing: a tensor of real numbers
};

struct Complex {
    Id real = kAbsent, imaginary = kAbsent;
};

// Complex tensors as arguments of a node.
class Arguments {
  public:
    Arguments(AtenNode& n, const ComplexNumbers& numbers) : n_(n), numbers_(numbers) {}

    AtenNode& node() { return n_; }
    Parts parts(std::string_view name) {
        const Id real = n_.value(name);
        return {real, numbers_.imaginary(real)};
    }
    Complex complex(std::string_view name) {
        const Parts p = parts(name);
        if (!p.imaginary)
            n_.refuse(fmt::format("its argument {} is not complex", name));
        return {p.real, *p.imaginary};
    }

  private:
    AtenNode& n_;
    const ComplexNumbers& numbers_;
};

Parts view_as_complex(Arguments& a) {
    AtenNode& n = a.node();
    const Id pairs = n.value("self");
    const auto part = [&](std::int64_t i) {
        return n.make("Gather", {pairs, n.constant(i)}, {{"axis", std::int64_t{-1}}});
    };
    return {part(0), part(1)};
}

Parts view_as_real(Arguments& a) {
    AtenNode& n = a.node();
    const Complex p = a.complex("self");
    const auto last = [&](Id x) {
        return n.make("Unsqueeze", {x}, {{"axes", std::vector<std::int64_t>{-1}}});
    };
    return {n.make("Concat", {last(p.real), last(p.imaginary)}, {{"axis", std::int64_t{-1}}})};
}

Parts polar(Arguments& a) {
    AtenNode& n = a.node();
    const Id size = n.value("abs"), angle = n.value("angle");
    return {n.make("Mul", {size, n.make("Cos", {angle})}),
            n.make("Mul", {size, n.make("Sin", {angle})})};
}

Parts of_two(Arguments& a) {
    return {a.node().value("real"), a.node().value("imag")};
}

Parts product(Arguments& a) {
    AtenNode& n = a.node();
    const Parts x = a.parts("self"), y = a.parts("other");
    const auto times = [&](Id p, Id q) { return n.make("Mul", {p, q}); };
    if (x.imaginary && y.imaginary)
        return {n.make("Sub", {times(x.real, y.real), times(*x.imaginary, *y.imaginary)}),
                n.make("Add", {times(x.real, *y.imaginary), times(*x.imaginary, y.real)})};
    if (x.imaginary)
        return {times(x.real, y.real), times(*x.imaginary, y.real)};
    if (y.imaginary)
        return {times(x.real, y.real), times(x.real, *y.imaginary)};
    return {times(x.real, y.real)};
}

Parts quotient(Arguments& a) {
    AtenNode& n = a.node();
    const Complex x = a.complex("self");
    const Parts y = a.parts("other");
    if (y.imaginary)
        n.refuse("division by complex numbers is not supported");
    return {n.make("skald.TrueDivide", {x.real, y.real}),
            n.make("skald.TrueDivide", {x.imaginary, y.real})};
}

Parts conjugate(Arguments& a) {
    const Complex p = a.complex("self");
    return {p.real, a.node().make("Neg", {p.imaginary})};
}

// Between complex types; of what is not complex any more only the real part is left.
Parts cast(Arguments& a) {
    const Complex p = a.complex("self");
    if (a.node().has("dtype") && !a.node().is_complex_type("dtype"))
        a.node().refuse("complex numbers become real ones by a cast");
    return {p.real, p.imaginary};
}

using Row = Parts (*)(Arguments&);

const std::map<std::string, Row, std::less<>>& rows() {
    static const std::map<std::string, Row, std::less<>> table = [] {
        std::map<std::string, Row, std::less<>> t{
            {"polar.default", polar},
            {"complex.default", of_two},
            {"real.default", [](Arguments& a) { return Parts{a.complex("self").real}; }},
            {"imag.default", [](Arguments& a) { return Parts{a.complex("self").imaginary}; }},
            {"mul.Tensor", product},
            {"mul.Scalar", product},
            {"div.Tensor", quotient},
            {"div.Scalar", quotient},
        };
        for (const char* copy : {"", "_copy"}) {
            t.emplace(fmt::format("view_as_complex{}.default", copy), view_as_complex);
            t.emplace(fmt::format("view_as_real{}.default", copy), view_as_real);
        }
        for (const char* name :
             {"_conj.default", "conj.default", "_conj_physical.default", "conj_physical.default"})
            t.emplace(name, conjugate);
        for (const char* name : {"resolve_conj.default", "to.device", "to.dtype", "to.dtype_layout",
                                 "_to_copy.default", "_to_copy"})
            t.emplace(name, cast);
        return t;
    }();
    return table;
}

// What moves elements of its argument self about, or of several; each part by itself.
bool moves(std::string_view name) {
    static const std::set<std::string_view> known{
        "alias.default",        "clone.default",
        "contiguous.default",   "detach.default",
        "expand.default",       "expand_as.default",
        "flatten.using_ints",   "index.Tensor",
        "index_select.default", "lift_fresh_copy.default",
        "lift_fresh.default",   "neg.default",
        "narrow.default",       "permute.default",
        "repeat.default",       "repeat_interleave.self_int",
        "reshape.default",      "select.int",
        "slice.Tensor",         "squeeze.default",
        "squeeze.dim",          "squeeze.dims",
        "swapaxes.default",     "t.default",
        "transpose.int",        "unflatten.int",
        "unsqueeze.default",    "view.default",
        "_unsafe_view.default", "view_copy.default"};
    return known.contains(name);
}

// As above, if all of its tensors are complex.
bool moves_all(std::string_view name) {
    static const std::set<std::string_view> known{"cat.default", "stack.default", "add.Tensor",
                                                  "sub.Tensor"};
    return known.contains(name);
}

}  // namespace

std::optional<Id> ComplexNumbers::imaginary(Id real) const {
    const auto it = imaginary_.find(real);
    return it == imaginary_.end() ? std::nullopt : std::optional(it->second);
}

bool ComplexNumbers::knows(std::string_view target) {
    const std::string name = aten::short_name(target);
    return rows().contains(name) && lowering_of(target) == nullptr;
}

bool ComplexNumbers::concern(AtenNode& n, std::string_view target) const {
    return knows(target) ||
           std::ranges::any_of(n.tensors(), [&](Id id) { return imaginary_.contains(id); });
}

void ComplexNumbers::lower(AtenNode& n, AtenNode& other, std::string_view target) {
    const std::string name = aten::short_name(target);
    if (const auto it = rows().find(name); it != rows().end()) {
        Arguments a(n, *this);
        const Parts p = it->second(a);
        // A value of its own: the same real part may stand for a real tensor elsewhere.
        n.results = {p.imaginary ? n.make("Identity", {p.real}) : p.real};
        if (p.imaginary)
            add(n.results.front(), *p.imaginary);
        return;
    }
    const auto is_complex = [&](Id id) { return imaginary_.contains(id); };
    if (!moves(name) && (!moves_all(name) || !std::ranges::all_of(n.tensors(), is_complex)))
        n.refuse(fmt::format("the operator {} is not supported for complex numbers", target));
    const auto* lowering = lowering_of(target);
    (*lowering)(n);
    (*lowering)(other);
    for (std::size_t i = 0; i < n.results.size(); ++i)
        add(n.results[i], other.results[i]);
}

}  // namespace skald::compiler::graphs
