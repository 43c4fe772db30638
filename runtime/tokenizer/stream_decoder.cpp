// SPDX-License-Identifier: MIT
#include "tokenizer/stream_decoder.hpp"

#include "tokenizer/utf8.hpp"

namespace skald::rt {

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool show_control)
    : tokenizer_(tokenizer), show_control_(show_control), strip_(tokenizer.leading_strip()) {}

std::string StreamDecoder::push(TokenId id) {
    using Place = Tokenizer::Place;
    std::string bytes =
        tokenizer_.piece_bytes(id, show_control_, begun_ ? Place::kLater : Place::kFirst);
    begun_ = begun_ || show_control_ || !tokenizer_.is_control(id);
    std::size_t drop = 0;
    while (strip_.count > 0 && drop < bytes.size() && bytes[drop] == strip_.character) {
        ++drop;
        --strip_.count;
    }
    if (drop < bytes.size())
        strip_.count = 0;  // the text has begun
    pending_.append(bytes, drop);
    return take_characters(false);
}

std::string StreamDecoder::finish() {
    strip_.count = 0;
    begun_ = true;
    return take_characters(true);
}

std::string StreamDecoder::take_characters(bool last) {
    std::string out;
    std::string_view rest = pending_;
    while (!rest.empty()) {
        const utf8::Scan s = utf8::scan(rest);
        if (s.prefix == utf8::Prefix::kIncomplete && !last)
            break;
        out += s.prefix == utf8::Prefix::kWhole ? rest.substr(0, s.length) : utf8::kReplacement;
        rest.remove_prefix(s.length);
    }
    pending_.erase(0, pending_.size() - rest.size());
    return out;
}

}  // namespace skald::rt
