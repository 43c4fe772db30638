// SPDX-License-Identifier: MIT
#include "template/macro.hpp"

#include "template/print.hpp"

namespace skald::rt::jinja {

std::optional<Value> Macro::attribute(Machine&, std::string_view name) {
    if (name == "name")
        return Value::text(signature_.name);
    if (name == "arguments") {
        std::vector<Value> names;
        for (const auto& parameter : signature_.parameters)
            names.push_back(Value::text(parameter.first));
        return Value::tuple(std::move(names));
    }
    if (name == "catch_kwargs")
        return Value(signature_.uses_kwargs);
    if (name == "catch_varargs")
        return Value(signature_.uses_varargs);
    if (name == "caller")
        return Value(signature_.uses_caller);
    return std::nullopt;
}

Value Macro::call(Machine& machine, const Arguments& arguments) {
    if (!around_)
        fail("macro '{}' is gone", signature_.name);
    const Machine::Inside inside(machine, std::make_shared<Scope>(around_));
    bind(machine, arguments);
    std::string text;
    (void)run_all(signature_.body, machine, text);
    return made_text(std::move(text), machine.budget());
}

void Macro::bind(Machine& machine, const Arguments& arguments) const {
    const auto& parameters = signature_.parameters;
    const auto& named = arguments.named;
    std::vector<bool> taken(named.size());
    const auto take_named = [&](std::string_view name, const auto& absent) -> Value {
        for (std::size_t i = 0; i < named.size(); ++i)
            if (named[i].first == name && !taken[i]) {
                taken[i] = true;
                return named[i].second;
            }
        return absent();
    };
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const auto& [name, otherwise] = parameters[i];
        const auto absent = [&] {
            return otherwise ? otherwise->evaluate(machine)
                             : Value::missing(fmt::format("parameter '{}' was not provided", name));
        };
        if (i < arguments.positional.size())
            machine.set(name, arguments.positional[i]);
        else
            machine.set(name, take_named(name, absent));
    }
    if (signature_.uses_caller)
        machine.set("caller",
                    take_named("caller", [] { return Value::missing("No caller defined"); }));
    auto others = std::make_shared<Dict>();
    for (std::size_t i = 0; i < named.size(); ++i)
        if (!taken[i])
            others->set(named[i].first, named[i].second, machine.budget());
    if (!signature_.uses_kwargs && !others->entries().empty())
        fail("macro '{}' takes no keyword argument '{}'", signature_.name,
             others->entries().front().first.bytes());
    if (signature_.uses_kwargs)
        machine.set("kwargs", Value(std::shared_ptr<const Dict>(std::move(others))));
    std::vector<Value> rest;
    for (std::size_t i = parameters.size(); i < arguments.positional.size(); ++i)
        rest.push_back(arguments.positional[i]);
    if (signature_.uses_varargs)
        machine.set("varargs", Value::tuple(std::move(rest)));
    else if (!rest.empty())
        fail("macro '{}' takes not more than {} argument(s)", signature_.name, parameters.size());
}

Value make_macro(Machine& machine, const Signature& signature) {
    machine.budget().make(sizeof(Macro));
    machine.keep(machine.scope());
    auto macro = std::make_shared<Macro>(signature, machine.scope());
    machine.keep(macro);
    return Value(std::static_pointer_cast<Object>(std::move(macro)));
}

Flow MacroDefinition::execute(Machine& machine, std::string&) const {
    machine.set(signature_.name, make_macro(machine, signature_));
    return Flow::kOn;
}

Flow CallBlock::execute(Machine& machine, std::string& out) const {
    const Value caller = make_macro(machine, caller_);
    out += str(call_->call_with(machine, caller), machine.budget());
    return Flow::kOn;
}

}  // namespace skald::rt::jinja
