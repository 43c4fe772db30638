// SPDX-License-Identifier: MIT
// Macros, and the bodies that call blocks pass to them.
#pragma once

#include "template/expressions.hpp"
#include "template/node.hpp"

namespace skald::rt::jinja {

// What a macro takes, and what of the names that Jinja fills by itself its body uses.
struct Signature {
    std::string name;
    std::vector<std::pair<std::string, ExpressionPtr>> parameters;  // default: may be null
    bool uses_caller = false, uses_varargs = false, uses_kwargs = false;
    Body body;
};

// A Signature with the variables around it.
class Macro final : public Object {
  public:
    Macro(const Signature& signature, std::shared_ptr<Scope> around)
        : signature_(signature), around_(std::move(around)) {}
    [[nodiscard]] std::string type_name() const override { return "Macro"; }
    [[nodiscard]] std::string print() const override { return "<Macro '" + signature_.name + "'>"; }
    [[nodiscard]] bool callable() const override { return true; }
    [[nodiscard]] std::optional<Value> attribute(Machine&, std::string_view name) override;
    Value call(Machine& machine, const Arguments& arguments) override;
    void clear() override { around_.reset(); }

  private:
    void bind(Machine& machine, const Arguments& arguments) const;

    const Signature& signature_;  // of the template, which outlives the rendering
    std::shared_ptr<Scope> around_;
};

// Here and now: the scope is kept until the rendering ends.
[[nodiscard]] Value make_macro(Machine& machine, const Signature& signature);

class MacroDefinition final : public Statement {
  public:
    MacroDefinition(std::uint32_t line, Signature signature)
        : Statement(line), signature_(std::move(signature)) {}

  protected:
    [[nodiscard]] Flow execute(Machine& machine, std::string& out) const override;

  private:
    Signature signature_;
};

class CallBlock final : public Statement {
  public:
    CallBlock(std::uint32_t line, Signature caller, std::unique_ptr<const Call> call)
        : Statement(line), caller_(std::move(caller)), call_(std::move(call)) {}

  protected:
    [[nodiscard]] Flow execute(Machine& machine, std::string& out) const override;

  private:
    Signature caller_;
    std::unique_ptr<const Call> call_;
};

}  // namespace skald::rt::jinja
