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

Bytes with_text(std::string_view text, const Json& json) {
    return Sink()
        .byte(static_cast<unsigned>(text.size()))
        .put(bytes_of(text))
        .put(bytes_of(json.dump()))
        .bytes();
}

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
    const std::string text(text_of(source.bytes(source.byte())));
    const MemoryFile file(source.rest());
    may_refuse(
        [&] { use_tokenizer(rt::Tokenizer(compiler::load_tekken_tokenizer(file.path())), text); });
}

std::vector<Bytes> seeds() {
    return {with_text("abcab b", three_letters(false)),
            with_text("abc[x]</s>a", three_letters(true))};
}

}  // namespace skald::fuzz
