// SPDX-License-Identifier: MIT
// Chat templates: a byte, so many bytes of JSON to render with, then the template. Limits are
// small, so that what they let pass is quick.
#include <nlohmann/json.hpp>

#include "support/source.hpp"
#include "support/target.hpp"
#include "template/chat_template.hpp"

namespace skald::fuzz {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kConversation =
    R"({"messages":[{"role":"user","content":"a b"},{"role":"x","content":null,"n":1.5}],"t":true})";

constexpr std::string_view kTemplates[] = {
    "{% for m in messages %}{{ m.role ~ ': ' ~ m['content']|trim }}\n{% endfor %}",
    "{%- macro f(a, b=2) -%}{{ a|tojson(indent=b) }}{%- endmacro -%}{{ f(messages) }}"
    "{% set ns = namespace(i=0) %}{% for m in messages if m.content %}{% set ns.i = ns.i + 1 %}"
    "{% if loop.last %}{% break %}{% endif %}{% else %}{{ raise_exception('none') }}{% endfor %}",
    "{% call(x) f(1) %}{{ x[::-1] }}{% endcall %}{% set q | upper %}{% raw %}{{{% endraw %}"
    "{% endset %}{% filter indent(2) %}{{ '%5.1f|%s' % (2.5, q) }}{% endfilter %}",
    "{{ messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|join(', ') }}"
    "{{ 'a,b'.split(',') if t is defined and t is not none else 1 // 2 ** -1 }}{# c -#}  "
    "{{ '{:>5}'.format(t) }}{{ messages|groupby('role') }}{{ strftime_now('%d %b') }}",
};

Bytes with_variables(std::string_view json, std::string_view source) {
    return Sink()
        .byte(static_cast<unsigned>(json.size()))
        .put(bytes_of(json))
        .put(bytes_of(source))
        .bytes();
}

}  // namespace

void run(std::span<const std::byte> input) {
    Source source(input);
    const std::string_view json = text_of(source.bytes(source.byte()));
    Json variables = Json::parse(json, nullptr, /*allow_exceptions=*/false);
    if (!variables.is_object())
        variables = Json::object();
    rt::TemplateLimits limits;
    limits.steps = 20'000;
    limits.bytes = limits.output = 1 << 20;
    try {
        const rt::Template chat(text_of(source.rest()));
        std::tm now{};
        now.tm_year = 126;
        const std::string text = rt::render_chat(chat, variables, now, limits);
        promise(text.size() <= limits.output, "a text is within the limit");
    } catch (const rt::TemplateError&) {
    }
}

std::vector<Bytes> seeds() {
    std::vector<Bytes> all;
    for (const std::string_view source : kTemplates)
        all.push_back(with_variables(kConversation, source));
    return all;
}

}  // namespace skald::fuzz
