// SPDX-License-Identifier: MIT
// The earliest match counts; among matches at one place the order of the list does not matter,
// since all of them end the text there.
#include "libskald/stop_strings.hpp"

#include <algorithm>
#include <utility>

namespace skald::rt {

StopStrings::StopStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {
    std::erase_if(strings_, [](const std::string& s) { return s.empty(); });
}

std::string StopStrings::push(std::string_view text) {
    if (matched_)
        return {};
    pending_ += text;
    std::size_t first = std::string::npos;
    for (const std::string& stop : strings_)
        first = std::min(first, pending_.find(stop));
    if (first != std::string::npos) {
        matched_ = true;
        pending_.resize(first);
        return std::exchange(pending_, {});
    }
    const std::size_t safe = pending_.size() - held_back();
    std::string out = pending_.substr(0, safe);
    pending_.erase(0, safe);
    return out;
}

std::size_t StopStrings::held_back() const {
    std::size_t most = 0;
    for (const std::string& stop : strings_) {
        std::size_t length = std::min(stop.size() - 1, pending_.size());
        while (length > most && !pending_.ends_with(std::string_view(stop).substr(0, length)))
            length--;
        most = std::max(most, length);
    }
    return most;
}

std::string StopStrings::finish() {
    return std::exchange(pending_, {});
}

}  // namespace skald::rt
