// SPDX-License-Identifier: MIT
// The kinds of expression.
#pragma once

#include <algorithm>

#include "template/arguments.hpp"
#include "template/node.hpp"
#include "template/operators.hpp"

namespace skald::rt::jinja {

class Constant final : public Expression {
  public:
    Constant(std::uint32_t line, Value value) : Expression(line, 1), value_(std::move(value)) {}
    [[nodiscard]] const Value& value() const { return value_; }

  protected:
    [[nodiscard]] Value compute(Machine&) const override { return value_; }

  private:
    Value value_;
};

class Name final : public Expression {
  public:
    Name(std::uint32_t line, std::string name) : Expression(line, 1), name_(std::move(name)) {}
    [[nodiscard]] const std::string& name() const { return name_; }

  protected:
    [[nodiscard]] Value compute(Machine& machine) const override { return machine.lookup(name_); }

  private:
    std::string name_;
};

class SequenceDisplay final : public Expression {
  public:
    SequenceDisplay(std::uint32_t line, SequenceKind kind, std::vector<ExpressionPtr> items)
        : Expression(line, level_over(items)), kind_(kind), items_(std::move(items)) {}

  protected:
    [[nodiscard]] Value compute(Machine& machine) const override;

  private:
    SequenceKind kind_;
    std::vector<ExpressionPtr> items_;
};

class DictDisplay final : public Expression {
  public:
    using Pairs = std::vector<std::pair<ExpressionPtr, ExpressionPtr>>;
    DictDisplay(std::uint32_t line, Pairs pairs);

  protected:
    [[nodiscard]] Value compute(Machine& machine) const override;

  private:
    Pairs pairs_;
};

class Attribute final : public Expression {
  public:
    Attribute(std::uint32_t line, ExpressionPtr object, std::string name)
        : Expression(line, level_over(object)),
          object_(std::move(object)),
          name_(std::move(name)) {}

  protected:
    [[nodiscard]] Value compute(Machine& machine) const override;

  private:
    ExpressionPtr object_;
    std::string name_;
};

class Item final : public Expression {
  public:
    Item(std::uint32_t line, ExpressionPtr object, ExpressionPtr key)
        : Expression(line, std::max(level_over(object), level_over(key))),
          object_(std::move(object)),
          key_(std::move(key)) {}

  protected:
    [[nodiscard]] Value compute(Machine& machine) const override;

  private:
    ExpressionPtr object_, key_;
};

class SliceOf final : public Expression {
  public:
    SliceOf(std::uint32_t line, ExpressionPtr object, ExpressionPtr begin, ExpressionPtr end,
            ExpressionPtr step)
        : Expression(line, std::max({level_over(object), level_over(begin), level_over(end),
                                     level_over(step)})),
          object_(std::move(object)),
          begin_(std::move(begin)),
          end_(std::move(end)),
          step_(std::move(step)) {}

  protected:
    [[nodiscard]] Value compute(Machine& machine) const override;

  private:
    ExpressionPtr object_, begin_, end_, step_;  // null where nothing is said
};

// (a, b, name=c, *more, **named)
struct ArgumentList {
    std::vector<ExpressionPtr> positional;
    std::vector<std::pair<std::string, ExpressionPtr>> named;
    ExpressionPtr more, more_named;  // may be null

    [[nodiscard]] std::uint32_t level() const;
    [[nodiscard]] Arguments evaluate(Machine& machine) const;
};

class Call final : public Expression {
  public:
    Call(std::uint32_t line, ExpressionPtr callee, ArgumentList arguments)
        : Expression(line, std::max(level_over(callee), arguments.level())),
          callee_(std::move(callee)),
          arguments_(std::move(arguments)) {}
    // With the macro of a call block beside the arguments.
    [[nodiscard]] Value call_with(Machine& machine, const Value& caller) const;

  protected:
    [[nodiscard]] Value compute(Machine& machine) const override;

