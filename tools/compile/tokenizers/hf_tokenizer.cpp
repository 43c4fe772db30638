// SPDX-License-Identifier: MIT
#include "tokenizers/hf_tokenizer.hpp"

#include "error.hpp"
#include "input/file_bytes.hpp"
#include "input/json.hpp"
#include "tokenizer/byte_level.hpp"
#include "tokenizer/regex.hpp"
#include "tokenizer/steps.hpp"
#include "tokenizers/end_of_turn.hpp"
#include "tokenizers/hf_config.hpp"
#include "tokenizers/hf_model.hpp"
#include "tokenizers/hf_post_processor.hpp"
#include "tokenizers/hf_steps.hpp"
#include "tokenizers/runtime_check.hpp"

namespace skald::compiler {
namespace {

namespace tk = skald::tokenizer;
using Spec = rt::TokenizerSpec;

// Whether the decoder makes something else of a text.
bool is_changed(const std::string& text, const std::vector<Spec::Step>& decode) {
    for (const Spec::Step& step : decode) {
        if (step.kind == tk::StepKind::kPrepend)
            return true;
        if (step.kind == tk::StepKind::kReplaceRegex &&
            rt::Regex(step.a).replace_all(text, step.b) != text)
            return true;
        if ((step.kind == tk::StepKind::kReplace || step.kind == tk::StepKind::kMetaspace) &&
            text.find(step.a) != std::string::npos)
            return true;
        if (step.kind == tk::StepKind::kByteLevel &&
            rt::byte_level::decode(text).value_or(text) != text)
            return true;
    }
    return false;
}

// Added tokens that are text are decoded like the pieces of the vocabulary.
void mark_decoded(Spec& spec) {
    const rt::Normalizer normalizer(spec.normalize);
    for (tk::Added& added : spec.added) {
        if ((added.flags & tk::kSpecial) != 0)
            continue;
        const std::string& text = spec.pieces[added.id].text;
        const bool normalized = (added.flags & tk::kNormalized) != 0;
        if (is_changed(normalized ? normalizer.apply(text, false) : text, spec.decode))
            added.flags |= tk::kDecoded;
    }
}

}  // namespace

rt::TokenizerSpec load_hf_tokenizer(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
        fail("{}: no such file; a folder needs its tokenizer as tokenizer.json (or tekken.json)",
             path.string());
    const FileBytes file(path);
    const Json json = parse_json_object(file.name(), file.bytes());
    const JsonObject object(file.name(), "", json);
    Spec spec;
    HfVocabulary vocabulary(spec);
    vocabulary.read_model(object);
    vocabulary.read_added_tokens(object);
    read_hf_normalizer(object, spec.normalize);
    read_hf_pre_tokenizer(object, spec.pre_tokenize);
    read_hf_decoder(object, spec.decode);
    read_hf_post_processor(object, spec);
    apply_hf_config(path.parent_path(), object, vocabulary, spec);
    add_turn_ends(spec);
    mark_decoded(spec);
    refuse_what_runtime_would(spec, file.name());
    return spec;
}

}  // namespace skald::compiler
