// SPDX-License-Identifier: MIT
#include "input/json.hpp"

#include "error.hpp"

namespace skald::compiler {

Json parse_json_object(const std::string& file, std::span<const std::byte> text) {
    const auto* begin = reinterpret_cast<const char*>(text.data());
    try {
        Json json = Json::parse(begin, begin + text.size());
        if (!json.is_object())
            fail("{}: is not a JSON object", file);
        return json;
    } catch (const Json::parse_error& e) {
        fail("{}: byte {}: is not valid JSON", file, e.byte);
    } catch (const Json::exception& e) {  // a number out of range
        fail("{}: is not valid JSON: {}", file, e.what());
    }
}

JsonObject::JsonObject(std::string file, std::string where, const Json& object)
    : file_(std::move(file)), where_(std::move(where)), object_(&object) {
    if (!object.is_object())
        fail("{}: {} must be an object", file_, where_.empty() ? "the file" : where_);
}

std::string JsonObject::path_of(std::string_view key) const {
    return where_.empty() ? std::string(key) : fmt::format("{}.{}", where_, key);
}

void JsonObject::reject(std::string_view key, std::string_view what) const {
    fail("{}: {} {}", file_, path_of(key), what);
}

const Json* JsonObject::find(std::string_view key) const {
    const auto it = object_->find(key);
    return it == object_->end() || it->is_null() ? nullptr : &*it;
}

bool JsonObject::has(std::string_view key) const {
    return find(key) != nullptr;
}

std::optional<std::uint64_t> JsonObject::maybe_uint(std::string_view key) const {
    const Json* v = find(key);
    if (!v)
        return std::nullopt;
    if (!v->is_number_unsigned())
        reject(key, "must be a whole number, not negative");
    return v->get<std::uint64_t>();
}

std::optional<double> JsonObject::maybe_number(std::string_view key) const {
    const Json* v = find(key);
    if (!v)
        return std::nullopt;
    if (!v->is_number())
        reject(key, "must be a number");
    return v->get<double>();
}

std::optional<bool> JsonObject::maybe_bool(std::string_view key) const {
    const Json* v = find(key);
    if (!v)
        return std::nullopt;
    if (!v->is_boolean())
        reject(key, "must be true or false");
    return v->get<bool>();
}

std::optional<std::string> JsonObject::maybe_string(std::string_view key) const {
    const Json* v = find(key);
    if (!v)
        return std::nullopt;
    if (!v->is_string())
        reject(key, "must be a string");
    return v->get<std::string>();
}

std::optional<JsonObject> JsonObject::maybe_object(std::string_view key) const {
    const Json* v = find(key);
    if (!v)
        return std::nullopt;
    if (!v->is_object())
        reject(key, "must be an object");
    return JsonObject(file_, path_of(key), *v);
}

const Json* JsonObject::maybe_array(std::string_view key) const {
    const Json* v = find(key);
    if (v && !v->is_array())
        reject(key, "must be an array");
    return v;
}

std::uint64_t JsonObject::uint(std::string_view key) const {
    const auto v = maybe_uint(key);
    if (!v)
        reject(key, "is missing");
    return *v;
}

double JsonObject::number(std::string_view key) const {
    const auto v = maybe_number(key);
    if (!v)
        reject(key, "is missing");
    return *v;
}

std::string JsonObject::string(std::string_view key) const {
    auto v = maybe_string(key);
    if (!v)
        reject(key, "is missing");
    return std::move(*v);
}

JsonObject JsonObject::object(std::string_view key) const {
    auto v = maybe_object(key);
    if (!v)
        reject(key, "is missing");
    return std::move(*v);
}

const Json& JsonObject::array(std::string_view key) const {
    const Json* v = maybe_array(key);
    if (!v)
        reject(key, "is missing");
    return *v;
}

}  // namespace skald::compiler