  private:
    ExpressionPtr callee_;
    ArgumentList arguments_;
};

class Filter final : public Expression {
  public:
    // input: null where the body of a block is filtered.
    Filter(std::uint32_t line, ExpressionPtr input, std::string name, ArgumentList arguments)
        : Expression(line, std::max(level_over(input), arguments.level())),
          input_(std::move(input)),
          name_(std::move(name)),
          arguments_(std::move(arguments)) {}
    [[nodiscard]] Value apply(Machine& machine, const Value& body) const;

  protected:
    [[nodiscard]] Value compute(Machine& machine) const override;

  private:
    ExpressionPtr input_;
    std::string name_;
    ArgumentList arguments_;
};

class Test final : public Expression {
  public:
    Test(std::uint32_t line, ExpressionPtr input, std::string name, ArgumentList arguments)
        : Expression(line, std::max(level_over(input), arguments.level())),
          input_(std::move(input)),
          name_(std::move(name)),
          arguments_(std::move(arguments)) {}

  protected:
    [[nodiscard]] Value compute(Machine& machine) const override;

  private:
    ExpressionPtr input_;
    std::string name_;
    ArgumentList arguments_;
};

class Conditional final : public Expression {
  public:
    Conditional(std::uint32_t line, ExpressionPtr test, ExpressionPtr yes, ExpressionPtr no)
        : Expression(line, std::max({level_over(test), level_over(yes), level_over(no)})),
          test_(std::move(test)),
          yes_(std::move(yes)),
          no_(std::move(no)) {}

  protected:
    [[nodiscard]] Value compute(Machine& machine) const override;

  private:
    ExpressionPtr test_, yes_, no_;  // no_: may be null
};

class Logical final : public Expression {
  public:
    Logical(std::uint32_t line, bool is_or, ExpressionPtr left, ExpressionPtr right)
        : Expression(line, std::max(level_over(left), level_over(right))),
          is_or_(is_or),
          left_(std::move(left)),
          right_(std::move(right)) {}

  protected:
    [[nodiscard]] Value compute(Machine& machine) const override;

  private:
    bool is_or_;
    ExpressionPtr left_, right_;
};

class Unary final : public Expression {
  public:
    using Operation = Value (*)(const Value&);
    Unary(std::uint32_t line, Operation operation, ExpressionPtr operand)
        : Expression(line, level_over(operand)),
          operation_(operation),
          operand_(std::move(operand)) {}

  protected:
    [[nodiscard]] Value compute(Machine& machine) const override;

  private:
    Operation operation_;
    ExpressionPtr operand_;
};

class Binary final : public Expression {
  public:
    using Operation = Value (*)(const Value&, const Value&, Budget&);
    Binary(std::uint32_t line, Operation operation, ExpressionPtr left, ExpressionPtr right)
        : Expression(line, std::max(level_over(left), level_over(right))),
          operation_(operation),
          left_(std::move(left)),
          right_(std::move(right)) {}

  protected:
    [[nodiscard]] Value compute(Machine& machine) const override;

  private:
    Operation operation_;
    ExpressionPtr left_, right_;
};

// a ~ b ~ c
class Joined final : public Expression {
  public:
    Joined(std::uint32_t line, std::vector<ExpressionPtr> parts)
        : Expression(line, level_over(parts)), parts_(std::move(parts)) {}

  protected:
    [[nodiscard]] Value compute(Machine& machine) const override;

  private:
    std::vector<ExpressionPtr> parts_;
};

// a < b <= c in d
class Comparison final : public Expression {
  public:
    using Operation = bool (*)(const Value&, const Value&, Budget&);
    using Operands = std::vector<std::pair<Operation, ExpressionPtr>>;
    Comparison(std::uint32_t line, ExpressionPtr first, Operands operands);

  protected:
    [[nodiscard]] Value compute(Machine& machine) const override;

  private:
    ExpressionPtr first_;
    Operands operands_;
};

}  // namespace skald::rt::jinja
