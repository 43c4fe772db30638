// SPDX-License-Identifier: MIT
// The tokenizer section of a compiled model: a byte, so many bytes of text to encode, then the
// section.
#include "specs.hpp"
#include "support/readers.hpp"
#include "support/source.hpp"

namespace skald::fuzz {
void run(std::span<const std::byte> input) {
    Source source(input);
    const std::string text(text_of(source.counted()));
    // A copy of its own, so that a byte too far is seen.
    const auto rest = source.rest();
    const Bytes section(rest.begin(), rest.end());
    may_refuse([&] { use_tokenizer(rt::Tokenizer(section), text); });
}

std::vector<Bytes> seeds() {
    const auto section = [](const rt::TokenizerSpec& spec) { return rt::serialize(spec); };
    rt::TokenizerSpec every = test::byte_level(R"(\s+|\p{L}+|\p{N}{1,3})");
    using enum tokenizer::StepKind;
    every.normalize = {{kReplaceRegex, 0, "a+", "a"},
                       {kLowercase, 0, "", ""},
                       {kStripSpace, tokenizer::kStripSides, "", ""}};
    every.pre_tokenize.insert(every.pre_tokenize.begin(),
                              {kMetaspace, tokenizer::kMetaspaceFlags, test::kMark, ""});
    return {with_text("hello \xF0\x9F\x98\x80 </s>", section(test::llama2())),
            with_text("The end<|end|> 12345", section(test::byte_level(R"(\s+|\p{L}+)"))),
            with_text("  AAA bB ", section(every))};
}

}  // namespace skald::fuzz
