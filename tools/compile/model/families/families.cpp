// SPDX-License-Identifier: MIT
#include "model/families/families.hpp"

#include <algorithm>

#include "error.hpp"

namespace skald::compiler {
namespace {

std::vector<Family> all() {
    using namespace family;
    std::vector<Family> list{
        arcee(),          bitnet(),  cohere(),      cohere2(), deepseek(),  ernie(),     exaone4(),
        falcon(),         gemma(),   gemma2(),      gemma3(),  glm4(),      gpt2(),      gpt_neox(),
        gpt_oss(),        granite(), granite_moe(), lfm2(),    llama(),     ministral(), mistral(),
        mistral_native(), mixtral(), nemotron(),    olmo(),    olmo2(),     olmoe(),     phi(),
        phi3(),           qwen2(),   qwen2_moe(),   qwen3(),   qwen3_moe(), smollm3(),   stablelm(),
        starcoder2()};
    for (Family& f : recurrent())
        list.push_back(std::move(f));
    return list;
}

const Family* find(std::string_view name, std::vector<std::string_view> Family::* names) {
    for (const Family& f : families())
        if (std::ranges::find(f.*names, name) != (f.*names).end())
            return &f;
    return nullptr;
}

}  // namespace

std::span<const Family> families() {
    static const std::vector<Family> kFamilies = all();
    return kFamilies;
}

const Family* family_of_model_type(std::string_view model_type) {
    return find(model_type, &Family::model_types);
}

const Family& family_of_name(std::string_view name) {
    for (const Family& f : families())
        if (f.name == name)
            return f;
    fail("internal error: there is no family {}", name);
}

const Family* family_of_architecture(std::string_view architecture) {
    return find(architecture, &Family::architectures);
}

DecoderSpec describe(const Family& family, Source& source) {
    if (!family.needs.empty())
        fail("{}: {} models are not supported: the card lacks {}", source.file(), family.name,
             family.needs);
    // Random weights are those that a GGUF file of them has.
    source.use(family.names, family.aliases,
               source.is_gguf() || source.is_random() ? family.gguf_pairs : family.hf_pairs);
    DecoderSpec spec;
    family.describe(source, spec);
    check(spec, source.file());
    source.refuse_unread(static_cast<std::uint32_t>(spec.layers.size()));
    return spec;
}

}  // namespace skald::compiler
