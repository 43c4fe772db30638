// SPDX-License-Identifier: MIT
// Arguments of a call, and how they meet the parameters of what is called.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "template/value.hpp"

namespace skald::rt::jinja {

struct Arguments {
    std::vector<Value> positional;
    std::vector<std::pair<std::string, Value>> named;
};

// The arguments in the order of the parameters' names. Throws Failure for one too many, one of
// another name, one twice, or one of the first `required` that is not there.
class Parameters {
  public:
    Parameters(std::string_view function, const Arguments& arguments,
               std::initializer_list<std::string_view> names, std::size_t required = 0);

    [[nodiscard]] bool has(std::size_t i) const { return given_[i]; }
    [[nodiscard]] const Value& operator[](std::size_t i) const { return values_[i]; }
    // Not given, or None.
    [[nodiscard]] bool none(std::size_t i) const { return !given_[i] || values_[i].is_none(); }
    [[nodiscard]] bool flag(std::size_t i) const;
    [[nodiscard]] std::int64_t integer(std::size_t i, std::int64_t otherwise) const;

  private:
    std::string function_;
    std::vector<Value> values_;
    std::vector<bool> given_;
};

}  // namespace skald::rt::jinja
