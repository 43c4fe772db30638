// SPDX-License-Identifier: MIT
// What a model brings for conversations: chat templates and the texts of the tokens that they name.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "template/chat_template.hpp"
#include "tokenizer/spec.hpp"

namespace skald::compiler {

// Of a Hugging Face folder, the first of these that has templates: chat_template.jinja with
// additional_chat_templates/NAME.jinja, tokenizer_config.json (a text, or a list of named ones),
// chat_template.json. Of a GGUF file: tokenizer.chat_template and tokenizer.chat_template.NAME.
// Nothing for an empty path but the tokens of the vocabulary. Throws CompileError for broken files.
[[nodiscard]] rt::ChatSection read_chat(const std::filesystem::path& model,
                                        const rt::TokenizerSpec& tokenizer);

// A file with a template. Throws CompileError, with the line, for one that is none.
[[nodiscard]] std::string read_template(const std::filesystem::path& file);

// Takes out what is no template; a sentence for each.
[[nodiscard]] std::vector<std::string> drop_bad_templates(rt::ChatSection& chat);

}  // namespace skald::compiler
