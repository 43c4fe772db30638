// SPDX-License-Identifier: MIT
// Values with behaviour: functions, macros, bound methods, `loop`, namespaces.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "template/arguments.hpp"
#include "template/value.hpp"

namespace skald::rt::jinja {

class Machine;

class Object : public std::enable_shared_from_this<Object> {
  public:
    explicit Object(std::uint32_t depth = 1) : depth_(depth) {}
    virtual ~Object() = default;
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;

    [[nodiscard]] virtual std::string type_name() const = 0;
    [[nodiscard]] virtual std::string print() const { return "<" + type_name() + ">"; }
    [[nodiscard]] virtual std::optional<Value> attribute(Machine&, std::string_view) {
        return std::nullopt;
    }
    [[nodiscard]] virtual bool callable() const { return false; }
    // Only where callable().
    virtual Value call(Machine&, const Arguments&) { return Value(); }
    // Lets go of what it may have come to hold since it was made, itself perhaps.
    virtual void clear() {}

    [[nodiscard]] std::uint32_t depth() const { return depth_; }

  private:
    std::uint32_t depth_;
};

// A function of the house.
class Function final : public Object {
  public:
    using Body = std::function<Value(Machine&, const Arguments&)>;

    Function(std::string name, Body body, std::uint32_t depth = 1)
        : Object(depth), name_(std::move(name)), body_(std::move(body)) {}
    [[nodiscard]] std::string type_name() const override { return "function"; }
    [[nodiscard]] std::string print() const override { return "<function " + name_ + ">"; }
    [[nodiscard]] bool callable() const override { return true; }
    Value call(Machine& machine, const Arguments& arguments) override {
        return body_(machine, arguments);
    }

  private:
    std::string name_;
    Body body_;
};

// The only thing whose attributes a template may set.
class Namespace final : public Object {
  public:
    [[nodiscard]] std::string type_name() const override { return "Namespace"; }
    [[nodiscard]] std::optional<Value> attribute(Machine& machine, std::string_view name) override;
    void set(std::string_view name, Value value);
    void clear() override { attributes_.clear(); }

  private:
    std::vector<std::pair<std::string, Value>> attributes_;
};

}  // namespace skald::rt::jinja
