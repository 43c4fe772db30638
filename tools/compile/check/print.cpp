// SPDX-License-Identifier: MIT
#include "check/print.hpp"

#include <fmt/format.h>

namespace skald::compiler::checking {
namespace {

std::string line(std::string_view name, const std::string& source, const std::string& stored) {
    return fmt::format("{:<24}{:>24}{:>24}\n", name, source, stored);
}

std::string pair(const Difference& d) {
    return fmt::format("{:>10.3g}  {:>10.7f}", d.rms(), d.correlation());
}

std::string name_of_layer(std::size_t index) {
    return index == 0 ? "embedding" : fmt::format("layer {}", index - 1);
}

std::string others(const Comparison& c, std::size_t tokens) {
    return c.first_other ? fmt::format("{} of {}, token {}", c.other_best, tokens, *c.first_other)
                         : fmt::format("0 of {}", tokens);
}

Json to_json(const Difference& d) {
    return {
        {"rms_error", d.rms()}, {"largest_error", d.largest()}, {"correlation", d.correlation()}};
}

Json to_json(const Comparison& c) {
    Json j;
    j["logits"] = to_json(c.logits);
    j["nll"] = c.nll;
    j["other_best"] = c.other_best;
    j["first_other_best"] = c.first_other ? Json(*c.first_other) : Json();
    Json& layers = j["layers"] = Json::array();
    for (std::size_t l = 0; l < c.layers.size(); ++l) {
        Json layer = to_json(c.layers[l]);
        layer["name"] = name_of_layer(l);
        layers.push_back(std::move(layer));
    }
    return j;
}

}  // namespace

std::string table(const Report& r) {
    std::string s =
        line(fmt::format("on {} tokens", r.tokens), "weights of the source", "weights as stored");
    s += line("", "rms error correlation", "rms error correlation");
    for (std::size_t l = 0; l < r.source.layers.size(); ++l)
        s += line(name_of_layer(l), pair(r.source.layers[l]), pair(r.stored.layers[l]));
    s += line("logits", pair(r.source.logits), pair(r.stored.logits));
    s += line("largest error of a logit", fmt::format("{:.3g}", r.source.logits.largest()),
              fmt::format("{:.3g}", r.stored.logits.largest()));
    s += line("best token is another", others(r.source, r.tokens), others(r.stored, r.tokens));
    s += line(fmt::format("nll, program {:.4f}", r.nll), fmt::format("{:.4f}", r.source.nll),
              fmt::format("{:.4f}", r.stored.nll));
    return s;
}

Json to_json(const Report& r) {
    return {{"tokens", r.tokens},
            {"whole_text", r.whole_text},
            {"nll", r.nll},
            {"source_weights", to_json(r.source)},
            {"stored_weights", to_json(r.stored)}};
}

}  // namespace skald::compiler::checking
