// SPDX-License-Identifier: MIT
#include "input/gguf.hpp"

#include <fmt/ranges.h>

#include "error.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSplitNumber = "split.no", kSplitCount = "split.count",
                           kSplitTensors = "split.tensors.count";
constexpr std::string_view kSuffix = ".gguf";

std::vector<std::string_view> supported_types() {
    std::vector<std::string_view> names;
    for (const TypeInfo& info : kTypes)
        if (info.gguf != kNoNumber && info.weights)
            names.push_back(info.name);
    return names;
}

// As llama.cpp names them, counting from 1.
std::string part_suffix(std::uint64_t number, std::uint64_t count) {
    return fmt::format("-{:05}-of-{:05}{}", number + 1, count, kSuffix);
}

std::optional<std::uint64_t> whole_number(const GgufPart& part, std::string_view key) {
    const auto it = part.values.find(std::string(key));
    if (it == part.values.end())
        return std::nullopt;
    if (const auto* u = std::get_if<std::uint64_t>(&it->second))
        return *u;
    const auto* i = std::get_if<std::int64_t>(&it->second);
    if (!i || *i < 0)
        fail("{}: {} must be a whole number, not negative", part.file.name(), key);
    return static_cast<std::uint64_t>(*i);
}

struct Split {
    std::uint64_t number = 0, count = 1;
};

Split split_of(const GgufPart& part) {
    const Split split{whole_number(part, kSplitNumber).value_or(0),
                      whole_number(part, kSplitCount).value_or(1)};
    if (split.count > 1 && split.number >= split.count)
        fail("{}: {} is {} of {} parts", part.file.name(), kSplitNumber, split.number, split.count);
    return split;
}

// What the parts' names have in common.
std::string stem_of(const GgufPart& part, const Split& split) {
    const std::string& name = part.file.name();
    const std::string suffix = part_suffix(split.number, split.count);
    if (!name.ends_with(suffix))
        fail("{}: is part {} of {}, so that its name should end in {}: the others are not found",
             name, split.number + 1, split.count, suffix);
    return name.substr(0, name.size() - suffix.size());
}

// The first part has the metadata; where others repeat a key they must agree.
void check_part(const GgufPart& part, const Split& expected, const GgufPart& first) {
    const Split split = split_of(part);
    if (split.count != expected.count || split.number != expected.number)
        fail("{}: says that it is part {} of {}, its name says {} of {}", part.file.name(),
             split.number + 1, split.count, expected.number + 1, expected.count);
    for (const auto& [key, value] : part.values)
        if (const auto it = first.values.find(key);
            key != kSplitNumber && it != first.values.end() && it->second != value)
            fail("{}: {} is not what it is in {}", part.file.name(), key, first.file.name());
}

std::vector<GgufPart> open_parts(const fs::path& path) {
    GgufPart given(path);
    const Split split = split_of(given);
    std::vector<GgufPart> parts;
    if (split.count <= 1) {
        parts.push_back(std::move(given));
        return parts;
    }
    const std::string stem = stem_of(given, split);
    std::uint64_t tensors = 0;
    for (std::uint64_t n = 0; n < split.count; ++n) {
        const std::string name = stem + part_suffix(n, split.count);
        std::error_code ignored;
        if (!fs::exists(name, ignored))
            fail("{}: part {} of {} is missing: there is no {}", path.string(), n + 1, split.count,
                 name);
        parts.push_back(GgufPart(name));
        check_part(parts.back(), {n, split.count}, parts.front());
        tensors += parts.back().tensors.size();
    }
    const auto expected = whole_number(parts.front(), kSplitTensors);
    if (expected && *expected != tensors)
        fail("{}: {} is {}, its {} parts have {} tensors", parts.front().file.name(), kSplitTensors,
             *expected, split.count, tensors);
    return parts;
}

}  // namespace

Gguf::Gguf(const fs::path& path) : parts_(open_parts(path)) {
    for (const GgufPart& part : parts_)
        for (const auto& [name, tensor] : part.tensors)
            if (const auto [it, added] = tensors_.emplace(name, Place{&tensor, &part}); !added)
                fail("{}: tensor {} is in {} as well", part.file.name(), name,
                     it->second.part->file.name());
}

void Gguf::check() const {
    for (const GgufPart& part : parts_)
        part.file.check();
}

void Gguf::forget() const {
    for (const GgufPart& part : parts_)
        part.file.forget();
}

