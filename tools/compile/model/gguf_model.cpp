// SPDX-License-Identifier: MIT
// Front end for GGUF files.
#include "error.hpp"
#include "input/gguf.hpp"
#include "model/family.hpp"
#include "model/model.hpp"
#include "tokenizers/gguf_tokenizer.hpp"

namespace skald::compiler {
namespace {

std::string names() {
    std::string out;
    for (const Family& f : families())
        if (f.needs.empty())
            for (const std::string_view architecture : f.architectures)
                out += (out.empty() ? "" : ", ") + std::string(architecture);
    return out;
}

// Keys below the architecture that say nothing about arithmetic, or what tensors say as well.
void skip_harmless(const Gguf& gguf, const std::string& architecture) {
    for (const char* key :
         {"vocab_size", "rope.scaling.finetuned", "rope.scaling.original_context_length",
          "rope.scaling.attn_factor", "attention.key_length", "attention.value_length",
          "feed_forward_length", "rope.dimension_count", "rope.freq_base",
          "attention.layer_norm_rms_epsilon", "attention.causal", "tensor_data_layout",
          "expert_gating_func", "expert_weights_norm", "expert_weights_scale",
          "rope.dimension_sections", "embedding_length_out"})
        gguf.skip({std::string(architecture + "." + key)});
}

}  // namespace

Model load_gguf(const std::filesystem::path& file) {
    auto gguf = std::make_shared<const Gguf>(file);
    const std::string& architecture = gguf->string("general.architecture");
    const Family* family = family_of_architecture(architecture);
    if (!family)
        fail("{}: architecture {} is not supported; {} are", gguf->file(), architecture, names());
    Model m;
    m.files = gguf;
    m.config.source = gguf->file();
    m.config.architecture = architecture;
    const std::string* name = gguf->maybe_string("general.name");
    m.config.name = name ? *name : gguf->name();
    skip_harmless(*gguf, architecture);
    Source source(*gguf, architecture);
    m.spec = rt::checked(*gguf, [&] { return describe(*family, source); });
    m.tokenizer = load_gguf_tokenizer(*gguf);
    m.config.eos_ids = m.tokenizer.eos_ids;
    if (m.tokenizer.bos_id != tokenizer::kNoToken)
        m.config.bos_id = m.tokenizer.bos_id;
    check(m.config, m.spec.vocabulary);
    return m;
}

}  // namespace skald::compiler
