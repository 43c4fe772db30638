// SPDX-License-Identifier: MIT
// A tensor that depends on tokens, element by element: each is a constant plus a sum of factors
// times atoms. An atom is an element of something that was computed (a product, a norm, a function
// of other elements), which whoever evaluates keeps a list of. Moving elements about, scaling them
// and adding them stays within this form, so it does not matter how a graph writes that.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace skald::compiler::graphs {

struct Term {
    std::uint32_t base = 0, index = 0;
    double factor = 1;
    bool operator==(const Term&) const = default;
};

class Symbols {
  public:
    // Elements are put in from the first to the last.
    void reserve(std::size_t elements, std::size_t terms_each = 1) {
        constants_.reserve(elements);
        ends_.reserve(elements);
        terms_.reserve(elements * terms_each);
    }
    void term(const Term& t) { terms_.push_back(t); }
    void end(double constant = 0) {
        constants_.push_back(constant);
        ends_.push_back(static_cast<std::uint32_t>(terms_.size()));
    }
    void copy(const Symbols& from, std::size_t element) {
        const auto terms = from.terms(element);
        terms_.insert(terms_.end(), terms.begin(), terms.end());
        end(from.constant(element));
    }
    void atom(std::uint32_t base, std::uint32_t index) {
        term({base, index, 1});
        end();
    }

    std::size_t size() const { return constants_.size(); }
    double constant(std::size_t element) const { return constants_[element]; }
    std::span<const Term> terms(std::size_t element) const {
        const std::uint32_t begin = element == 0 ? 0 : ends_[element - 1];
        return std::span(terms_).subspan(begin, ends_[element] - begin);
    }

  private:
    std::vector<double> constants_;
    std::vector<std::uint32_t> ends_;
    std::vector<Term> terms_;
};

}  // namespace skald::compiler::graphs
