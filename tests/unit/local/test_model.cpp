// SPDX-License-Identifier: MIT
#include "test_model.hpp"

#include <ostream>

namespace skald::test {

void PrintTo(const Case& model, std::ostream* out) {
    *out << model.model;
}

std::filesystem::path data_file(const std::string& name) {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "data" / name;
}

const std::vector<Case>& all_models() {
    static const std::vector<Case> models = {
        kDefaultModel,
        {"default-mixed.skald", "default.json"},
        {kFloats, kDefaultModel.reference},
        {"stories-hf.skald", "stories.json"},
        {"stories-f32.skald", "stories.json"},
        {"stories-q8_0.skald", "stories.json"},
    };
    return models;
}

}  // namespace skald::test
