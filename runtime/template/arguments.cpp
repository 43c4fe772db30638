// SPDX-License-Identifier: MIT
#include "template/arguments.hpp"

#include <algorithm>

#include "template/error.hpp"
#include "template/operators.hpp"

namespace skald::rt::jinja {

Parameters::Parameters(std::string_view function, const Arguments& arguments,
                       std::initializer_list<std::string_view> names, std::size_t required)
    : function_(function), values_(names.size()), given_(names.size()) {
    if (arguments.positional.size() > names.size())
        fail("{}() takes at most {} argument{} ({} given)", function, names.size(),
             names.size() == 1 ? "" : "s", arguments.positional.size());
    for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
        values_[i] = arguments.positional[i];
        given_[i] = true;
    }
    for (const auto& [name, value] : arguments.named) {
        const auto found = std::ranges::find(names, name);
        if (found == names.end())
            fail("{}() got an unexpected keyword argument '{}'", function, name);
        const auto i = static_cast<std::size_t>(found - names.begin());
        if (given_[i])
            fail("{}() got multiple values for argument '{}'", function, name);
        values_[i] = value;
        given_[i] = true;
    }
    for (std::size_t i = 0; i < required; ++i)
        if (!given_[i])
            fail("{}() missing required argument '{}'", function, names.begin()[i]);
}

bool Parameters::flag(std::size_t i) const {
    return given_[i] && truth(values_[i]);
}

std::int64_t Parameters::integer(std::size_t i, std::int64_t otherwise) const {
    if (!given_[i])
        return otherwise;
    check_defined(values_[i]);
    if (!values_[i].is_integer())
        fail("{}() wants an integer, not '{}'", function_, type_name(values_[i]));
    return values_[i].integer();
}

}  // namespace skald::rt::jinja
