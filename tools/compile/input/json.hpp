// SPDX-License-Identifier: MIT
// JSON input with errors that name the file and the key. A thin layer over nlohmann::json: nothing
// of it throws past here but CompileError.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skald::compiler {

using Json = nlohmann::json;

// Throws CompileError "file: byte N: ..." for text that is not JSON, or not an object. NaN,
// Infinity and -Infinity, which Python's json writes, are numbers where a value may stand.
// Of keys that an object has twice the last counts, as in Python, unless they have to be unique:
// then the text is refused if the outermost object has any.
enum class JsonKeys : std::uint8_t { kLast, kUnique };
Json parse_json_object(const std::string& file, std::span<const std::byte> text,
                       JsonKeys keys = JsonKeys::kLast);

// Typed access to one object of a file. `where` is the path of the object within the file
// ("model.vocab"), empty at the top.
//
// Copies, and the objects within it, share a record of what was asked for, so that whoever reads a
// configuration can refuse what nobody understood: unread(). A typed getter reads the key, object()
// and objects() only open it (its own keys count), find(), array() and json() hand out the raw
// value, with all there is below; has() does not count. One thread at a time.
class JsonObject {
  public:
    JsonObject(std::string file, std::string where, const Json& object);

    // nullopt: the key is missing or null. A value of the wrong type is an error.
    std::optional<std::uint64_t> maybe_uint(std::string_view key) const;
    std::optional<double> maybe_number(std::string_view key) const;      // finite
    std::optional<double> maybe_any_number(std::string_view key) const;  // or infinite, or NaN
    std::optional<bool> maybe_bool(std::string_view key) const;
    std::optional<std::string> maybe_string(std::string_view key) const;
    std::optional<JsonObject> maybe_object(std::string_view key) const;
    const Json* maybe_array(std::string_view key) const;

    // Arrays whose elements are all of one type; errors name the element.
    std::optional<std::vector<std::uint64_t>> maybe_uints(std::string_view key) const;
    std::optional<std::vector<double>> maybe_numbers(std::string_view key) const;  // finite
    std::optional<std::vector<bool>> maybe_bools(std::string_view key) const;
    std::optional<std::vector<std::string>> maybe_strings(std::string_view key) const;
    std::vector<JsonObject> objects(std::string_view key) const;  // missing: none

    // "key": 7 and "key": [7, 8] alike.
    std::optional<std::vector<std::uint64_t>> maybe_one_or_more(std::string_view key) const;

    std::uint64_t uint(std::string_view key) const;
    double number(std::string_view key) const;
    std::string string(std::string_view key) const;
    JsonObject object(std::string_view key) const;
    const Json& array(std::string_view key) const;

    bool has(std::string_view key) const;      // present and not null
    bool is_null(std::string_view key) const;  // present, and null
    const Json* find(std::string_view key) const;
    const Json& json() const;
    std::vector<std::string> keys() const;  // of values other than null

    // Keys that are known and do not matter: counted as read.
    void skip(std::initializer_list<std::string_view> keys) const;

    // What is in this object, or below it, and was not read: paths from the top of the file
    // ("rope_scaling.factor"), in the order of the keys. Null says nothing and is left out.
    struct Unread {
        std::string path;
        const Json* value;
    };
    std::vector<Unread> unread_values() const;
    std::vector<std::string> unread() const;

    const std::string& file() const { return file_; }
    std::string path_of(std::string_view key) const;
    [[noreturn]] void reject(std::string_view key, std::string_view what) const;

  private:
    class Reads;

    JsonObject(std::string file, std::string where, const Json& object,
               std::shared_ptr<Reads> reads);
    const Json* look(std::string_view key) const;
    template <typename T, typename Is>
    std::optional<std::vector<T>> list(std::string_view key, std::string_view type, Is is) const;

    std::string file_, where_;
    const Json* object_;
    std::shared_ptr<Reads> reads_;
};

}  // namespace skald::compiler
