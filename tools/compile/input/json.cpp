// SPDX-License-Identifier: MIT
#include "input/json.hpp"

#include <cmath>
#include <unordered_map>

#include "error.hpp"

namespace skald::compiler {
namespace {

bool is_finite(const Json& value) {
    return value.is_number() && std::isfinite(value.get<double>());
}

}  // namespace

// What was asked for, by the address of the value: objects of the file stay where they are.
class JsonObject::Reads {
  public:
    void open(const Json& value) { states_.emplace(&value, State::kOpen); }
    void read(const Json& value) { states_[&value] = State::kRead; }

    void collect(const Json& value, const std::string& path, std::vector<Unread>& out) const {
        const auto it = states_.find(&value);
        if (it == states_.end())
            out.push_back({path, &value});
        else if (it->second == State::kOpen)
            collect_below(value, path, out);
    }

    void collect_below(const Json& value, const std::string& path, std::vector<Unread>& out) const {
        for (std::size_t i = 0; value.is_array() && i < value.size(); ++i)
            collect(value[i], fmt::format("{}[{}]", path, i), out);
        if (!value.is_object())
            return;
        for (const auto& [key, child] : value.items())
            if (!child.is_null())
                collect(child, path.empty() ? key : fmt::format("{}.{}", path, key), out);
    }

  private:
    enum class State : std::uint8_t { kOpen, kRead };
    std::unordered_map<const Json*, State> states_;
};

JsonObject::JsonObject(std::string file, std::string where, const Json& object)
    : JsonObject(std::move(file), std::move(where), object, std::make_shared<Reads>()) {}

JsonObject::JsonObject(std::string file, std::string where, const Json& object,
                       std::shared_ptr<Reads> reads)
    : file_(std::move(file)), where_(std::move(where)), object_(&object), reads_(std::move(reads)) {
    if (!object.is_object())
        fail("{}: {} must be an object", file_, where_.empty() ? "the file" : where_);
    reads_->open(object);
}

std::string JsonObject::path_of(std::string_view key) const {
    return where_.empty() ? std::string(key) : fmt::format("{}.{}", where_, key);
}

void JsonObject::reject(std::string_view key, std::string_view what) const {
    fail("{}: {} {}", file_, path_of(key), what);
}

const Json* JsonObject::look(std::string_view key) const {
    const auto it = object_->find(key);
    return it == object_->end() || it->is_null() ? nullptr : &*it;
}

const Json* JsonObject::find(std::string_view key) const {
    const Json* v = look(key);
    if (v)
        reads_->read(*v);
    return v;
}

const Json& JsonObject::json() const {
    reads_->read(*object_);
    return *object_;
}

bool JsonObject::has(std::string_view key) const {
    return look(key) != nullptr;
}

bool JsonObject::is_null(std::string_view key) const {
    const auto it = object_->find(key);
    return it != object_->end() && it->is_null();
}

std::vector<std::string> JsonObject::keys() const {
    std::vector<std::string> keys;
    for (const auto& [key, value] : object_->items())
        if (!value.is_null())
            keys.push_back(key);
    return keys;
}

void JsonObject::skip(std::initializer_list<std::string_view> keys) const {
    for (const std::string_view key : keys)
        find(key);
}

std::vector<JsonObject::Unread> JsonObject::unread_values() const {
    std::vector<Unread> out;
    reads_->collect(*object_, where_, out);
    return out;
}

std::vector<std::string> JsonObject::unread() const {
    std::vector<std::string> paths;
    for (Unread& unread : unread_values())
        paths.push_back(std::move(unread.path));
    return paths;
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
    if (!is_finite(*v))
        reject(key, "must be a finite number");
    return v->get<double>();
}

std::optional<double> JsonObject::maybe_any_number(std::string_view key) const {
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
    const Json* v = look(key);
    if (!v)
        return std::nullopt;
    if (!v->is_object())
        reject(key, "must be an object");
    return JsonObject(file_, path_of(key), *v, reads_);
}

const Json* JsonObject::maybe_array(std::string_view key) const {
    const Json* v = find(key);
    if (v && !v->is_array())
        reject(key, "must be an array");
    return v;
}

template <typename T, typename Is>
std::optional<std::vector<T>> JsonObject::list(std::string_view key, std::string_view type,
                                               Is is) const {
    const Json* v = maybe_array(key);
    if (!v)
        return std::nullopt;
    std::vector<T> out;
    out.reserve(v->size());
    for (const Json& element : *v) {
        if (!is(element))
            reject(fmt::format("{}[{}]", key, out.size()), fmt::format("must be {}", type));
        out.push_back(element.get<T>());
    }
    return out;
}

std::optional<std::vector<std::uint64_t>> JsonObject::maybe_uints(std::string_view key) const {
    return list<std::uint64_t>(key, "a whole number, not negative",
                               [](const Json& v) { return v.is_number_unsigned(); });
}

std::optional<std::vector<double>> JsonObject::maybe_numbers(std::string_view key) const {
    return list<double>(key, "a finite number", is_finite);
}

std::optional<std::vector<bool>> JsonObject::maybe_bools(std::string_view key) const {
    return list<bool>(key, "true or false", [](const Json& v) { return v.is_boolean(); });
}

std::optional<std::vector<std::string>> JsonObject::maybe_strings(std::string_view key) const {
    return list<std::string>(key, "a string", [](const Json& v) { return v.is_string(); });
}

std::vector<JsonObject> JsonObject::objects(std::string_view key) const {
    const Json* v = look(key);
    if (!v)
        return {};
    if (!v->is_array())
        reject(key, "must be an array");
    reads_->open(*v);
    std::vector<JsonObject> out;
    for (std::size_t i = 0; i < v->size(); ++i)
        out.push_back(JsonObject(file_, fmt::format("{}[{}]", path_of(key), i), (*v)[i], reads_));
    return out;
}

std::optional<std::vector<std::uint64_t>> JsonObject::maybe_one_or_more(
    std::string_view key) const {
    const Json* v = look(key);
    if (v && v->is_array())
        return maybe_uints(key);
    const auto one = maybe_uint(key);
    return one ? std::optional(std::vector{*one}) : std::nullopt;
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
