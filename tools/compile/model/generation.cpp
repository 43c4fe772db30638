// SPDX-License-Identifier: MIT
#include "model/generation.hpp"

#include <cmath>

#include "error.hpp"
#include "input/file_bytes.hpp"
#include "input/json.hpp"
#include "model/config_file.hpp"

namespace skald::compiler {
namespace {

std::optional<float> real(const JsonObject& g, std::string_view key, double least, double most,
                          std::string_view range) {
    const auto value = g.maybe_number(key);
    if (!value)
        return std::nullopt;
    if (!(*value >= least && *value <= most))
        g.reject(key, fmt::format("is {}, must be {}", *value, range));
    return static_cast<float>(*value);
}

}  // namespace

void read_generation(const std::filesystem::path& folder, ModelConfig& c) {
    const std::filesystem::path path = folder / "generation_config.json";
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
        return;
    const FileBytes file(path);
    const Json json = parse_json_object(file.name(), file.bytes());
    const JsonObject g(file.name(), "", json);
    if (g.has("eos_token_id"))
        c.eos_ids = token_ids(g, "eos_token_id");
    c.temperature = real(g, "temperature", 0, 1e6, "0 or more");
    c.top_p = real(g, "top_p", 1e-6, 1, "above 0 and at most 1");
    c.repeat_penalty = real(g, "repetition_penalty", 1e-3, 1e3, "above 0");
    if (const auto k = g.maybe_uint("top_k")) {
        if (*k > 0xffffffffu)
            g.reject("top_k", "is too large");
        c.top_k = static_cast<std::uint32_t>(*k);
    }
    // Switched off, sampling is the best token whatever else stands there.
    if (const auto sample = g.maybe_bool("do_sample"); sample && !*sample)
        c.temperature = 0.0f;
}

}  // namespace skald::compiler
