// SPDX-License-Identifier: MIT
// The kinds of statement, but `for` (loop.hpp) and macros (macro.hpp).
#pragma once

#include <optional>

#include "template/expressions.hpp"
#include "template/node.hpp"

namespace skald::rt::jinja {

class Data final : public Statement {
  public:
    Data(std::uint32_t line, std::string text) : Statement(line), text_(std::move(text)) {}

  protected:
    [[nodiscard]] Flow execute(Machine& machine, std::string& out) const override;

  private:
    std::string text_;
};

class Output final : public Statement {
  public:
    Output(std::uint32_t line, ExpressionPtr value) : Statement(line), value_(std::move(value)) {}

  protected:
    [[nodiscard]] Flow execute(Machine& machine, std::string& out) const override;

  private:
    ExpressionPtr value_;
};

class If final : public Statement {
  public:
    struct Branch {
        ExpressionPtr test;  // null: else
        Body body;
    };
    If(std::uint32_t line, std::vector<Branch> branches)
        : Statement(line), branches_(std::move(branches)) {}

  protected:
    [[nodiscard]] Flow execute(Machine& machine, std::string& out) const override;

  private:
    std::vector<Branch> branches_;
};

class Assign final : public Statement {
  public:
    Assign(std::uint32_t line, TargetPtr target, ExpressionPtr value)
        : Statement(line), target_(std::move(target)), value_(std::move(value)) {}

  protected:
    [[nodiscard]] Flow execute(Machine& machine, std::string& out) const override;

  private:
    TargetPtr target_;
    ExpressionPtr value_;
};

using FilterPtr = std::unique_ptr<const Filter>;

// {% set x | filter %} ... {% endset %}
class AssignBlock final : public Statement {
  public:
    AssignBlock(std::uint32_t line, TargetPtr target, FilterPtr filter, Body body)
        : Statement(line),
          target_(std::move(target)),
          filter_(std::move(filter)),
          body_(std::move(body)) {}

  protected:
    [[nodiscard]] Flow execute(Machine& machine, std::string& out) const override;

  private:
    TargetPtr target_;
    FilterPtr filter_;  // may be null
    Body body_;
};

class FilterBlock final : public Statement {
  public:
    FilterBlock(std::uint32_t line, FilterPtr filter, Body body)
        : Statement(line), filter_(std::move(filter)), body_(std::move(body)) {}

  protected:
    [[nodiscard]] Flow execute(Machine& machine, std::string& out) const override;

  private:
    FilterPtr filter_;
    Body body_;
};

// A body with variables of its own: `with`, `block`, `autoescape`, and `generation`, by which a
// template marks what the model says.
class Inner final : public Statement {
  public:
    using Variables = std::vector<std::pair<TargetPtr, ExpressionPtr>>;
    Inner(std::uint32_t line, Variables variables, Body body)
        : Statement(line), variables_(std::move(variables)), body_(std::move(body)) {}

  protected:
    [[nodiscard]] Flow execute(Machine& machine, std::string& out) const override;

  private:
    Variables variables_;
    Body body_;
};

class Jump final : public Statement {
  public:
    Jump(std::uint32_t line, Flow flow) : Statement(line), flow_(flow) {}

  protected:
    [[nodiscard]] Flow execute(Machine&, std::string&) const override { return flow_; }

  private:
    Flow flow_;
};

// ---- Targets -----------------------------------------------------------------------------------

class NameTarget final : public Target {
  public:
    explicit NameTarget(std::string name) : name_(std::move(name)) {}
    void assign(Machine& machine, const Value& value) const override { machine.set(name_, value); }

  private:
    std::string name_;
};

class TupleTarget final : public Target {
  public:
    explicit TupleTarget(std::vector<TargetPtr> targets) : targets_(std::move(targets)) {}
    void assign(Machine& machine, const Value& value) const override;

  private:
    std::vector<TargetPtr> targets_;
};

class NamespaceTarget final : public Target {
  public:
    NamespaceTarget(std::string name, std::string attribute)
        : name_(std::move(name)), attribute_(std::move(attribute)) {}
    void assign(Machine& machine, const Value& value) const override;

  private:
    std::string name_, attribute_;
};

}  // namespace skald::rt::jinja
