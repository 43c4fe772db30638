// SPDX-License-Identifier: MIT
#include "chip/software.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <nlohmann/json.hpp>

#include "chip/facts_of_models.hpp"
#include "libskald/error.hpp"

namespace skald::chip {
namespace {

using nlohmann::json;

struct KeyOf {
    std::string_view key;
    double Software::* member;
};
constexpr KeyOf kKeys[] = {
    {"request_us", &Software::request_us},
    {"token_us", &Software::token_us},
    {"prompt_layer_us", &Software::prompt_layer_us},
};

double Software::* member_of(std::string_view key) {
    const auto* at = std::ranges::find(kKeys, key, &KeyOf::key);
    if (at != std::end(kKeys))
        return at->member;
    std::vector<std::string_view> names;
    for (const KeyOf& one : kKeys)
        names.push_back(one.key);
    throw rt::Error(
        fmt::format("software has no figure '{}', only {}", key, fmt::join(names, ", ")), EINVAL);
}

Software parse_one(const json& from) {
    Software software;
    software.name = from.at("name");
    software.what = from.at("what");
    software.source = from.at("source");
    for (const auto& [key, value] : from.at("figures").items())
        software.set(key, value);
    return software;
}

}  // namespace

double Software::figure(std::string_view key) const {
    return this->*member_of(key);
}

void Software::set(std::string_view key, double value) {
    if (!(std::isfinite(value) && value >= 0))
        throw rt::Error(fmt::format("{} is {}, which is no time", key, value), EINVAL);
    this->*member_of(key) = value;
}

std::vector<Software> parse_software(std::string_view text, std::string_view name) {
    std::vector<Software> all;
    try {
        for (const json& from : json::parse(text))
            all.push_back(parse_one(from));
    } catch (const json::exception& error) {
        throw rt::Error(fmt::format("{}: entry {}: {}", name, all.size() + 1, error.what()),
                        EINVAL);
    } catch (const rt::Error& error) {
        throw rt::Error(fmt::format("{}: entry {}: {}", name, all.size() + 1, error.what()),
                        EINVAL);
    }
    return all;
}

std::span<const Software> all_software() {
    static const std::vector<Software> all = parse_software(builtin_software(), "software.json");
    return all;
}

const Software& software_named(std::string_view name) {
    const auto all = all_software();
    const auto at = std::ranges::find(all, name, &Software::name);
    if (at != all.end())
        return *at;
    std::vector<std::string> names;
    for (const Software& one : all)
        names.push_back(one.name);
    throw rt::Error(fmt::format("there is no software '{}', only {}", name, fmt::join(names, ", ")),
                    ENOENT);
}

}  // namespace skald::chip
