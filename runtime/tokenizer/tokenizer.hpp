// SPDX-License-Identifier: MIT
// Text to token ids and back, as a compiled model's tokenizer section says. Immutable once built:
// any number of threads may use one at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/spec.hpp"

namespace skald::rt {

class Tokenizer {
  public:
    struct EncodeOptions {
        // Put the prefix (bos) and suffix ids around the text; of the latter not those that end a
        // generation: what is encoded is there to be continued, or scored.
        bool add_special = true;
        bool parse_special = true;  // "<|eot_id|>" in the text is that token, not its characters
    };

    // Throws TokenizerError if the section (or specification) is broken.
    explicit Tokenizer(std::span<const std::byte> section);
    explicit Tokenizer(const TokenizerSpec& spec);
    ~Tokenizer();
    Tokenizer(Tokenizer&&) noexcept;
    Tokenizer& operator=(Tokenizer&&) noexcept;

    // Bytes that are not UTF-8 are read as U+FFFD.
    std::vector<TokenId> encode(std::string_view text, EncodeOptions options) const;
    std::vector<TokenId> encode(std::string_view text) const {
        return encode(text, EncodeOptions());
    }

    // Where a token stands among those that give text.
    enum class Place { kFirst, kLater };

    // The bytes one token contributes, which need not be whole characters. Control tokens (bos, eos
    // ...) give none unless asked for. Throws TokenizerError for an id that is not in the
    // vocabulary.
    std::string piece_bytes(TokenId id, bool show_control = false,
                            Place place = Place::kLater) const;

    // Whether the token is a control token, which is no part of the text.
    bool is_control(TokenId id) const;

    // The id of the control token with this text, which decodes to nothing; kNoToken if there is
    // none.
    TokenId control_id(std::string_view text) const;

    // The text of all ids, as StreamDecoder gives it.
    std::string decode(std::span<const TokenId> ids) const;

    std::size_t size() const;
    std::span<const TokenId> eos_ids() const;  // any of these ends a generation
    bool is_eos(TokenId id) const;
    TokenId bos_id() const;  // tokenizer::kNoToken if there is none
    const TokenizerSpec& spec() const;

    // What is cut off the start of a text when decoding: up to `count` of `character`.
    struct LeadingStrip {
        char character = ' ';
        unsigned count = 0;
    };
    LeadingStrip leading_strip() const;

  private:
    struct Parts;
    std::unique_ptr<const Parts> parts_;
};

}  // namespace skald::rt
