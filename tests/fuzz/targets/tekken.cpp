// SPDX-License-Identifier: MIT
// tekken.json of a folder of Mistral's: a byte, so many bytes of text to encode, then the file.
#include "fixture.hpp"
#include "support/files.hpp"
#include "support/readers.hpp"
#include "support/source.hpp"
#include "tokenizers/tekken_tokenizer.hpp"

namespace skald::fuzz {
namespace {

using test::Json;

Json three_letters(bool names_special_tokens) {
    Json j;
    j["config"] = {{"pattern", "[a-c]+|\\s"},
                   {"default_vocab_size", names_special_tokens ? 8 : 25},
                   {"default_num_special_tokens", names_special_tokens ? 3 : 20},
                   {"version", names_special_tokens ? "v11" : "v3"}};
    for (const char* bytes : {"YQ==", "Yg==", "Yw==", "YWI=", "YWJj"})  // a b c ab abc
        j["vocab"].push_back({{"rank", j["vocab"].size()}, {"token_bytes", bytes}});
    if (names_special_tokens)
        for (const char* text : {"<s>", "</s>", "[x]"})
            j["special_tokens"].push_back(
                {{"rank", j["special_tokens"].size()}, {"token_str", text}, {"is_control", true}});
    return j;
}

}  // namespace

void run(std::span<const std::byte> input) {
    Source source(input);
    const std::string text(text_of(source.counted()));
    const MemoryFile file(source.rest());
    may_refuse(
        [&] { use_tokenizer(rt::Tokenizer(compiler::load_tekken_tokenizer(file.path())), text); });
}

std::vector<Bytes> seeds() {
    return {with_text("abcab b", bytes_of(three_letters(false).dump())),
            with_text("abc[x]</s>a", bytes_of(three_letters(true).dump()))};
}

}  // namespace skald::fuzz
