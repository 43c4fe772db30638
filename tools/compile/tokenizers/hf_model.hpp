// SPDX-License-Identifier: MIT
// The vocabulary of a tokenizer.json: its "model" (BPE or Unigram) and its added tokens as pieces.
#pragma once

#include <string>
#include <unordered_map>

#include "input/json.hpp"
#include "tokenizer/spec.hpp"

namespace skald::compiler {

class HfVocabulary {
  public:
    explicit HfVocabulary(rt::TokenizerSpec& spec) : spec_(spec) {}

    // All throw CompileError.
    void read_model(const JsonObject& file);
    // The pieces are already there.
    void know_pieces();
    void read_added_tokens(const JsonObject& file);
    // An entry of added_tokens, or of added_tokens_decoder of a tokenizer_config.json, which adds
    // to them and overrules them.
    void add_token(const JsonObject& token, std::string_view id_key, const Json& id);
    // A token that the configuration names as special; none of ours if there is no such text. What
    // is an added token already stays as it is, or becomes special.
    enum class Added : std::uint8_t { kStays, kBecomes };
    void add_special(const std::string& text, Added added = Added::kStays);

    // kNoToken if there is none.
    rt::TokenId find(const std::string& text) const;

  private:
    rt::TokenizerSpec::Piece& piece(const JsonObject& where, std::string_view key, const Json& id);
    rt::TokenId id_of(const JsonObject& where, std::string_view key, const std::string& text) const;
    void put(const JsonObject& where, std::string_view key, const Json& id, const std::string& text,
             float score);
    void read_bpe(const JsonObject& model);
    void read_merges(const JsonObject& model);
    void read_unigram(const JsonObject& model);

    rt::TokenizerSpec& spec_;
    bool has_bytes_ = false;  // <0x00> ... <0xFF> are bytes
    std::unordered_map<std::string, rt::TokenId> ids_;
    std::unordered_map<rt::TokenId, std::size_t> added_;  // id to place in spec_.added
};

}  // namespace skald::compiler
