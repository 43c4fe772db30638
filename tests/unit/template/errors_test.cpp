// SPDX-License-Identifier: MIT
// Sentences with lines, and limits.
#include <nlohmann/json.hpp>

#include "render.hpp"

namespace skald::rt {
namespace {

TEST(Template, ErrorsNameTheLine) {
    EXPECT_EQ(refusal("a\nb\n{{ x.y }}"), "line 3: 'x' is undefined");
    EXPECT_EQ(refusal("{% if n %}\n{{ raise_exception('no system role') }}{% endif %}"),
              "line 2: no system role");
    EXPECT_EQ(refusal("\n{% for x in l %}\n"),
              "line 2: the template ends, 'endfor' or 'else' is missing");
    EXPECT_EQ(refusal("\n\n{{ 'abc"), "line 3: a string has no end");
    EXPECT_EQ(refusal("{{ l.append(4) }}"),
              "line 1: access to attribute 'append' of 'list' object is unsafe");
    EXPECT_EQ(refusal("{% macro m() %}\n\n{{ 1 + 'a' }}{% endmacro %}\n{{ m() }}"),
              "line 3: unsupported operand type(s) for +: 'int' and 'str'");
}

TEST(Template, FieldsOfAFormatAreAllNumberedOrNone) {
    for (const char* source : {R"({{ "{} {1}".format(1, 2) }})", R"({{ "{:{1}}".format(1, 2) }})"})
        EXPECT_EQ(refusal(source),
                  "line 1: cannot switch from automatic field numbering to manual field "
                  "specification");
    EXPECT_EQ(refusal(R"({{ "{0} {}".format(1, 2) }})"),
              "line 1: cannot switch from manual field specification to automatic field numbering");
}

TEST(Template, IntegersAreCheckedFor64Bits) {
    EXPECT_EQ(refusal("{{ 9223372036854775807 + 1 }}"),
              "line 1: an integer becomes larger than 64 bits");
    EXPECT_EQ(refusal("{{ 10 ** 19 }}"), "line 1: an integer becomes larger than 64 bits");
    EXPECT_EQ(refusal("{{ (-9223372036854775807 - 1) // -1 }}"),
              "line 1: an integer becomes larger than 64 bits");
    EXPECT_EQ(refusal("{{ 9223372036854775808 }}"),
              "line 1: 9223372036854775808 is beyond 64 bits");
}

TEST(Template, StepsAreBounded) {
    TemplateLimits limits;
    limits.steps = 10'000;
    for (const char* source :
         {"{% for i in range(1000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}",
          "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(60) %}"
          "{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}{% endfor %}"
          "{{ ns.a == ns.b }}",
          "{{ range(5000)|unique|list|length }}"})
        EXPECT_EQ(refusal(source, limits), "line 1: the template takes more than 10000 steps");
}

TEST(Template, SizesAreBounded) {
    TemplateLimits limits;
    limits.bytes = 16 << 20;
    limits.output = 1 << 16;
    EXPECT_EQ(refusal("{{ 'a' * 9223372036854775807 }}", limits),
              "line 1: the template makes more than 16777216 bytes of values");
    for (const char* source :
         {"{% for i in range(100000) %}0123456789{% endfor %}", "{{ 'a'.center(100000) }}",
          "{% set ns = namespace(a=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}"
          "{% endfor %}{{ ns.a }}",
          "{{ ('a' * 1000).replace('a', 'b' * 1000) }}",
          "{{ range(1000)|list|tojson(indent=999) }}"})
        EXPECT_EQ(refusal(source, limits), "line 1: the text is longer than 65536 bytes");
    EXPECT_EQ(refusal("{{ '%999999999d' % 1 }}"),
              "line 1: a width or precision of a format is above 65536");
}

TEST(Template, DepthsAreBounded) {
    EXPECT_EQ(refusal("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
              "line 1: the template nests deeper than 1000 levels");
    EXPECT_EQ(refusal("{% set ns = namespace(a=1) %}{% for i in range(999) %}"
                      "{% set ns.a = [ns.a] %}{% endfor %}"),
              "line 1: values nest deeper than 200 levels");
    const auto repeated = [](std::string_view part, int times) {
        std::string text;
        for (int i = 0; i < times; ++i)
            text += part;
        return text;
    };
    for (const char* part : {"(", "[", "-", "not ", "1 + ", "x.a.", "1 if "})
        EXPECT_NE(refusal("{{ " + repeated(part, 9999) + "1 }}"), "") << part;
    EXPECT_NE(refusal(repeated("{% if n %}", 9999)), "");
    EXPECT_NE(refusal("{{ 1" + repeated("|string", 9999) + " }}"), "");
}

// Values that come to hold themselves, or chains of their own kind, end with the rendering.
TEST(Template, WhatHoldsItselfIsFreed) {
    for (const char* source : {
             "{% set ns = namespace() %}{% set ns.x = ns %}",
             "{% macro m() %}{% endmacro %}{% set ns = namespace(m=m) %}",
             "{% for i in l %}{{ loop.changed(loop) }}{% endfor %}",
             "{% set o = namespace(p=none) %}{% for i in range(30000) %}"
             "{% set o.p = namespace(p=o.p) %}{% endfor %}",
             "{% set o = namespace(m=none) %}{% for i in range(30000) %}{% set prev = o.m %}"
             "{% macro q() %}{{ prev }}{% endmacro %}{% set o.m = q %}{% endfor %}",
             "{% set o = namespace(l=none) %}{% for i in range(30000) %}{% set prev = o.l %}"
             "{% for x in [1] %}{% set o.l = loop %}{% endfor %}{% endfor %}",
         })
        EXPECT_EQ(refusal(source), "") << source;
}

TEST(Template, BytesThatAreNoTextAreReplaced) {
    EXPECT_EQ(Template("a\xff{{ 'b\xc3' }}").render({}, test_clock()), "a\uFFFDb\uFFFD");
}

}  // namespace
}  // namespace skald::rt
