// SPDX-License-Identifier: MIT
// Text to JSON. Python writes NaN and infinite numbers as words that are not JSON: each is replaced
// by a string of the same length, so that errors keep their place, and that string by the number
// once it has been read.
#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <utility>

#include "error.hpp"
#include "input/json.hpp"

namespace skald::compiler {
namespace {

struct Word {
    std::string_view text;
    double number;
};
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::array kWords{Word{"NaN", std::numeric_limits<double>::quiet_NaN()},
                            Word{"Infinity", kInfinity}, Word{"-Infinity", -kInfinity}};

// The number `ordinal`, counting the strings of the text in their order, stands for.
struct Stand {
    std::size_t ordinal;
    double number;
};

std::size_t end_of_string(std::string_view text, std::size_t at) {
    for (++at; at < text.size() && text[at] != '"'; ++at)
        at += text[at] == '\\' ? 1u : 0u;
    return std::min(at + 1, text.size());
}

const Word* word_at(std::string_view text, std::size_t at) {
    const auto* it = std::find_if(kWords.begin(), kWords.end(), [&](const Word& word) {
        return text.substr(at).starts_with(word.text);
    });
    return it == kWords.end() ? nullptr : it;
}

std::vector<Stand> replace_words(std::string& text) {
    std::vector<Stand> stands;
    std::size_t strings = 0;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == '"') {
            at = end_of_string(text, at);
            ++strings;
        } else if (const Word* word = word_at(text, at)) {
            const std::size_t last = at + word->text.size() - 1;
            std::fill(text.begin() + static_cast<std::ptrdiff_t>(at),
                      text.begin() + static_cast<std::ptrdiff_t>(last), 'n');
            text[at] = text[last] = '"';
            stands.push_back({strings++, word->number});
            at = last + 1;
        } else {
            ++at;
        }
    }
    return stands;
}

Json parse_with_words(const std::string& file, std::string_view original) {
    std::string text(original);
    const std::vector<Stand> stands = replace_words(text);
    std::size_t strings = 0, next = 0;
    return Json::parse(text.begin(), text.end(), [&](int, Json::parse_event_t event, Json& parsed) {
        const bool key = event == Json::parse_event_t::key;
        if (!key && (event != Json::parse_event_t::value || !parsed.is_string()))
            return true;
        if (next < stands.size() && stands[next].ordinal == strings) {
            if (key)
                fail("{}: is not valid JSON: a number cannot be a key", file);
            parsed = stands[next++].number;
        }
        ++strings;
        return true;
    });
}

Json parse_with_unique_keys(const std::string& file, std::string_view text) {
    std::set<std::string> seen;
    return Json::parse(text.begin(), text.end(),
                       [&](int depth, Json::parse_event_t event, Json& parsed) {
                           if (event == Json::parse_event_t::key && depth == 1 &&
                               !seen.insert(parsed.get<std::string>()).second)
                               fail("{}: {} appears twice", file, parsed.get<std::string>());
                           return true;
                       });
}

// Outside of strings it could be nothing else; within them it costs the slower way and no more.
bool may_have_words(std::string_view text) {
    return text.find("NaN") != text.npos || text.find("Infinity") != text.npos;
}

}  // namespace

Json parse_json_object(const std::string& file, std::span<const std::byte> bytes, JsonKeys keys) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    try {
        Json json = keys == JsonKeys::kUnique ? parse_with_unique_keys(file, text)
                    : may_have_words(text)    ? parse_with_words(file, text)
                                              : Json::parse(text.begin(), text.end());
        if (!json.is_object())
            fail("{}: is not a JSON object", file);
        return json;
    } catch (const Json::parse_error& e) {
        fail("{}: byte {}: is not valid JSON", file, e.byte);
    } catch (const Json::exception& e) {  // a number out of range
        fail("{}: is not valid JSON: {}", file, e.what());
    }
}

}  // namespace skald::compiler
