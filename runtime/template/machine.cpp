// SPDX-License-Identifier: MIT
#include "template/machine.hpp"

#include "template/globals.hpp"

namespace skald::rt::jinja {

void Scope::set(std::string_view name, Value value) {
    for (auto& [known, held] : variables_)
        if (known == name) {
            held = std::move(value);
            return;
        }
    variables_.emplace_back(name, std::move(value));
}

const Value* Scope::find(std::string_view name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer_.get())
        for (const auto& [known, held] : scope->variables_)
            if (known == name)
                return &held;
    return nullptr;
}

Machine::Machine(const TemplateLimits& limits, const std::tm& now)
    : budget_(limits), now_(now), scope_(std::make_shared<Scope>(nullptr)) {}

Machine::~Machine() {
    for (const auto& object : objects_)
        object->clear();
    for (const auto& scope : scopes_)
        scope->clear();
}

Value Machine::lookup(std::string_view name) const {
    if (const Value* found = scope_->find(name))
        return *found;
    return find_global(name);
}

}  // namespace skald::rt::jinja
