// SPDX-License-Identifier: MIT
#include "template/expressions.hpp"

#include "template/access.hpp"
#include "template/filters.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {
namespace {

// Over the second of each pair, or both.
template <typename Pairs>
std::uint32_t level_over_seconds(const Pairs& pairs) {
    std::uint32_t level = 1;
    for (const auto& pair : pairs)
        level = std::max(level, level_over(pair.second));
    return level;
}

std::uint32_t level_over_pairs(const DictDisplay::Pairs& pairs) {
    std::uint32_t level = level_over_seconds(pairs);
    for (const auto& pair : pairs)
        level = std::max(level, level_over(pair.first));
    return level;
}

}  // namespace

std::uint32_t level_over(const ExpressionPtr& part) {
    const std::uint32_t level = part ? part->level() + 1 : 1;
    if (level > kMostLevels)
        fail("an expression nests deeper than {} levels", kMostLevels);
    return level;
}

std::uint32_t level_over(const std::vector<ExpressionPtr>& parts) {
    std::uint32_t level = 1;
    for (const ExpressionPtr& part : parts)
        level = std::max(level, level_over(part));
    return level;
}

std::uint32_t ArgumentList::level() const {
    return std::max({level_over(positional), level_over_seconds(named), level_over(more),
                     level_over(more_named)});
}

DictDisplay::DictDisplay(std::uint32_t line, Pairs pairs)
    : Expression(line, level_over_pairs(pairs)), pairs_(std::move(pairs)) {}

Comparison::Comparison(std::uint32_t line, ExpressionPtr first, Operands operands)
    : Expression(line, std::max(level_over(first), level_over_seconds(operands))),
      first_(std::move(first)),
      operands_(std::move(operands)) {}

Value Expression::evaluate(Machine& machine) const {
    try {
        const Budget::Level level(machine.budget());
        return compute(machine);
    } catch (Failure& failure) {
        if (failure.line == 0)
            failure.line = line_;
        throw;
    }
}

Value SequenceDisplay::compute(Machine& machine) const {
    std::vector<Value> items;
    machine.budget().make(items_.size() * sizeof(Value));
    for (const ExpressionPtr& item : items_)
        items.push_back(item->evaluate(machine));
    return Value::sequence(kind_, std::move(items));
}

Value DictDisplay::compute(Machine& machine) const {
    auto dict = std::make_shared<Dict>();
    machine.budget().make(pairs_.size() * 2 * sizeof(Value));
    for (const auto& [key, value] : pairs_) {
        const Value its_key = key->evaluate(machine);
        dict->set(its_key, value->evaluate(machine), machine.budget());
    }
    return Value(std::shared_ptr<const Dict>(std::move(dict)));
}

Value Attribute::compute(Machine& machine) const {
    return get_attribute(machine, object_->evaluate(machine), name_);
}

Value Item::compute(Machine& machine) const {
    const Value object = object_->evaluate(machine);
    return get_item(machine, object, key_->evaluate(machine));
}

Value SliceOf::compute(Machine& machine) const {
    const Value object = object_->evaluate(machine);
    const auto bound = [&](const ExpressionPtr& e) { return e ? e->evaluate(machine) : Value(); };
    const Value begin = bound(begin_), end = bound(end_), step = bound(step_);
    return get_slice(machine, object, {begin, end, step});
}

Arguments ArgumentList::evaluate(Machine& machine) const {
    Arguments arguments;
    for (const ExpressionPtr& argument : positional)
        arguments.positional.push_back(argument->evaluate(machine));
    if (more)
        for (Value& value : all_items(machine, more->evaluate(machine)))
            arguments.positional.push_back(std::move(value));
    for (const auto& [name, argument] : named)
        arguments.named.emplace_back(name, argument->evaluate(machine));
    if (more_named) {
        const Value value = more_named->evaluate(machine);
        const Dict* dict = value.as_dict();
        if (dict == nullptr)
            fail("argument after ** must be a mapping, not {}", type_name(value));
        for (const auto& [key, held] : dict->entries())
            arguments.named.emplace_back(str(key, machine.budget()), held);
    }
    return arguments;
}

Value Call::compute(Machine& machine) const {
    const Value callee = callee_->evaluate(machine);
    return call_value(machine, callee, arguments_.evaluate(machine));
}

Value Call::call_with(Machine& machine, const Value& caller) const {
    const Value callee = callee_->evaluate(machine);
    Arguments arguments = arguments_.evaluate(machine);
    arguments.named.emplace_back("caller", caller);
    return call_value(machine, callee, arguments);
}

Value Filter::compute(Machine& machine) const {
    const Value input = input_ ? input_->evaluate(machine) : Value::text("");
    return apply_filter(machine, name_, input, arguments_.evaluate(machine));
}

Value Filter::apply(Machine& machine, const Value& body) const {
    // Of `a | b`, the body goes into a.
    const Value input = input_ ? static_cast<const Filter&>(*input_).apply(machine, body) : body;
    try {
        return apply_filter(machine, name_, input, arguments_.evaluate(machine));
    } catch (Failure& failure) {
        if (failure.line == 0)
            failure.line = line();
        throw;
    }
}

Value Test::compute(Machine& machine) const {
    const Value input = input_->evaluate(machine);
    return Value(apply_test(machine, name_, input, arguments_.evaluate(machine)));
}

Value Conditional::compute(Machine& machine) const {
    if (truth(test_->evaluate(machine)))
        return yes_->evaluate(machine);
    if (no_)
        return no_->evaluate(machine);
    return Value::missing(
        fmt::format("the inline if-expression on line {} evaluated to false and no else section "
                    "was defined.",
                    line()));
}

Value Logical::compute(Machine& machine) const {
    Value left = left_->evaluate(machine);
    return truth(left) == is_or_ ? left : right_->evaluate(machine);
}

Value Unary::compute(Machine& machine) const {
    return operation_(operand_->evaluate(machine));
}

Value Binary::compute(Machine& machine) const {
    const Value left = left_->evaluate(machine);
    return operation_(left, right_->evaluate(machine), machine.budget());
}

Value Joined::compute(Machine& machine) const {
    std::string text;
    for (const ExpressionPtr& part : parts_) {
        text += str(part->evaluate(machine), machine.budget());
        machine.budget().check_output(text.size());
    }
    return made_text(std::move(text), machine.budget());
}

Value Comparison::compute(Machine& machine) const {
    Value left = first_->evaluate(machine);
    for (const auto& [operation, operand] : operands_) {
        Value right = operand->evaluate(machine);
        if (!operation(left, right, machine.budget()))
            return Value(false);
        left = std::move(right);
    }
    return Value(true);
}

}  // namespace skald::rt::jinja
