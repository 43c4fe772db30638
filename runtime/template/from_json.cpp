// SPDX-License-Identifier: MIT
#include "template/from_json.hpp"

#include <limits>
#include <nlohmann/json.hpp>

#include "template/characters.hpp"

namespace skald::rt::jinja {
namespace {

using Json = nlohmann::ordered_json;

Value value_of(const Json& json, Budget& budget, std::uint32_t level) {
    if (level > kMostNesting)
        fail("the input nests deeper than {} levels", kMostNesting);
    budget.tick();
    budget.make(sizeof(Value));
    switch (json.type()) {
        case Json::value_t::boolean:
            return Value(json.get<bool>());
        case Json::value_t::number_integer:
            return Value(json.get<std::int64_t>());
        case Json::value_t::number_unsigned:
            if (json.get<std::uint64_t>() >
                static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
                fail("the input has an integer beyond 64 bits: {}", json.get<std::uint64_t>());
            return Value(json.get<std::int64_t>());
        case Json::value_t::number_float:
            return Value(json.get<double>());
        case Json::value_t::string: {
            const auto& bytes = json.get_ref<const std::string&>();
            budget.make(bytes.size());
            return Value::text(valid_utf8(bytes));
        }
        case Json::value_t::array: {
            std::vector<Value> items;
            for (const Json& item : json)
                items.push_back(value_of(item, budget, level + 1));
            return Value::list(std::move(items));
        }
        case Json::value_t::object: {
            auto dict = std::make_shared<Dict>();
            for (const auto& [key, item] : json.items())
                dict->set(valid_utf8(key), value_of(item, budget, level + 1), budget);
            return Value(std::shared_ptr<const Dict>(std::move(dict)));
        }
        default:
            return Value();
    }
}

}  // namespace

void set_variables(Machine& machine, const Json& variables) {
    for (const auto& [name, json] : variables.items())
        machine.set(valid_utf8(name), value_of(json, machine.budget(), 1));
}

}  // namespace skald::rt::jinja
