// SPDX-License-Identifier: MIT
// Complex numbers, with which nothing here computes: a complex tensor is two values, its real and
// its imaginary part. What moves it about moves both; a product with another is four of numbers.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "import/aten/node.hpp"

namespace skald::compiler::graphs {

class ComplexNumbers {
  public:
    // A complex tensor, of which `real` is known by its name.
    void add(Id real, Id imaginary) { imaginary_.insert_or_assign(real, imaginary); }
    std::optional<Id> imaginary(Id real) const;
    // What a name stands for where imaginary parts are computed.
    Id other(Id real) const { return imaginary(real).value_or(real); }

    // Operators that are about nothing else.
    static bool knows(std::string_view target);
    // Whether a node makes complex numbers, or takes some.
    bool concern(AtenNode& n, std::string_view target) const;
    // Makes the results of such a node; `other` is the same node with names as above.
    void lower(AtenNode& n, AtenNode& other, std::string_view target);

  private:
    std::map<Id, Id> imaginary_;
};

}  // namespace skald::compiler::graphs
