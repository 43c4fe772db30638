// SPDX-License-Identifier: MIT
// Into values: attributes, items, slices, iteration.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "template/value.hpp"

namespace skald::rt::jinja {

class Machine;

// obj.name: a method or attribute, else the item of that name, else a missing value.
[[nodiscard]] Value get_attribute(Machine& machine, const Value& object, std::string_view name);
// obj[key]: the item, else the attribute of that name, else a missing value.
[[nodiscard]] Value get_item(Machine& machine, const Value& object, const Value& key);
// obj.name alone; nothing where there is none. Methods that would change the value are missing
// values that say so.
[[nodiscard]] std::optional<Value> find_attribute(Machine& machine, const Value& object,
                                                  std::string_view name);

struct Slice {
    Value begin, end, step;  // None where it is not said
};
[[nodiscard]] Value get_slice(Machine& machine, const Value& object, const Slice& slice);

// What iteration over a value gives, one at a time: items, characters, keys. A generator is used
// up by it.
class Items {
  public:
    // not_iterable: throws; by default what Python says.
    explicit Items(Value value, const std::function<void()>& not_iterable = {});
    [[nodiscard]] std::optional<Value> next();
    // How many are left.
    [[nodiscard]] std::size_t rest() const;

  private:
    Value value_;
    std::size_t at_ = 0;
};

[[nodiscard]] bool is_iterable(const Value& value);
[[nodiscard]] std::vector<Value> all_items(Machine& machine, const Value& value);
// len(value); nothing where Python has none.
[[nodiscard]] std::optional<std::size_t> find_length(const Value& value);
[[nodiscard]] Value call_value(Machine& machine, const Value& callee,
                               const struct Arguments& arguments);

}  // namespace skald::rt::jinja
