// SPDX-License-Identifier: MIT
// JSON input with errors that name the file and the key. A thin layer over nlohmann::json: nothing
// of it throws past here but CompileError.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace skald::compiler {

using Json = nlohmann::json;

// Throws CompileError "file: byte N: ..." for text that is not JSON, or not an object.
Json parse_json_object(const std::string& file, std::span<const std::byte> text);

// Typed access to one object of a file. `where` is the path of the object within the file
// ("model.vocab"), empty at the top.
class JsonObject {
  public:
    JsonObject(std::string file, std::string where, const Json& object);

    // nullopt: the key is missing or null. A value of the wrong type is an error.
    std::optional<std::uint64_t> maybe_uint(std::string_view key) const;
    std::optional<double> maybe_number(std::string_view key) const;
    std::optional<bool> maybe_bool(std::string_view key) const;
    std::optional<std::string> maybe_string(std::string_view key) const;
    std::optional<JsonObject> maybe_object(std::string_view key) const;
    const Json* maybe_array(std::string_view key) const;

    std::uint64_t uint(std::string_view key) const;
    double number(std::string_view key) const;
    std::string string(std::string_view key) const;
    JsonObject object(std::string_view key) const;
    const Json& array(std::string_view key) const;

    bool has(std::string_view key) const;  // present and not null
    const Json* find(std::string_view key) const;
    const Json& json() const { return *object_; }
    const std::string& file() const { return file_; }
    std::string path_of(std::string_view key) const;
    [[noreturn]] void reject(std::string_view key, std::string_view what) const;

  private:
    std::string file_, where_;
    const Json* object_;
};

}  // namespace skald::compiler