std::string Gguf::name() const {
    const std::string last = fs::path(file()).filename().string();
    const std::string suffix = part_suffix(0, parts_.size());
    return last.ends_with(suffix) ? last.substr(0, last.size() - suffix.size())
                                  : fs::path(last).stem().string();
}

void Gguf::reject(const std::string& key, std::string_view what) const {
    fail("{}: {} {}", file(), key, what);
}

const GgufValue* Gguf::look_up(const std::string& key) const {
    const auto it = parts_.front().values.find(key);
    if (it == parts_.front().values.end())
        return nullptr;
    read_.insert(key);
    return &it->second;
}

std::vector<std::string> Gguf::unread_metadata(std::string_view prefix) const {
    std::vector<std::string> keys;
    for (const auto& [key, value] : parts_.front().values)
        if (key.starts_with(prefix) && !read_.contains(key))
            keys.push_back(key);
    return keys;
}

void Gguf::skip(std::initializer_list<std::string_view> keys) const {
    for (const std::string_view key : keys)
        read_.emplace(key);
}

template <typename T>
const T* Gguf::get(const std::string& key, std::string_view type) const {
    const GgufValue* value = look_up(key);
    if (!value)
        return nullptr;
    const T* typed = std::get_if<T>(value);
    if (!typed)
        reject(key, fmt::format("must be {}", type));
    return typed;
}

std::optional<std::uint64_t> Gguf::maybe_uint(const std::string& key) const {
    const GgufValue* value = look_up(key);
    if (!value)
        return std::nullopt;
    if (const auto* u = std::get_if<std::uint64_t>(value))
        return *u;
    const auto* i = std::get_if<std::int64_t>(value);
    if (!i || *i < 0)
        reject(key, "must be a whole number, not negative");
    return static_cast<std::uint64_t>(*i);
}

std::optional<double> Gguf::maybe_float(const std::string& key) const {
    const GgufValue* value = look_up(key);
    if (!value)
        return std::nullopt;
    if (const auto* d = std::get_if<double>(value))
        return *d;
    if (const auto* i = std::get_if<std::int64_t>(value))
        return static_cast<double>(*i);
    return static_cast<double>(uint(key));
}

std::optional<std::vector<double>> Gguf::maybe_one_or_more(const std::string& key) const {
    const GgufValue* value = look_up(key);
    if (!value)
        return std::nullopt;
    if (const auto* numbers = std::get_if<std::vector<double>>(value))
        return *numbers;
    if (const auto* b = std::get_if<bool>(value))
        return std::vector<double>{*b ? 1.0 : 0.0};
    return std::vector<double>{number(key)};
}

std::optional<bool> Gguf::maybe_bool(const std::string& key) const {
    const bool* value = get<bool>(key, "a truth value");
    return value ? std::optional(*value) : std::nullopt;
}

const std::string* Gguf::maybe_string(const std::string& key) const {
    return get<std::string>(key, "a string");
}

const std::vector<std::string>* Gguf::maybe_strings(const std::string& key) const {
    return get<std::vector<std::string>>(key, "an array of strings");
}

const std::vector<double>* Gguf::maybe_numbers(const std::string& key) const {
    return get<std::vector<double>>(key, "an array of numbers");
}

std::uint64_t Gguf::uint(const std::string& key) const {
    const auto value = maybe_uint(key);
    if (!value)
        reject(key, "is missing");
    return *value;
}

double Gguf::number(const std::string& key) const {
    const auto value = maybe_float(key);
    if (!value)
        reject(key, "is missing");
    return *value;
}

const std::string& Gguf::string(const std::string& key) const {
    const std::string* value = maybe_string(key);
    if (!value)
        reject(key, "is missing");
    return *value;
}

const std::vector<std::string>& Gguf::strings(const std::string& key) const {
    const auto* value = maybe_strings(key);
    if (!value)
        reject(key, "is missing");
    return *value;
}

const Tensor* Gguf::find(const std::string& name) const {
    const auto it = tensors_.find(name);
    if (it == tensors_.end())
        return nullptr;
    const auto& [tensor, part] = it->second;
    if (tensor->unsupported_type)
        fail("{}: tensor {} has type {}, which is not supported ({} are)", part->file.name(), name,
             gguf_type_name(*tensor->unsupported_type), fmt::join(supported_types(), ", "));
    return &tensor->tensor;
}

std::vector<std::string> Gguf::tensor_names() const {
    std::vector<std::string> names;
    for (const auto& [name, place] : tensors_)
        names.push_back(name);
    return names;
}

}  // namespace skald::compiler
