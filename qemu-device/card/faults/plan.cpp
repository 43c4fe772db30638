// SPDX-License-Identifier: MIT
// The grammar of a plan, part by part.
#include "card/faults/plan.hpp"

#include <charconv>
#include <memory>
#include <stdexcept>
#include <vector>

namespace skald::card {
namespace {

constexpr std::array<std::string_view, kFaultClasses> kNames = {
    "engine-hang", "core-hang", "core-crash",     "ecc-corrected", "ecc-fatal", "irq-lost",
    "irq-doubled", "dma-error", "doorbell-stuck", "memory-slow",   "removal",
};
constexpr std::size_t kQuoted = 40;  // characters of a part that a message repeats
constexpr unsigned kFactor = 10;     // unless said otherwise
constexpr unsigned kMostFactor = 1000;

[[noreturn]] void refuse(std::string_view part, const std::string& why) {
    std::string quoted(part.substr(0, kQuoted));
    if (part.size() > kQuoted)
        quoted += "...";
    throw std::invalid_argument("fault '" + quoted + "': " + why);
}

std::string all_names() {
    std::string list;
    for (const std::string_view known : kNames)
        (list += list.empty() ? "" : ", ") += known;
    return list;
}

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t end = text.find(at);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos)
            return parts;
        text.remove_prefix(end + 1);
    }
}

struct Setting {
    std::string_view key;
    std::string_view value;
};

Setting setting(std::string_view part) {
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos)
        return {part, {}};
    return {part.substr(0, equals), part.substr(equals + 1)};
}

template <class Number>
bool parse_whole(std::string_view text, Number& value) {
    const char* end = std::to_address(text.end());
    const auto [stop, error] = std::from_chars(std::to_address(text.begin()), end, value);
    return error == std::errc() && stop == end;
}

std::uint64_t count(std::string_view part, const Setting& set) {
    std::uint64_t value = 0;
    if (!parse_whole(set.value, value) || value == 0)
        refuse(part, std::string(set.key) + " is a whole number, 1 at least");
    return value;
}

double probability(std::string_view part, const Setting& set) {
    double value = 0;
    if (!parse_whole(set.value, value) || !(value > 0) || value > 1)
        refuse(part, "p is a probability, more than 0 and at most 1");
    return value;
}

unsigned factor(std::string_view part, const Setting& set) {
    unsigned value = 0;
    if (!parse_whole(set.value, value) || value < 2 || value > kMostFactor)
        refuse(part, "factor is a whole number from 2 to " + std::to_string(kMostFactor));
    return value;
}

struct Keys {
    std::optional<std::uint64_t> after, every, times;
    std::optional<double> p;
    std::optional<unsigned> factor;
};

template <class Value>
void once(std::string_view part, std::string_view key, std::optional<Value>& slot, Value value) {
    if (slot)
        refuse(part, std::string(key) + " is said twice");
    slot = value;
}

void read_key(std::string_view part, bool slow, const Setting& set, Keys& keys) {
    if (set.key == "after")
        once(part, set.key, keys.after, count(part, set));
    else if (set.key == "every")
        once(part, set.key, keys.every, count(part, set));
    else if (set.key == "times")
        once(part, set.key, keys.times, count(part, set));
    else if (set.key == "p")
        once(part, set.key, keys.p, probability(part, set));
    else if (set.key == "factor" && slow)
        once(part, set.key, keys.factor, factor(part, set));
    else
        refuse(part, "no key '" + std::string(set.key.substr(0, kQuoted)) +
                         "'; after=, every=, p= and times= exist, and factor= of memory-slow");
}

FaultRule rule_of(std::string_view part, bool slow, const Keys& keys) {
    if (keys.every && keys.p)
        refuse(part, "every and p exclude each other");
    FaultRule rule;
    rule.every = keys.every.value_or(1);
    rule.after = keys.after.value_or(rule.every);
    rule.probability = keys.p;
    rule.times = keys.times.value_or(keys.every || keys.p ? FaultRule::kUnlimited : 1);
    if (slow)
        rule.factor = keys.factor.value_or(kFactor);
    return rule;
}

void read_seed(std::string_view part, std::optional<std::uint64_t>& seed) {
    std::uint64_t value = 0;
    if (!parse_whole(setting(part).value, value))
        refuse(part, "seed is a whole number");
    once(part, "seed", seed, value);
}

void read_class(std::string_view part, FaultPlan& plan) {
    const std::vector<std::string_view> fields = split(part, ':');
    std::size_t at = 0;
    while (at < kNames.size() && kNames[at] != fields.front())
        ++at;
    if (at == kNames.size())
        refuse(part, "no such class; seed=N and " + all_names() + " exist");
    if (plan.rules[at])
        refuse(part, "this class is named twice");
    const bool slow = static_cast<FaultClass>(at) == FaultClass::kMemorySlow;
    Keys keys;
    for (std::size_t i = 1; i < fields.size(); ++i)
        read_key(part, slow, setting(fields[i]), keys);
    plan.rules[at] = rule_of(part, slow, keys);
}

}  // namespace

std::string_view name(FaultClass fault) {
    return kNames[static_cast<std::size_t>(fault)];
}

FaultPlan parse_fault_plan(std::string_view text) {
    FaultPlan plan;
    if (text.empty())
        return plan;
    std::optional<std::uint64_t> seed;
    for (const std::string_view part : split(text, ';')) {
        if (setting(part).key == "seed")
            read_seed(part, seed);
        else
            read_class(part, plan);
    }
    plan.seed = seed.value_or(0);
    return plan;
}

}  // namespace skald::card
