// SPDX-License-Identifier: MIT
#include "template/statements.hpp"

#include "template/access.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {
namespace {

Value captured(const Body& body, Machine& machine) {
    const Machine::Inside inside(machine);
    std::string text;
    (void)run_all(body, machine, text);
    return made_text(std::move(text), machine.budget());
}

}  // namespace

Flow Statement::run(Machine& machine, std::string& out) const {
    try {
        const Budget::Level level(machine.budget());
        const Flow flow = execute(machine, out);
        machine.budget().check_output(out.size());
        return flow;
    } catch (Failure& failure) {
        if (failure.line == 0)
            failure.line = line_;
        throw;
    }
}

Flow run_all(const Body& body, Machine& machine, std::string& out) {
    for (const StatementPtr& statement : body)
        if (const Flow flow = statement->run(machine, out); flow != Flow::kOn)
            return flow;
    return Flow::kOn;
}

Flow Data::execute(Machine&, std::string& out) const {
    out += text_;
    return Flow::kOn;
}

Flow Output::execute(Machine& machine, std::string& out) const {
    out += str(value_->evaluate(machine), machine.budget());
    return Flow::kOn;
}

Flow If::execute(Machine& machine, std::string& out) const {
    for (const Branch& branch : branches_)
        if (!branch.test || truth(branch.test->evaluate(machine)))
            return run_all(branch.body, machine, out);
    return Flow::kOn;
}

Flow Assign::execute(Machine& machine, std::string&) const {
    target_->assign(machine, value_->evaluate(machine));
    return Flow::kOn;
}

Flow AssignBlock::execute(Machine& machine, std::string&) const {
    const Value text = captured(body_, machine);
    target_->assign(machine, filter_ ? filter_->apply(machine, text) : text);
    return Flow::kOn;
}

Flow FilterBlock::execute(Machine& machine, std::string& out) const {
    out += str(filter_->apply(machine, captured(body_, machine)), machine.budget());
    return Flow::kOn;
}

Flow Inner::execute(Machine& machine, std::string& out) const {
    std::vector<Value> values;
    for (const auto& variable : variables_)
        values.push_back(variable.second->evaluate(machine));
    const Machine::Inside inside(machine);
    for (std::size_t i = 0; i < values.size(); ++i)
        variables_[i].first->assign(machine, values[i]);
    return run_all(body_, machine, out);
}

void TupleTarget::assign(Machine& machine, const Value& value) const {
    Items items(value, [&] { fail("cannot unpack non-iterable {} object", type_name(value)); });
    std::vector<Value> values;
    while (auto item = items.next()) {
        machine.budget().tick();
        if (values.size() == targets_.size())
            fail("too many values to unpack (expected {})", targets_.size());
        values.push_back(*std::move(item));
    }
    if (values.size() < targets_.size())
        fail("not enough values to unpack (expected {}, got {})", targets_.size(), values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
        targets_[i]->assign(machine, values[i]);
}

void NamespaceTarget::assign(Machine& machine, const Value& value) const {
    const Value held = machine.lookup(name_);
    auto* target = dynamic_cast<Namespace*>(held.as_object());
    if (target == nullptr)
        fail("cannot assign attribute on non-namespace object");
    target->set(attribute_, value);
}

}  // namespace skald::rt::jinja
