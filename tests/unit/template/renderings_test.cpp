// SPDX-License-Identifier: MIT
// Templates of published models, as transformers renders them: a checkout need not have them.
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "render.hpp"
#include "template/chat_template.hpp"

namespace skald::rt {
namespace {

using Json = nlohmann::ordered_json;

std::string content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(Template, PublishedTemplatesRenderAsTheirReference) {
    const char* models = std::getenv("SKALD_TEST_MODELS");
    const std::string folder =
        std::string(models != nullptr ? models : SKALD_ROOT "/../shared/models") + "/templates/";
    const std::string references = content(folder + "renderings.json");
    if (references.empty())
        GTEST_SKIP() << "there is no " << folder
                     << "renderings.json; set SKALD_TEST_MODELS to where the models are";
    for (const Json& reference : Json::parse(references)) {
        const std::string name = reference["template"];
        SCOPED_TRACE(name + ", " + reference["case"].get<std::string>());
        const std::string source = content(folder + name + ".jinja");
        std::string text, error;
        try {
            text = render_chat(Template(source), reference["input"], test_clock());
        } catch (const TemplateError& e) {
            error = e.what();
        }
        EXPECT_EQ(error.empty(), !reference.contains("error")) << error;
        EXPECT_EQ(text, reference.value("output", ""));
    }
}

}  // namespace
}  // namespace skald::rt
