// SPDX-License-Identifier: MIT
// Numbers are taken from the front of the text, one after the other.
#include "bench/ranges.hpp"

#include <fmt/format.h>

#include <charconv>

#include "bench/options.hpp"

namespace skald::bench {
namespace {

constexpr std::size_t kMost = 1000;  // numbers in a list: more is a mistake

class Reader {
  public:
    Reader(std::string_view option, std::string_view text)
        : option_(option), whole_(text), rest_(text) {}

    [[nodiscard]] bool at_end() const { return rest_.empty(); }
    bool skip(char c) {
        if (!rest_.starts_with(c))
            return false;
        rest_.remove_prefix(1);
        return true;
    }
    std::uint32_t number() {
        std::uint32_t value = 0;
        const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        if (error != std::errc())
            fail("is not a list of numbers (1,2,4 or 128-512+128 or 1-64*2)");
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return value;
    }
    [[noreturn]] void fail(const char* why) const {
        throw UsageError(fmt::format("{} '{}' {}", option_, whole_, why));
    }

  private:
    std::string_view option_, whole_, rest_;
};

void add_range(Reader& in, std::uint32_t first, std::vector<std::uint32_t>& out) {
    const std::uint64_t last = in.number();
    const bool factor = in.skip('*');
    const std::uint32_t step = factor || in.skip('+') ? in.number() : 1;
    if (last < first)
        in.fail("has a range that ends before it begins");
    if (factor ? step < 2 || first == 0 : step == 0)
        in.fail("has a range that never ends");
    for (std::uint64_t n = first; n <= last && out.size() <= kMost;
         n = factor ? n * step : n + step)
        out.push_back(static_cast<std::uint32_t>(n));
}

}  // namespace

std::vector<std::uint32_t> parse_numbers(std::string_view option, std::string_view text) {
    Reader in(option, text);
    std::vector<std::uint32_t> numbers;
    do {
        const std::uint32_t first = in.number();
        if (in.skip('-'))
            add_range(in, first, numbers);
        else
            numbers.push_back(first);
        if (numbers.size() > kMost)
            in.fail("has too many numbers");
    } while (in.skip(','));
    if (!in.at_end())
        in.fail("is not a list of numbers (1,2,4 or 128-512+128 or 1-64*2)");
    return numbers;
}

std::pair<std::uint32_t, std::uint32_t> parse_pair(std::string_view option, std::string_view text) {
    const std::vector<std::uint32_t> numbers = parse_numbers(option, text);
    if (numbers.size() != 2 || numbers[0] == 0 || numbers[1] == 0)
        throw UsageError(
            fmt::format("{} '{}' is not a prompt and an answer, such as 512,128", option, text));
    return {numbers[0], numbers[1]};
}

}  // namespace skald::bench
