// SPDX-License-Identifier: MIT
// A parsed template: expressions give values, statements write text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "template/machine.hpp"
#include "template/value.hpp"

namespace skald::rt::jinja {

class Expression {
  public:
    // level: 1 + that of the deepest part, as level_over() gives it.
    Expression(std::uint32_t line, std::uint32_t level) : line_(line), level_(level) {}
    virtual ~Expression() = default;
    Expression(const Expression&) = delete;
    Expression& operator=(const Expression&) = delete;

    // Within the budget; a failure learns the line.
    [[nodiscard]] Value evaluate(Machine& machine) const;
    [[nodiscard]] std::uint32_t line() const { return line_; }
    [[nodiscard]] std::uint32_t level() const { return level_; }

  protected:
    [[nodiscard]] virtual Value compute(Machine& machine) const = 0;

  private:
    std::uint32_t line_, level_;
};
using ExpressionPtr = std::unique_ptr<const Expression>;

// Deeper ones cannot be evaluated, nor freed without running out of stack. Throws Failure.
inline constexpr std::uint32_t kMostLevels = 500;
[[nodiscard]] std::uint32_t level_over(const ExpressionPtr& part);
[[nodiscard]] std::uint32_t level_over(const std::vector<ExpressionPtr>& parts);

enum class Flow : std::uint8_t { kOn, kBreak, kContinue };

class Statement {
  public:
    explicit Statement(std::uint32_t line) : line_(line) {}
    virtual ~Statement() = default;
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    [[nodiscard]] Flow run(Machine& machine, std::string& out) const;
    [[nodiscard]] std::uint32_t line() const { return line_; }

  protected:
    [[nodiscard]] virtual Flow execute(Machine& machine, std::string& out) const = 0;

  private:
    std::uint32_t line_;
};
using StatementPtr = std::unique_ptr<const Statement>;
using Body = std::vector<StatementPtr>;

// All of them, until one breaks off.
[[nodiscard]] Flow run_all(const Body& body, Machine& machine, std::string& out);

// What is on the left of `=`, or between `for` and `in`.
class Target {
  public:
    virtual ~Target() = default;
    virtual void assign(Machine& machine, const Value& value) const = 0;
};
using TargetPtr = std::unique_ptr<const Target>;

}  // namespace skald::rt::jinja
