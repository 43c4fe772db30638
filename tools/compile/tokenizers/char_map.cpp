// SPDX-License-Identifier: MIT
#include "tokenizers/char_map.hpp"

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "error.hpp"
#include "tokenizer/utf8.hpp"

namespace skald::compiler {
namespace {

// Longer than any rule; a trie that goes deeper is a circle.
constexpr std::size_t kDeepest = 64;
constexpr std::size_t kMostPairs = 1u << 20;

// The trie's units: the child of unit i for byte c is unit i ^ offset(i) ^ c, if its label is c.
class Trie {
  public:
    Trie(std::vector<std::uint32_t> units, std::string_view strings, const std::string& where)
        : units_(std::move(units)), strings_(strings), where_(where) {}

    std::string pairs() {
        std::string from;
        descend(0, from);
        return std::move(pairs_);
    }

  private:
    static std::uint32_t offset(std::uint32_t unit) {
        return (unit >> 10) << ((unit & (1u << 9)) >> 6);
    }
    static bool has_leaf(std::uint32_t unit) { return (unit >> 8 & 1) != 0; }
    static std::uint32_t label(std::uint32_t unit) { return unit & ((1u << 31) | 0xFF); }

    std::uint32_t unit(std::size_t index) const {
        if (index >= units_.size())
            fail("{}: points outside of its trie", where_);
        return units_[index];
    }

    void descend(std::size_t index, std::string& from) {
        if (from.size() > kDeepest)
            fail("{}: has a rule of more than {} bytes", where_, kDeepest);
        const std::size_t base = index ^ offset(unit(index));
        if (!from.empty() && has_leaf(unit(index)))
            add(from, unit(base) & 0x7fffffffu);
        for (unsigned c = 1; c < 256; ++c) {
            const std::size_t child = base ^ c;
            if (child >= units_.size() || label(units_[child]) != c)
                continue;
            from.push_back(static_cast<char>(c));
            descend(child, from);
            from.pop_back();
        }
    }

    void add(const std::string& from, std::size_t at) {
        const std::size_t end = at < strings_.size() ? strings_.find('\0', at) : strings_.npos;
        if (end == strings_.npos)
            fail("{}: points outside of its strings", where_);
        const std::string_view to = strings_.substr(at, end - at);
        if (!rt::utf8::well_formed(from) || !rt::utf8::well_formed(to))
            fail("{}: has a rule that is not text", where_);
        if (++count_ > kMostPairs)
            fail("{}: has more than {} rules", where_, kMostPairs);
        pairs_ += from;
        pairs_ += '\0';
        pairs_ += to;
        pairs_ += '\0';
    }

    std::vector<std::uint32_t> units_;
    std::string_view strings_;
    const std::string& where_;
    std::string pairs_;
    std::size_t count_ = 0;
};

}  // namespace

std::string pairs_of_charsmap(std::span<const std::byte> charsmap, const std::string& where) {
    std::uint32_t bytes = 0;
    if (charsmap.size() < sizeof bytes)
        fail("{}: is shorter than its own length", where);
    std::memcpy(&bytes, charsmap.data(), sizeof bytes);
    charsmap = charsmap.subspan(sizeof bytes);
    if (bytes % 4 != 0 || bytes == 0 || bytes > charsmap.size())
        fail("{}: has a trie of {} bytes, {} are there", where, bytes, charsmap.size());
    std::vector<std::uint32_t> units(bytes / 4);
    std::memcpy(units.data(), charsmap.data(), bytes);
    const auto rest = charsmap.subspan(bytes);
    const std::string_view strings(reinterpret_cast<const char*>(rest.data()), rest.size());
    return Trie(std::move(units), strings, where).pairs();
}

std::string from_base64(const std::string& text, const std::string& where) {
    static constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : text) {
        if (c == '=')
            break;
        const std::size_t digit = kDigits.find(c);
        if (digit == std::string_view::npos)
            fail("{}: is not base64", where);
        bits = bits << 6 | static_cast<std::uint32_t>(digit);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out += static_cast<char>(bits >> count & 0xFF);
        }
    }
    return out;
}

}  // namespace skald::compiler
