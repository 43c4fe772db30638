// SPDX-License-Identifier: MIT
// The algebra that understands: it evaluates a graph on symbols and, with each node, keeps what was
// computed as what it is. Elements that are moved, scaled or added stay sums of atoms; what is a
// product with weights, a norm, attention or experts becomes a base of its own. One file for each
// pattern: norms.cpp, rows.cpp, softmax.cpp, attention.cpp, experts.cpp, convolution.cpp.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "import/algebra.hpp"
#include "raise/bases.hpp"
#include "raise/function.hpp"

namespace skald::compiler::raising {

// More tokens are needed so that each expert has one, or a convolution is seen whole.
struct TooFewTokens {
    std::int64_t needed;
};

// A matrix with a row for each token (or for those named) that is all of a base's columns.
struct Rows {
    BaseId base = 0;
    double factor = 1;
    std::vector<std::uint32_t> rows;  // empty: every row, in order
};

// A view of elements as rows of `width`.
struct View {
    const Symbols* symbols;
    std::size_t width;

    std::size_t rows() const { return symbols->size() / width; }
};

class Recogniser : public graphs::Algebra {
  public:
    explicit Recogniser(std::uint32_t tokens) : tokens_(tokens) {}

    Value ids(std::int64_t batch);
    Value past(std::uint32_t input, const graphs::Shape& shape);

    Value pointwise(Scalar op, std::span<const Value> arguments) override;
    Value product(const Value& a, const Value& b) override;
    Value linear(const Value& x, const Expr& weight) override;
    Value reduce(graphs::Reduction kind, const Value& x) override;
    Value softmax(const Value& x) override;
    Value norm(const Value& x, bool centred, double eps) override;
    Value lookup(const Expr& table, const Value& ids) override;
    Value places_of_largest(const Value& x, std::int64_t k) override;

    // Where new bases come from, for messages.
    void at(std::string path) { path_ = std::move(path); }

    std::uint32_t tokens() const { return tokens_; }
    const std::vector<Base>& bases() const { return bases_; }
    const Base& base(BaseId id) const { return bases_[id]; }
    template <typename T>
    const T* as(BaseId id) const {
        return std::get_if<T>(&bases_[id].what);
    }

    // What the elements are, if they are rows of one thing.
    std::optional<Rows> rows_of(const View& view);
    Formula formula(const Symbols& s, std::size_t element) const {
        return Formula(bases_, s.constant(element), s.terms(element));
    }
    // Every element's, if they are all alike; the atoms of variable v are those of element i at
    // [v][i].
    struct Uniform {
        Formula formula;
        std::vector<std::shared_ptr<Symbols>> variables;
    };
    std::optional<Uniform> uniform(const Symbols& s) const;
    // Of something's columns those named.
    std::optional<BaseId> columns(BaseId of, std::span<const std::uint32_t> columns);

    BaseId sum(const std::vector<Sum::Leaf>& leaves);
    const std::map<BaseId, std::vector<MaskSource>>& masks() const { return masks_; }
    // Values of the graph that depend on lengths and by which something is multiplied: angles.
    const std::set<std::uint32_t>& tables() const { return tables_; }
    // Keys and values of all positions as attention read them, [head][position][dim].
    const std::vector<Symbolic>& cached() const { return cached_; }
    // Why the last attempt to understand something failed.
    const std::string& nearest() const { return nearest_; }

  private:
    friend class AttentionPattern;
    friend class ExpertsPattern;
    friend class ConvolutionPattern;

    BaseId add(What what, std::uint32_t rows, std::uint32_t width, const std::string& key = "");
    static Value symbolic(const graphs::Shape& shape, std::shared_ptr<const Symbols> s,
                          graphs::Element element = graphs::Element::kFloat);
    static Symbolic symbols_of(const Value& v);
    Value atoms(BaseId base, const graphs::Shape& shape) const;
    std::optional<BaseId> first_base(const Symbols& s) const;

    Value scaled(const Value& x, const Value& factor, bool divide);
    Value added(const Value& a, const Value& b, double sign);
    Value chosen(const Value& condition, const Value& a, const Value& b);
    Value function(Scalar op, std::span<const Value> arguments);
    void note_masks(Scalar op, std::span<const Value> arguments);
    std::optional<BaseId> scores_below(const Symbols& s) const;

    std::optional<Value> as_clipped(const Value& y);

    // softmax.cpp
    std::optional<std::array<Symbolic, 2>> quotient(const Function& f) const;
    bool are_sums_of_rows(const Symbols& sums, const Symbols& parts, std::size_t width) const;
    std::optional<Value> as_softmax(const Value& y);

    // norms.cpp
    std::optional<Value> as_norm(const Value& y);
    std::optional<Value> as_centred(const Value& y);
    std::optional<Value> with_gain(const Value& x, const Value& factor);
    std::optional<Value> with_bias(const Value& x, const Value& addend);
    std::optional<Value> with_biases_of_several(const Value& x, const Value& addend);
    std::optional<Value> with_bias_of_a_product(const Value& x, BaseId of,
                                                std::vector<double> bias);
    std::optional<std::uint32_t> first_of_group(const Reduced& mean, std::uint32_t at,
                                                const Atom& of, bool squared);
    std::optional<Value> as_norm_of_functions(const Value& y);
    bool is_squared(const Symbols& squares, std::size_t square, const Symbols& of,
                    std::size_t element) const;
    std::optional<Value> as_norm_of_some_columns(const Value& y, const Formula& like, std::size_t x,
                                                 std::size_t m);
    bool covers_group(const Reduced& mean, std::uint32_t at, const Atom& of, bool squared);

    // rows.cpp
    std::optional<Value> as_sum(const Value& a, const Value& b, double sign);
    std::optional<Rows> single(const View& view);
    std::optional<Rows> activated(const View& view);
    std::optional<Rows> several(const View& view);
    std::optional<Rows> gated(const View& view);
    std::optional<Rows> derived(BaseId of, std::span<const std::uint32_t> columns,
                                std::span<const double> factors, std::span<const double> constants);

    // attention.cpp, experts.cpp, convolution.cpp
    std::optional<Value> as_attention(const Value& probabilities, const Value& values);
    std::optional<Rows> as_experts(const View& view);
    std::optional<Rows> as_convolution(const View& view);

    std::uint32_t tokens_;
    std::vector<Base> bases_;
    std::map<std::string, BaseId> keys_;
    std::map<BaseId, std::vector<MaskSource>> masks_;
    std::set<std::uint32_t> tables_;
    std::vector<Symbolic> cached_;
    // What the k largest of each row were asked for, in order.
    struct Choice {
        Symbolic of;
        std::uint32_t width = 0, k = 0;
        std::vector<std::int64_t> places;
    };
    std::vector<Choice> choices_;
    std::string path_, nearest_;
};

}  // namespace skald::compiler::raising
