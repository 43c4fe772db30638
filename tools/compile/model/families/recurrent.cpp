// SPDX-License-Identifier: MIT
// Models whose layers carry a state from token to token: a micro-op for that (SCAN) is specified in
// uapi/doc/isa.md and not built.
#include "model/families/families.hpp"

namespace skald::compiler::family {

std::vector<Family> recurrent() {
    constexpr std::string_view kScan = "the recurrent state of its layers (a state scan, SCAN)";
    struct Known {
        std::string_view name, model_type, architecture;
    };
    constexpr Known kKnown[] = {
        {"mamba", "mamba", "mamba"},
        {"mamba2", "mamba2", "mamba2"},
        {"qwen3-next", "qwen3_next", "qwen3next"},
        {"granite-hybrid", "granitemoehybrid", "granitehybrid"},
        {"jamba", "jamba", "jamba"},
        {"falcon-h1", "falcon_h1", "falcon-h1"},
        {"falcon-mamba", "falcon_mamba", ""},
        {"bamba", "bamba", ""},
        {"nemotron-h", "nemotron_h", "nemotron_h"},
        {"recurrent-gemma", "recurrent_gemma", ""},
        {"rwkv", "rwkv", "rwkv6"},
        {"rwkv7", "rwkv7", "rwkv7"},
    };
    std::vector<Family> out;
    for (const Known& k : kKnown) {
        Family f;
        f.name = k.name;
        f.model_types = {k.model_type};
        if (!k.architecture.empty())
            f.architectures = {k.architecture};
        f.needs = kScan;
        out.push_back(std::move(f));
    }
    return out;
}

}  // namespace skald::compiler::family
