// SPDX-License-Identifier: MIT
// JSON as checkpoints have it: Python's extra numbers, typed access, and the record of what was
// read.
#include "input/json.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "expect_error.hpp"

namespace skald::compiler {
namespace {

using test::expect_error;
using Names = std::vector<std::string>;

Json parse(std::string_view text) {
    return parse_json_object("c.json", std::as_bytes(std::span(text)));
}

TEST(JsonText, WordsOfPythonAreNumbers) {
    const Json j = parse(
        R"({"a": [0.0, Infinity], "NaN": NaN, "b": -Infinity, "c": "Infinity\" NaN", "d": {"e":NaN}})");
    EXPECT_EQ(j["a"][1].get<double>(), INFINITY);
    EXPECT_TRUE(std::isnan(j["NaN"].get<double>()));
    EXPECT_EQ(j["b"].get<double>(), -INFINITY);
    EXPECT_EQ(j["c"], "Infinity\" NaN");
    EXPECT_TRUE(std::isnan(j["d"]["e"].get<double>()));
}

TEST(JsonText, WordsStandOnlyWhereAValueMay) {
    for (const char* text : {R"({"a": NaN5})", R"({"a": 1NaN})", R"({"a": -NaN})",
                             R"({"a": xInfinity})", R"({"a" NaN})", R"({"a": "NaN)"})
        expect_error([&] { parse(text); }, {"c.json", "byte", "not valid JSON"});
    expect_error([&] { parse(R"({NaN: 1})"); }, {"c.json", "not valid JSON", "key"});
    expect_error([&] { parse(R"({"a": NaN, "b": ?})"); }, {"byte 17"});
    expect_error([&] { parse("NaN"); }, {"not a JSON object"});
}

TEST(JsonText, OnlyWhoAsksForAnyNumberGetsOneThatIsNotFinite) {
    const Json j = parse(R"({"limit": Infinity, "list": [1, NaN], "eps": 1e-5})");
    const JsonObject o("c.json", "", j);
    expect_error([&] { o.maybe_number("limit"); }, {"c.json: limit must be a finite number"});
    EXPECT_EQ(o.maybe_any_number("limit"), INFINITY);
    expect_error([&] { o.maybe_numbers("list"); }, {"list[1] must be a finite number"});
    EXPECT_EQ(o.number("eps"), 1e-5);
}

TEST(JsonObject, ReadsArraysOfOneType) {
    const Json j = parse(
        R"({"u":[1,2],"d":[0.5,-1],"s":["x"],"b":[true,false],"o":[{"k":3},{"k":4}],"one":7,
            "mixed":[1,"x"],"n":null})");
    const JsonObject o("c.json", "m", j);
    EXPECT_EQ(o.maybe_uints("u"), (std::vector<std::uint64_t>{1, 2}));
    EXPECT_EQ(o.maybe_numbers("d"), (std::vector<double>{0.5, -1}));
    EXPECT_EQ(o.maybe_strings("s"), Names{"x"});
    EXPECT_EQ(o.maybe_bools("b"), (std::vector<bool>{true, false}));
    EXPECT_EQ(o.objects("o").at(1).uint("k"), 4u);
    EXPECT_EQ(o.maybe_one_or_more("one"), (std::vector<std::uint64_t>{7}));
    EXPECT_EQ(o.maybe_one_or_more("u")->size(), 2u);
    EXPECT_FALSE(o.maybe_one_or_more("n") || o.maybe_uints("absent"));
    EXPECT_TRUE(o.objects("absent").empty());
    EXPECT_EQ(o.keys(), (Names{"b", "d", "mixed", "o", "one", "s", "u"}));
    expect_error([&] { o.maybe_uints("mixed"); }, {"c.json: m.mixed[1] must be a whole number"});
    expect_error([&] { o.maybe_strings("one"); }, {"m.one must be an array"});
    expect_error([&] { o.objects("u"); }, {"m.u[0] must be an object"});
    expect_error([&] { o.objects("o").at(0).string("z"); }, {"m.o[0].z is missing"});
}

TEST(JsonObject, KnowsWhatNobodyRead) {
    const Json j = parse(
        R"({"a":1,"b":2,"null":null,"rope":{"type":"x","factor":2,"deep":{"y":1}},
            "shut":{"z":1},"raw":{"q":[1]},"steps":[{"k":1,"l":2},{"k":3}],"list":[1]})");
    const JsonObject o("c.json", "", j);
    EXPECT_EQ(o.unread(), (Names{"a", "b", "list", "raw", "rope", "shut", "steps"}));
    const JsonObject copy = o;
    copy.uint("a");
    EXPECT_TRUE(o.has("b"));  // does not count
    const JsonObject rope = o.object("rope");
    rope.string("type");
    rope.maybe_object("deep");
    o.find("raw");
    for (const JsonObject& step : o.objects("steps"))
        step.uint("k");
    EXPECT_EQ(o.unread(), (Names{"b", "list", "rope.deep.y", "rope.factor", "shut", "steps[0].l"}));
    EXPECT_EQ(rope.unread(), (Names{"rope.deep.y", "rope.factor"}));
    EXPECT_EQ(*o.unread_values().front().value, 2);
    o.skip({"b", "list", "absent"});
    o.object("shut").json();
    rope.object("deep").json();
    EXPECT_EQ(o.unread(), (Names{"rope.factor", "steps[0].l"}));
    EXPECT_EQ(JsonObject("c.json", "", j).unread().size(), 7u);  // a record of its own
}

TEST(JsonObject, OpeningAnObjectDoesNotUndoThatItWasRead) {
    const Json j = parse(R"({"a":{"b":1}})");
    const JsonObject o("c.json", "", j);
    o.find("a");
    o.object("a");
    EXPECT_EQ(o.unread(), Names{});
}

}  // namespace
}  // namespace skald::compiler
