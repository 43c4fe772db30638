// SPDX-License-Identifier: MIT
// The table of PyTorch's operators: its rows by what they do, one function each, beside what the
// rows of that file need. The names are those of ATen without what stands before them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "import/aten/node.hpp"

namespace skald::compiler::graphs::aten {

using Lowering = std::function<void(AtenNode&)>;
using Table = std::map<std::string, Lowering, std::less<>>;
using Int = std::int64_t;
using Ints = std::vector<std::int64_t>;

// An operator of one argument, or of two, that is one of ours.
Lowering one(std::string_view op, std::string_view argument = "self");
Lowering two(std::string_view op, std::string_view a = "self", std::string_view b = "other");

// torch.ops.aten.add_.Tensor is add.Tensor.
std::string short_name(std::string_view target);

void add_movement(Table& t);
void add_making(Table& t);
void add_arithmetic(Table& t);
void add_reductions(Table& t);
void add_indexing(Table& t);
void add_products(Table& t);
void add_quantised(Table& t);

}  // namespace skald::compiler::graphs::aten
