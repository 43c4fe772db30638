// SPDX-License-Identifier: MIT
// A config.json: which family it is of, and the part of it that is about the language model.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "input/json.hpp"
#include "model/family.hpp"

namespace skald::compiler {

class ConfigFile {
  public:
    explicit ConfigFile(const std::filesystem::path& path);
    // `text` is its content, `name` what messages call it.
    ConfigFile(const std::string& name, std::string_view text);

    const JsonObject& config() const { return text_; }  // of the language model
    const JsonObject& whole() const { return whole_; }
    const Family& family() const { return *family_; }
    const std::string& model_type() const { return model_type_; }

  private:
    ConfigFile(const std::string& name, Json json);
    void find_family();

    Json json_;
    JsonObject whole_, text_;
    std::string model_type_;
    const Family* family_ = nullptr;
};

// "key": 7 and "key": [7, 8] alike, as token ids.
std::vector<std::uint32_t> token_ids(const JsonObject& object, std::string_view key);

}  // namespace skald::compiler
