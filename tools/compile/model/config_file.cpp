// SPDX-License-Identifier: MIT
#include "model/config_file.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "error.hpp"
#include "input/file_bytes.hpp"

namespace skald::compiler {
namespace {

Json read(const std::filesystem::path& path) {
    const FileBytes file(path);
    return parse_json_object(file.name(), file.bytes());
}

// Keys of something larger that a language model is part of.
constexpr std::string_view kText = "text_config";

std::string names() {
    std::string out;
    for (const Family& f : families())
        if (f.needs.empty())
            for (const std::string_view type : f.model_types)
                out += (out.empty() ? "" : ", ") + std::string(type);
    return out;
}

}  // namespace

ConfigFile::ConfigFile(const std::filesystem::path& path) : ConfigFile(path.string(), read(path)) {}

ConfigFile::ConfigFile(const std::string& name, std::string_view text)
    : ConfigFile(name, parse_json_object(name, std::as_bytes(std::span(text)))) {}

ConfigFile::ConfigFile(const std::string& name, Json json)
    : json_(std::move(json)), whole_(name, "", json_), text_(whole_) {
    if (auto text = whole_.maybe_object(kText))
        text_ = *text;
    find_family();
}

void ConfigFile::find_family() {
    model_type_ = text_.maybe_string("model_type").value_or("");
    if (!family_of_model_type(model_type_))
        if (const auto outer = whole_.maybe_string("model_type").value_or("");
            family_of_model_type(outer))
            model_type_ = outer;
    std::string architecture;
    if (const Json* list = whole_.maybe_array("architectures");
        list && !list->empty() && (*list)[0].is_string())
        architecture = (*list)[0].get<std::string>();
    family_ = family_of_model_type(model_type_);
    const auto ends = [&](std::string_view end) { return architecture.ends_with(end); };
    const bool generates = architecture.empty() || ends("ForCausalLM") || ends("LMHeadModel") ||
                           ends("ForConditionalGeneration");
    if (!family_ || !generates)
        fail("{}: architecture {} (model_type {}) is not supported; model types {} are",
             whole_.file(), architecture.empty() ? "unnamed" : architecture,
             model_type_.empty() ? "unnamed" : model_type_, names());
}

std::vector<std::uint32_t> token_ids(const JsonObject& o, std::string_view key) {
    std::vector<std::uint32_t> out;
    for (const std::uint64_t id : o.maybe_one_or_more(key).value_or(std::vector<std::uint64_t>{})) {
        if (id > 0xffffffffu)
            o.reject(key, "is too large");
        out.push_back(static_cast<std::uint32_t>(id));
    }
    return out;
}

}  // namespace skald::compiler
