// SPDX-License-Identifier: MIT
#include "judge.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "fixture.hpp"
#include "import/import.hpp"
#include "temporary_folder.hpp"

namespace skald::test {
namespace {

namespace fs = std::filesystem;
namespace graphs = compiler::graphs;

std::string text_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream all;
    all << file.rdbuf();
    return all.str();
}

// As judge.cjs reads it.
std::string bound(const graphs::TensorGraph& g, const graphs::Input& input,
                  std::span<const std::uint32_t> ids) {
    const std::string& name = g.names[input.value];
    const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
    const std::size_t n = ids.size();
    if (has("past")) {
        std::vector<std::int64_t> shape;
        for (const graphs::Dimension& d : input.shape)
            shape.push_back(d.size < 0 ? 1 : d.size);
        shape[shape.size() - 2] = 0;
        return fmt::format("{},float32,{},=0", name, fmt::join(shape, "x"));
    }
    if (has("mask"))
        return fmt::format("{},int64,1x{},=1", name, n);
    std::vector<std::uint32_t> positions;
    for (std::uint32_t i = 0; i < n; ++i)
        positions.push_back(i);
    return fmt::format("{},int64,{}{},{}", name, input.shape.size() == 1 ? "" : "1x", n,
                       has("position") ? fmt::format("{}", fmt::join(positions, ":"))
                                       : fmt::format("{}", fmt::join(ids, ":")));
}

}  // namespace

std::optional<fs::path> onnx_runtime() {
    const char* given = std::getenv("SKALD_ONNXRUNTIME");
    fs::path folder = given != nullptr
                          ? fs::path(given)
                          : fs::path(SKALD_SOURCE_DIR "/build/onnxruntime/node_modules");
    if (!fs::exists(folder / "onnxruntime-node") ||
        std::system("node --version >/dev/null 2>&1") != 0)
        return {};
    return folder;
}

bool onnx_runtime_is_at_least(int major, int minor) {
    const auto folder = onnx_runtime();
    if (!folder)
        return false;
    const std::string text = text_of(*folder / "onnxruntime-node" / "package.json");
    const std::string version = Json::parse(text).at("version").get<std::string>();
    int own_major = 0, own_minor = 0;
    if (std::sscanf(version.c_str(), "%d.%d", &own_major, &own_minor) != 2)
        return false;
    return own_major > major || (own_major == major && own_minor >= minor);
}

std::vector<float> judged(const fs::path& model, std::span<const std::uint32_t> ids) {
    const TemporaryFolder temporary;
    const fs::path out = temporary / "logits", said = temporary / "said";
    std::string command = fmt::format("node '{}' '{}' '{}' '{}'",
                                      SKALD_SOURCE_DIR "/tests/unit/compiler/graphs/judge.cjs",
                                      onnx_runtime()->string(), model.string(), out.string());
    const graphs::TensorGraph g = graphs::import_graph(model);
    for (const graphs::Input& input : g.inputs)
        command += fmt::format(" '{}'", bound(g, input, ids));
    if (std::system(fmt::format("{} 2>'{}'", command, said.string()).c_str()) != 0)
        throw std::runtime_error(text_of(said));
    const std::string bytes = text_of(out);
    std::vector<float> logits(bytes.size() / sizeof(float));
    std::memcpy(logits.data(), bytes.data(), logits.size() * sizeof(float));
    return logits;
}

}  // namespace skald::test
