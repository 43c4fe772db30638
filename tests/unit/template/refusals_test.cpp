// SPDX-License-Identifier: MIT
// What Python's Jinja refuses too. Expected texts are those of Python's Jinja in the environment of
// chat templates.
#include "render.hpp"

namespace skald::rt {
namespace {

TEST(Template, Refusals) {
    expect_refusals({
        R"({{ (l|select("odd"))|length }})",
        "{{ undefined_thing|tojson }}",
        "{{ d.items()|tojson }}",
        "{{ n is == 7 }}",
        R"({{ "a\ }})",
        "{{ 1 + 2 ~ 3 }}",
        "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1,2) }}",
        "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1,q=2) }}",
        "{% macro m() %}x{% endmacro %}{% call m() %}hi{% endcall %}",
        "{% set a, b = [1] %}",
        R"({{ raise_exception("boo") }})",
        "{{ x.y }}",
        "{{ x() }}",
        "{{ x + 1 }}",
        "{{ 1 + x }}",
        R"({{ "a" + 1 }})",
        R"({{ "a" + x }})",
        R"({{ [] + "a" }})",
        "{{ {}.append(1) }}",
        "{% set _ = l.append(1) %}",
        "{{ 1 / 0 }}",
        "{{ l|zzz }}",
        "{{ l is zzz }}",
        "{% zzz %}",
        "{% if true %}",
        "{{ (1 }}",
        "{{ 'abc }}",
        "{{ }}",
        "{% for %}{% endfor %}",
        "{{ 1 2 }}",
        "{% for a in 5 %}{% endfor %}",
        "{% for a in none %}{% endfor %}",
        "{% for a, b in l %}{% endfor %}",
        "{{ {[]: 1} }}",
        "{{ 'x' < 1 }}",
        "{{ none < 1 }}",
        "{{ range(1000000) }}",
        "{{ s.__class__ }}{{ s.__class__.__mro__ }}",
        "{% set ns = namespace() %}{% set ns.a.b = 1 %}",
        "{% set d.x = 1 %}",
        "{% do l.append(1) %}",
        "{% include 'x' %}",
        "{{ loop.index }}",
    });
}

}  // namespace
}  // namespace skald::rt
