// SPDX-License-Identifier: MIT
// Tags, scopes, macros, loops, white space. Expected texts are those of Python's Jinja in the
// environment of chat templates.
#include "render.hpp"

namespace skald::rt {
namespace {

TEST(Template, Statements) {
    expect_all({
        {"{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ "
         "loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem "
         "}}{{ loop.depth }};{% endfor %}",
         "10TrueFalse33211;21FalseFalse321321;32FalseTrue31011;"},
        {"{% for k, v in d.items() %}{{k}}={{v}},{% endfor %}", "b=1,a=2,C=[1, 2],"},
        {"{% for k in d %}{{k}}{% else %}none{% endfor %}{% for k in [] %}x{% else %}none{% endfor "
         "%}",
         "baCnone"},
        {"{% for i in range(10) if i is odd %}{{ i }}{{ loop.index }}{{ loop.last }}{{ loop.length "
         "}} {% endfor %}",
         "11False5 32False5 53False5 74False5 95True5 "},
        {"{% for i in range(10) %}{% if i == 3 %}{% continue %}{% endif %}{% if i == 6 %}{% break "
         "%}{% endif %}{{ i }}{% endfor %}",
         "01245"},
        {"{% for i in range(3) %}{{ loop.cycle('a','b') }}{{ loop.changed(i // 2) }}{% endfor %}",
         "aTruebFalseaTrue"},
        {"{% for x in nested recursive %}{% if x is iterable %}[{{ loop(x) }}]{{ loop.depth }}{% "
         "else %}{{ x }}{% endif %}{% endfor %}",
         "[12]1[3[45]2]1"},
        {"{% set x = 1 %}{% for i in l %}{% set x = i %}{{ x }}{% endfor %}{{ x }}", "3121"},
        {"{% set x = 1 %}{% for i in l %}{{ x }}{% set x = i %}{% endfor %}{{ x }}", "1111"},
        {"{% set ns = namespace(x=1, l=[]) %}{% for i in l %}{% set ns.x = ns.x + i %}{% set ns.l "
         "= ns.l + [i] %}{% endfor %}{{ ns.x }}{{ ns.l }}{{ ns.zz }}",
         "7[3, 1, 2]"},
        {"{% macro m(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}|{{ m(1, c=5) "
         "}}|{{ m() }}|{{ m(b=1,a=3) }}",
         "12x|125|2x|31x"},
        {"{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1,2,3,z=4) }}",
         "1(2, 3){'z': 4}"},
        {"{% macro m(a) %}<{{ caller(a) }}>{% endmacro %}{% call(x) m(5) %}x={{ x }}{% endcall %}",
         "<x=5>"},
        {"{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}hi{% endcall %}", "<hi>"},
        {"{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(5) }}",
         "54321"},
        {"{% macro f() %}{{ y }}{% endmacro %}{% set y = 3 %}{{ f() }}", "3"},
        {"{% macro f(a, b=a) %}{{ b }}{% endmacro %}{{ f(3) }}{{ f.name }}{{ f.arguments }}",
         "3f('a', 'b')"},
        {"{% set x %}a{{ n }}b{% endset %}{{ x }}|{{ x|length }}", "a7b|3"},
        {"{% set x | upper | trim %} abc {% endset %}[{{ x }}]", "[ABC]"},
        {"{% filter upper %}abc{{ s }}{% endfilter %}", "ABCHELLO, WÖRLD"},
        {"{% filter replace('a','b')|upper %}aaa{% endfilter %}", "BBB"},
        {"{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}", "12"},
        {"{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, d2) = [3, 4] %}{{ c }}{{ d2 }}", "1234"},
        {"{% if x %}a{% elif n == 7 %}b{% else %}c{% endif %}", "b"},
        {"{% if n %}{% set q = 5 %}{% endif %}{{ q }}", "5"},
        {"{% raw %}{{ x }}{% if %}{% endraw %}y", "{{ x }}{% if %}y"},
        {"  {%- raw -%}  {{ x }}  {%- endraw -%}  y", "{{ x }}y"},
        {"{# comment #}a{#- c -#}  b  {#- c #}  d", "ab  d"},
        {"{% generation %}hello{% set z = 1 %}{% endgeneration %}{{ z }}", "hello"},
        {"a\n"
         "  {% if true %}\n"
         "    b\n"
         "  {% endif %}\n"
         "c",
         "a\n"
         "    b\n"
         "c"},
        {"a\n"
         "  {%- if true -%}\n"
         "    b\n"
         "  {%- endif -%}\n"
         "c",
         "abc"},
        {"a\n"
         "  {%+ if true +%}\n"
         "    b\n"
         "  {%+ endif +%}\n"
         "c",
         "a\n"
         "  \n"
         "    b\n"
         "  \n"
         "c"},
        {"  {{ n }}  \n"
         "  {{- n -}}  \n"
         "x",
         "  77x"},
        {"  {# c #}\n"
         "x {# c #}\n"
         "  {#- c -#}\n"
         "y",
         "x y"},
        {"{% for i in l %}\n"
         "  {{ i }}\n"
         "{% endfor %}",
         "  3\n"
         "  1\n"
         "  2\n"},
        {"\n"
         "{% if true %}\n"
         "x\n"
         "{% endif %}\n",
         "\n"
         "x\n"},
        {"{% if false %}{{ l|zzz }}{% endif %}ok", "ok"},
        {"{{ d.__class__ is defined }}{{ ''.__class__ is defined }}", "FalseFalse"},
        {"{% block a %}x{{ n }}{% endblock %}{% block b %}y{% endblock b %}", "x7y"},
        {R"({{ "a" if n == 7 }}{{ ("a" if n == 8) ~ "x" }})", "ax"},
        {"{% for m in messages %}{% if m.role == 'user' %}U:{{ m.content | trim }}{% elif "
         "m['role'] == 'assistant' and m.tool_calls is defined and m.tool_calls is not none %}{% "
         "for tc in m.tool_calls %}{{ tc.function.arguments | tojson }}{% endfor %}{% endif %}{% "
         "endfor %}",
         R"(U:Hi <b> "q" 'x'{"a": 1, "b": [1.5, true, null, "é😀"]})"},
        {R"({%- set loop_messages = messages[1:] -%}{{ loop_messages|length }}{{ messages[0]['content'] + '\n' }})",
         "2Sys ä\n"},
        {R"({% set content = messages[1].content.split('</think>')[-1].lstrip('\n') %}{{ content }})",
         "Hi <b> \"q\" 'x'\n"},
        {"{% if messages[0].role == \"system\" -%}\n"
         "   {{ 'x' }}\n"
         "{%- endif %}\n"
         "tail\n",
         "xtail"},
        {R"({{ '{{' }}{{ "}}" }}{{ {'a': {'b': 1}} }})", "{{}}{'a': {'b': 1}}"},
        {"{{ {'a':{'b':1}}['a'] }}", "{'b': 1}"},
        {"{%- for i in l if i > 1 -%}{{ i }}{{ loop.nextitem }}{%- endfor -%}", "322"},
        {"{% set ns = namespace(f=true) %}{% for i in range(5) if ns.f %}{{ i }}{% if i == 2 %}{% "
         "set ns.f = false %}{% endif %}{% endfor %}",
         "012"},
        {"{% set g = l|map('string') %}{{ g|list }}{{ g|list }}", "['3', '1', '2'][]"},
        {"{% set g = l|select('odd') %}{% for x in g %}{{ x }}{% break %}{% endfor %}{{ g|list }}",
         "3[1]"},
        {"{% for i in l %}{% for j in l %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}",
         "123112321233"},
        {"{% for i in l %}{% set outer = loop %}{% for j in l %}{{ outer.index }}{% endfor %}{% "
         "endfor %}",
         "111222333"},
        {"{% autoescape true %}{{ n }}{% endautoescape %}", "7"},
        {"{% print n, s %}", "7Hello, Wörld"},
        {"{{ n -}}\n"
         "x",
         "7x"},
        {"{{- n }}\n"
         "x\n"
         "{{ n }}\n"
         "y",
         "7\n"
         "x\n"
         "7\n"
         "y"},
        {"line1{% if true %}\n"
         "line2{% endif %}\n"
         "line3",
         "line1line2line3"},
        {"{% if true -%}\n"
         "\n"
         "   a\n"
         "{% endif %}\n"
         "b",
         "a\n"
         "b"},
        {"{{ \"\\n\" }}\n"
         "{{ '\\\\n' }}",
         "\n"
         "\n"
         "\\n"},
        {"x{# multi\n"
         "line #}\n"
         "y{{ n }}",
         "xy7"},
        {"\t{% if true %}\n"
         "tab\n"
         "\t{% endif %}",
         "tab\n"},
        {"{% set x = [1,2] %}{% set y = x %}{% set x = x + [3] %}{{ x }}{{ y }}",
         "[1, 2, 3][1, 2]"},
        {"{% set d2 = dict(d, z=1) %}{{ d2 }}", "{'b': 1, 'a': 2, 'C': [1, 2], 'z': 1}"},
        {"{% macro outer() %}{% macro inner(x) %}[{{ x }}]{% endmacro %}{{ inner(1) }}{% endmacro "
         "%}{{ outer() }}",
         "[1]"},
        {"{% for i in l %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}", "312"},
        {"{% macro m(x) %}{% set x = x + 1 %}{{ x }}{% endmacro %}{{ m(1) }}{{ x }}", "2"},
        {"{% set x = m2 if m2 is defined else 'u' %}{{ x }}", "u"},
        {R"({% for c in "añb" %}{{ c }},{% endfor %})", "a,ñ,b,"},
        {"{% for a, (b, c) in [(1,(2,3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "123"},
        {"{% for x in l|sort %}{{ x }}{% endfor %}{% for x in l[:2] %}{{ x }}{% endfor %}{% for x "
         "in (1,2) %}{{ x }}{% endfor %}{% for x in 1,2 %}{{ x }}{% endfor %}",
         "123311212"},
        {"{% for u in users|selectattr('age','ge',30) %}{{ u.n }}{{ loop.last }}{% endfor %}",
         "BobFalseCarlTrue"},
        {"{% set t2 %}{% for i in l %}{{ i }}{% endfor %}{% endset %}{{ t2 }}", "312"},
        {"{% for g in users|groupby('g') %}{{ g.grouper }}:{{ g.list|length }} {% endfor %}{% for "
         "k, v in users|groupby('g', case_sensitive=true) %}{{ k }}{{ v|length }}{% endfor %}",
         "x:2 Y:1 X1Y1x1"},
        {"{% for i in range(3) -%}\n"
         "  {{ i }}\n"
         "{%- if not loop.last %}, {% endif %}\n"
         "{%- endfor %}",
         "0, 1, 2"},
        {"{%- if true %}{{- ' a ' -}}{%- endif %} b", " a  b"},
        {"{% set x = namespace %}{{ x(a=1).a }}", "1"},
        {R"({{ m.role if m is defined else "no" }})", "no"},
        {"{{ messages | map(attribute='content') | select('string') | map('trim') | join('|') }}",
         R"(Sys ä|Hi <b> "q" 'x')"},
        {R"({% set x = "a" %}{% set x = x ~ "b" %}{{ x }}{% if x == "ab" and not (n < 3 or none) %}Y{% endif %})",
         "abY"},
        {R"({{ ["a","b"]|join("', '") }})", "a', 'b"},
        {"{%- macro a(x) -%}\n"
         "  {%- if x is mapping -%}\n"
         "    { {%- for k, v in x|items -%}{{ k }}: {{ a(v) }}{% if not loop.last %}, {% endif "
         "%}{%- endfor -%} }\n"
         "  {%- elif x is iterable and x is not string -%}\n"
         "    [{% for v in x %}{{ a(v) }}{{ \", \" if not loop.last }}{% endfor %}]\n"
         "  {%- else -%}{{ x|tojson }}{%- endif -%}\n"
         "{%- endmacro -%}\n"
         "{{ a(messages) }}",
         R"([{role: "system", content: "Sys ä"}, {role: "user", content: "Hi <b> \"q\" 'x'\n"}, {role: "assistant", content: null, tool_calls: [{function: {name: "f", arguments: {a: 1, b: [1.5, true, null, "é😀"]}}}]}])"},
    });
}

}  // namespace
}  // namespace skald::rt
