// SPDX-License-Identifier: MIT
#include "family_fixtures.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>

#include "model/config_file.hpp"
#include "model/source.hpp"
#include "temporary_folder.hpp"

namespace skald::test {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = SKALD_SOURCE_DIR "/tests/unit/compiler/data/families";

// The configuration as a file, for as long as it is looked at.
template <typename Use>
auto with_file(const Json& config, Use use) {
    const TemporaryFolder temporary;
    std::ofstream(temporary / "config.json") << config.dump(1);
    return use(temporary / "config.json");
}

}  // namespace

std::vector<std::string> family_fixtures() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(kFolder))
        if (entry.path().extension() == ".json")
            names.push_back(entry.path().stem().string());
    std::ranges::sort(names);
    return names;
}

fs::path family_fixture(const std::string& name) {
    return kFolder / (name + ".json");
}

Json family_config(const std::string& name) {
    std::ifstream file(family_fixture(name));
    return Json::parse(file);
}

Json& language_model(Json& config) {
    return config.contains("text_config") ? config["text_config"] : config;
}

std::string test_name(const std::string& fixture) {
    std::string name = fixture;
    std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return name;
}

compiler::Model random_model(const Json& config, std::uint64_t seed) {
    return with_file(config,
                     [&](const fs::path& path) { return compiler::load_random(path, seed); });
}

MemoryCheckpoint::MemoryCheckpoint(Json json)
    : config(std::move(json)), model_(random_model(config)) {
    for (const compiler::Tensor* t : model_.random_tensors)
        tensors[t->name] = *t;
}

compiler::DecoderSpec MemoryCheckpoint::describe() const {
    return with_file(config, [&](const fs::path& path) {
        const compiler::ConfigFile file(path);
        compiler::Source::Tensors found;
        found.find = [&](const std::string& name) {
            const auto it = tensors.find(name);
            return it == tensors.end() ? nullptr : &it->second;
        };
        for (const auto& [name, tensor] : tensors)
            found.names.push_back(name);
        compiler::Source source(path.string(), file.config(), std::move(found));
        return compiler::describe(file.family(), source);
    });
}

}  // namespace skald::test
