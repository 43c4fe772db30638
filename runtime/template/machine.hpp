// SPDX-License-Identifier: MIT
// One rendering: its budget, its variables, its clock.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "template/budget.hpp"
#include "template/object.hpp"
#include "template/value.hpp"

namespace skald::rt::jinja {

// Variables that end together: of the template, of a macro's call, of a turn of a loop.
class Scope {
  public:
    explicit Scope(std::shared_ptr<const Scope> outer) : outer_(std::move(outer)) {}
    void set(std::string_view name, Value value);
    [[nodiscard]] const Value* find(std::string_view name) const;  // here or further out
    void clear() { variables_.clear(); }

  private:
    std::shared_ptr<const Scope> outer_;
    std::vector<std::pair<std::string, Value>> variables_;
};

class Machine {
  public:
    // outermost: what the template is given.
    Machine(const TemplateLimits& limits, const std::tm& now);
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    [[nodiscard]] Budget& budget() { return budget_; }
    [[nodiscard]] const std::tm& now() const { return now_; }

    [[nodiscard]] Value lookup(std::string_view name) const;
    void set(std::string_view name, Value value) { scope_->set(name, std::move(value)); }
    [[nodiscard]] const std::shared_ptr<Scope>& scope() const { return scope_; }
    // Is kept until the end, and let go of in order: what can come to hold itself, or a chain of
    // its own kind without end.
    void keep(std::shared_ptr<Object> object) { objects_.push_back(std::move(object)); }
    void keep(std::shared_ptr<Scope> scope) { scopes_.push_back(std::move(scope)); }

    // Variables from here on are in another scope.
    class Inside {
      public:
        Inside(Machine& machine, std::shared_ptr<Scope> scope)
            : machine_(machine), before_(std::exchange(machine.scope_, std::move(scope))) {}
        explicit Inside(Machine& machine)
            : Inside(machine, std::make_shared<Scope>(machine.scope_)) {}
        ~Inside() { machine_.scope_ = std::move(before_); }
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;

      private:
        Machine& machine_;
        std::shared_ptr<Scope> before_;
    };

  private:
    Budget budget_;
    std::tm now_;
    std::shared_ptr<Scope> scope_;
    std::vector<std::shared_ptr<Object>> objects_;
    std::vector<std::shared_ptr<Scope>> scopes_;
};

}  // namespace skald::rt::jinja
