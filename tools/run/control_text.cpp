// SPDX-License-Identifier: MIT
#include "run/control_text.hpp"

#include <algorithm>

namespace skald::run {
namespace {

// A code point that is no character and never will be: U+10FFFE.
constexpr std::string_view kMark = "\xf4\x8f\xbf\xbe";

std::size_t first_size(std::string_view text) {
    std::size_t size = 1;
    while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80)
        ++size;
    return size;
}

}  // namespace

ControlText::ControlText(const rt::Tokenizer& tokenizer) : tokenizer_(tokenizer) {
    const rt::TokenizerSpec& spec = tokenizer.spec();
    for (const tokenizer::Added& added : spec.added) {
        const std::string& text = spec.pieces[added.id].text;
        if ((added.flags & tokenizer::kSpecial) != 0 && !text.empty())
            texts_[text.front()].push_back(text);
    }
    for (auto& [first, texts] : texts_)
        std::ranges::stable_sort(texts, std::ranges::greater(), &std::string::size);
}

std::size_t ControlText::control_at(std::string_view rest, bool with_mark) const {
    const auto found = texts_.find(rest.front());
    if (found == texts_.end())
        return 0;
    for (const std::string& text : found->second) {
        const std::size_t head = first_size(text);
        const std::size_t mark = with_mark ? kMark.size() : 0;
        if (rest.starts_with(std::string_view(text).substr(0, head)) &&
            rest.size() >= head + mark && (!with_mark || rest.substr(head).starts_with(kMark)) &&
            rest.substr(head + mark).starts_with(std::string_view(text).substr(head)))
            return text.size() + mark;
    }
    return 0;
}

std::string ControlText::unmarked(std::string_view text) {
    std::string out;
    for (;;) {
        const std::size_t at = text.find(kMark);
        out += text.substr(0, at);
        if (at == std::string_view::npos)
            return out;
        text.remove_prefix(at + kMark.size());
    }
}

std::string ControlText::marked(std::string_view text) const {
    const std::string clean = unmarked(text);
    std::string out;
    for (std::string_view rest = clean; !rest.empty();) {
        const std::size_t size = control_at(rest, false);
        const std::size_t head = first_size(rest);
        out += rest.substr(0, head);
        if (size != 0)
            out += kMark;
        out += rest.substr(head, size > head ? size - head : 0);
        rest.remove_prefix(std::max(size, head));
    }
    return out;
}

std::vector<rt::TokenId> ControlText::encode(std::string_view marked) const {
    std::vector<rt::TokenId> ids;
    const auto put = [&](std::string_view part, bool control) {
        if (part.empty())
            return;
        const auto more = tokenizer_.encode(unmarked(part), {false, control});
        ids.insert(ids.end(), more.begin(), more.end());
    };
    std::size_t done = 0;
    for (std::size_t at = marked.find(kMark); at != std::string_view::npos;
         at = marked.find(kMark, at)) {
        std::size_t begin = at - (at > done ? 1 : 0);
        while (begin > done && (static_cast<unsigned char>(marked[begin]) & 0xc0) == 0x80)
            --begin;
        const std::size_t size = at > done ? control_at(marked.substr(begin), true) : 0;
        if (size == 0) {  // a template has changed the text around it
            at += kMark.size();
            continue;
        }
        put(marked.substr(done, begin - done), true);
        put(marked.substr(begin, size), false);
        at = done = begin + size;
    }
    put(marked.substr(done), true);
    return ids;
}

}  // namespace skald::run
