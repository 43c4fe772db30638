// SPDX-License-Identifier: MIT
#include "template/template.hpp"

#include "template/characters.hpp"
#include "template/from_json.hpp"
#include "template/lexer.hpp"
#include "template/machine.hpp"
#include "template/node.hpp"
#include "template/parser.hpp"

namespace skald::rt {

struct Template::Parsed {
    jinja::Body body;
};

Template::Template(std::string_view source) {
    try {
        jinja::Parser parser(jinja::tokenize(jinja::valid_utf8(source)));
        parsed_ = std::make_unique<const Parsed>(Parsed{parser.parse()});
    } catch (const jinja::Failure& failure) {
        throw TemplateError(failure.line, failure.what);
    }
}

Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

std::string Template::render(const nlohmann::ordered_json& variables, const std::tm& now,
                             const TemplateLimits& limits) const {
    try {
        jinja::Machine machine(limits, now);
        jinja::set_variables(machine, variables);
        std::string text;
        (void)jinja::run_all(parsed_->body, machine, text);
        return text;
    } catch (const jinja::Failure& failure) {
        throw TemplateError(failure.line, failure.what);
    }
}

}  // namespace skald::rt
