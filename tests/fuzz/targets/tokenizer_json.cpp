// SPDX-License-Identifier: MIT
// tokenizer.json of a Hugging Face folder: a byte, so many bytes of text to encode, then the file.
#include "fixture.hpp"
#include "support/files.hpp"
#include "support/readers.hpp"
#include "support/source.hpp"
#include "tokenizers/hf_tokenizer.hpp"

namespace skald::fuzz {
namespace {

using test::Json;

// Characters instead of bytes, everything that a front end reads, as little of each as there can
// be.
Json characters() {
    Json j;
    j["added_tokens"] = {
        {{"id", 0}, {"content", "<s>"}, {"special", true}},
        {{"id", 9}, {"content", "<x>"}, {"special", false}, {"lstrip", true}, {"rstrip", true}}};
    j["normalizer"] = {{"type", "Sequence"},
                       {"normalizers",
                        {{{"type", "Prepend"}, {"prepend", "_"}},
                         {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "_"}},
                         {{"type", "Replace"}, {"pattern", {{"Regex", "a+"}}}, {"content", "a"}},
                         {{"type", "Lowercase"}},
                         {{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}}}}};
    j["pre_tokenizer"] = {{"type", "Sequence"},
                          {"pretokenizers",
                           {{{"type", "Split"},
                             {"pattern", {{"Regex", "\\d"}}},
                             {"behavior", "Isolated"},
                             {"invert", false}},
                            {{"type", "Digits"}, {"individual_digits", true}},
                            {{"type", "Metaspace"},
                             {"replacement", "_"},
                             {"prepend_scheme", "first"},
                             {"split", true}}}}};
    j["post_processor"] = {
        {"type", "TemplateProcessing"},
        {"single",
         {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
          {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
        {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {0}}, {"tokens", {"<s>"}}}}}}};
    j["decoder"] = {{"type", "Sequence"},
                    {"decoders",
                     {{{"type", "Replace"}, {"pattern", {{"String", "_"}}}, {"content", " "}},
                      {{"type", "ByteFallback"}},
                      {{"type", "Fuse"}},
                      {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}};
    j["model"] = {{"type", "BPE"},
                  {"unk_token", "<s>"},
                  {"byte_fallback", true},
                  {"fuse_unk", true},
                  {"vocab", {{"<s>", 0}, {"_", 1}, {"a", 2}, {"b", 3}, {"ab", 4}, {"<0x41>", 5}}},
                  {"merges", {"a b"}}};
    return j;
}

}  // namespace

void run(std::span<const std::byte> input) {
    Source source(input);
    const std::string text(text_of(source.counted()));
    const MemoryFile file(source.rest());
    may_refuse(
        [&] { use_tokenizer(rt::Tokenizer(compiler::load_hf_tokenizer(file.path())), text); });
}

std::vector<Bytes> seeds() {
    return {with_text("ab A <x> aab1", bytes_of(characters().dump())),
            with_text("the land", bytes_of(test::byte_level_tokenizer_json().dump()))};
}

}  // namespace skald::fuzz
