// SPDX-License-Identifier: MIT
// `for`, and the `loop` of its body.
#pragma once

#include "template/access.hpp"
#include "template/expressions.hpp"
#include "template/node.hpp"

namespace skald::rt::jinja {

class For final : public Statement {
  public:
    struct Parts {
        TargetPtr target;
        ExpressionPtr items, condition;  // condition: may be null
        bool recursive = false;
        Body body, otherwise;
    };
    For(std::uint32_t line, Parts parts) : Statement(line), parts_(std::move(parts)) {}

    // Over other items, for `loop(...)` in a recursive loop; `around` is where the loop stands.
    [[nodiscard]] Flow run_over(Machine& machine, std::string& out, const Value& items,
                                std::int64_t depth, const std::shared_ptr<Scope>& around) const;

  protected:
    [[nodiscard]] Flow execute(Machine& machine, std::string& out) const override;

  private:
    friend class Feed;
    Parts parts_;
};

}  // namespace skald::rt::jinja
