// SPDX-License-Identifier: MIT
#include "render.hpp"

#include <nlohmann/json.hpp>

namespace skald::rt {
namespace {

using Json = nlohmann::ordered_json;

Json variables() {
    return Json::parse(R"json({
        "n": 7, "f": 2.5, "s": "Hello, Wörld", "t": true, "l": [3, 1, 2],
        "d": {"b": 1, "a": 2, "C": [1, 2]}, "nested": [[1, 2], [3, [4, 5]]],
        "users": [{"n": "Bob", "age": 30, "g": "x"}, {"n": "alice", "age": 25, "g": "Y"},
                  {"n": "Carl", "age": 30, "g": "X"}],
        "lines": "a\nb\n\nc\r\nd", "u": "ǅ ß İ ΣΑΣ éa",
        "messages": [
            {"role": "system", "content": "Sys ä"},
            {"role": "user", "content": "Hi <b> \"q\" 'x'\n"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"function": {"name": "f", "arguments": {"a": 1, "b": [1.5, true, null, "é😀"]}}}]}]
    })json");
}

}  // namespace

std::tm test_clock() {
    std::tm now{};
    now.tm_year = 126;
    now.tm_mday = 2;
    now.tm_hour = 3;
    now.tm_min = 4;
    now.tm_sec = 5;
    (void)::timegm(&now);
    return now;
}

std::string render(std::string_view source, const TemplateLimits& limits) {
    return Template(source).render(variables(), test_clock(), limits);
}

std::string refusal(std::string_view source, const TemplateLimits& limits) {
    try {
        (void)render(source, limits);
    } catch (const TemplateError& error) {
        return error.what();
    }
    return {};
}

void expect_all(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        SCOPED_TRACE(row.source);
        try {
            EXPECT_EQ(render(row.source), row.text);
        } catch (const TemplateError& error) {
            ADD_FAILURE() << error.what();
        }
    }
}

void expect_refusals(const std::vector<std::string_view>& sources) {
    for (const std::string_view source : sources)
        EXPECT_NE(refusal(source), "") << source;
}

}  // namespace skald::rt
