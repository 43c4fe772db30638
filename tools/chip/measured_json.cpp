// SPDX-License-Identifier: MIT
#include "chip/measured_json.hpp"

#include <vector>

#include "chip/csv.hpp"

namespace skald::chip {
namespace {

using nlohmann::json;

std::optional<double> or_none(const json& value) {
    return value.is_null() ? std::nullopt : std::optional(value.get<double>());
}

std::string cell(const json& value) {
    if (value.is_null())
        return {};
    return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

json or_null(const std::optional<double>& value) {
    return value ? json(*value) : json();
}

json to_json(const Measured& m) {
    return {{"batch", m.batch},
            {"batches", m.batches},
            {"first_token_s", m.first_s},
            {"token_s", m.token_s},
            {"stage_first_s", m.stage_first_s},
            {"stage_token_s", m.stage_token_s},
            {"static_w", m.static_w},
            {"first_token_j", or_null(m.first_j)},
            {"token_j", or_null(m.token_j)},
            {"mean_w", or_null(m.mean_w)},
            {"share", m.share},
            {"power_of", m.boundary}};
}

Measured measured_from(const json& from) {
    Measured m;
    m.batch = from.at("batch");
    m.batches = from.at("batches");
    m.first_s = from.at("first_token_s");
    m.token_s = from.at("token_s");
    m.stage_first_s = from.at("stage_first_s");
    m.stage_token_s = from.at("stage_token_s");
    m.static_w = from.at("static_w");
    m.first_j = or_none(from.at("first_token_j"));
    m.token_j = or_none(from.at("token_j"));
    m.mean_w = or_none(from.at("mean_w"));
    m.share = from.at("share");
    m.boundary = from.at("power_of");
    return m;
}

std::string measured_text(const Task& task) {
    json out;
    try {
        out["measured"] = to_json(measure(task));
    } catch (const std::exception& error) {
        out["why"] = error.what();
    }
    return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string csv_of(const json& rows) {
    std::string out;
    for (const json& row : rows) {
        std::vector<std::string> keys, cells;
        for (const auto& [key, value] : row.items()) {
            keys.push_back(key);
            cells.push_back(cell(value));
        }
        if (out.empty())
            out = csv_line(keys);
        out += csv_line(cells);
    }
    return out;
}

}  // namespace skald::chip
