// SPDX-License-Identifier: MIT
#include "chip/facts_of_models.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>

#include "chip/builtin_data.hpp"
#include "libskald/error.hpp"

namespace skald::chip {
namespace {

const BuiltinText* find(std::string_view name) {
    const auto models = builtin_models();
    const auto at = std::ranges::find(models, name, &BuiltinText::name);
    return at == models.end() ? nullptr : &*at;
}

}  // namespace

bool known_model(std::string_view name) {
    return find(name) != nullptr;
}

std::vector<std::string> model_names() {
    std::vector<std::string> all;
    for (const BuiltinText& model : builtin_models())
        all.emplace_back(model.name);
    return all;
}

std::string_view model_config(std::string_view name) {
    if (const BuiltinText* model = find(name))
        return model->text;
    throw rt::Error(fmt::format("there is no model '{}', only {}, and files, whose name has a '/' "
                                "or a '.' in it",
                                name, fmt::join(model_names(), ", ")),
                    ENOENT);
}

}  // namespace skald::chip
