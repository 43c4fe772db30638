// SPDX-License-Identifier: MIT
// A chat template: Jinja as published models use it, rendered in a sandbox of time and size.
#pragma once

#include <ctime>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "template/budget.hpp"
#include "template/error.hpp"

namespace skald::rt {

class Template {
  public:
    // Throws TemplateError for what is no template.
    explicit Template(std::string_view source);
    ~Template();
    Template(Template&&) noexcept;
    Template& operator=(Template&&) noexcept;

    // variables: an object. now: what strftime_now() shows. Throws TemplateError where the
    // template fails, refuses its input or goes beyond a limit.
    [[nodiscard]] std::string render(const nlohmann::ordered_json& variables, const std::tm& now,
                                     const TemplateLimits& limits = {}) const;

  private:
    struct Parsed;
    std::unique_ptr<const Parsed> parsed_;
};

}  // namespace skald::rt
