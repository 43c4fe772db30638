// SPDX-License-Identifier: MIT
#include "model/adapter.hpp"

#include <cmath>

#include "error.hpp"
#include "input/checkpoint_folder.hpp"
#include "input/file_bytes.hpp"

namespace skald::compiler {
namespace {

constexpr std::string_view kPrefix = "base_model.model.";

Json read(const std::filesystem::path& path) {
    const FileBytes file(path);
    return parse_json_object(file.name(), file.bytes());
}

SafeTensors open(const std::filesystem::path& folder) {
    require_adapter(folder);
    return SafeTensors::open_folder(folder, "adapter_model");
}

// A module's own number, where one of the patterns is the end of its name.
std::optional<double> of_pattern(const Json& json, const char* key, std::string_view module) {
    const auto it = json.find(key);
    if (it == json.end() || !it->is_object())
        return std::nullopt;
    for (const auto& [pattern, value] : it->items())
        if (value.is_number() && module.ends_with(pattern) &&
            (module.size() == pattern.size() || module[module.size() - pattern.size() - 1] == '.'))
            return value.get<double>();
    return std::nullopt;
}

}  // namespace

Adapter::Adapter(const std::filesystem::path& folder)
    : folder_(folder.string()),
      tensors_(open(folder)),
      json_(read(folder / "adapter_config.json")) {
    const JsonObject o((folder / "adapter_config.json").string(), "", json_);
    if (const std::string type = o.maybe_string("peft_type").value_or("LORA"); type != "LORA")
        o.reject("peft_type", fmt::format("is {}, only LORA is supported", type));
    if (o.maybe_bool("use_dora").value_or(false))
        o.reject("use_dora", "is true, which is not supported");
    if (const std::string bias = o.maybe_string("bias").value_or("none"); bias != "none")
        o.reject("bias", fmt::format("is {}, only none is supported", bias));
    alpha_ = o.number("lora_alpha");
    by_root_ = o.maybe_bool("use_rslora").value_or(false);
    turned_ = o.maybe_bool("fan_in_fan_out").value_or(false);
}

const Tensor* Adapter::take(const std::string& name) {
    const Tensor* t = tensors_.find(name);
    if (t)
        used_.insert(name);
    return t;
}

double Adapter::scale_of(const std::string& module, std::uint64_t rank) const {
    const double alpha = of_pattern(json_, "alpha_pattern", module).value_or(alpha_);
    const auto r = static_cast<double>(rank);
    return alpha / (by_root_ ? std::sqrt(r) : r);
}

Expr Adapter::apply(const std::string& name, const Expr& e) {
    const std::string whole = std::string(kPrefix) + name;
    if (const Tensor* instead = take(whole)) {
        const Expr other = expr::tensor(*instead);
        if (other->rows() != e->rows() || other->columns() != e->columns())
            fail("{}: tensor {} has shape {}, the model's is {} x {}", folder_, whole,
                 to_string(instead->shape), e->rows(), e->columns());
        return other;
    }
    if (!name.ends_with(".weight"))
        return e;
    const std::string module = name.substr(0, name.size() - std::string_view(".weight").size());
    const std::string stem = std::string(kPrefix) + module;
    const Tensor* a = take(stem + ".lora_A.weight");
    const Tensor* b = take(stem + ".lora_B.weight");
    if (!a && !b)
        return e;
    if (!a || !b)
        fail("{}: of {} there is only one of lora_A and lora_B", folder_, stem);
    const std::uint64_t out = turned_ ? e->columns() : e->rows();
    const std::uint64_t in = turned_ ? e->rows() : e->columns();
    const std::uint64_t rank = a->rows();
    if (a->shape.size() != 2 || b->shape.size() != 2 || a->row_length() != in || b->rows() != out ||
        b->row_length() != rank)
        fail("{}: {} and {} do not fit the model's {} x {}", folder_, to_string(a->shape),
             to_string(b->shape), e->rows(), e->columns());
    const auto scale = static_cast<float>(scale_of(module, rank));
    const Expr delta = expr::product(expr::tensor(*b), expr::tensor(*a), scale);
    return expr::sum(e, turned_ ? expr::transpose(delta) : delta);
}

void Adapter::refuse_unused() const {
    for (const std::string& name : tensors_.names())
        if (!used_.contains(name))
            fail("{}: tensor {} belongs to no weight of the model", folder_, name);
}

}  // namespace skald::compiler
