// SPDX-License-Identifier: MIT
#include "chip/text_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <iterator>

#include "libskald/error.hpp"

namespace skald::chip {

std::string read_text(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in)
        throw rt::Error(fmt::format("{}: cannot be read", file), EIO);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (in.bad())
        throw rt::Error(fmt::format("{}: cannot be read", file), EIO);
    return text;
}

void write_text(const std::string& file, std::string_view text) {
    std::ofstream out(file, std::ios::binary);
    if (!(out << text) || !out.flush())
        throw rt::Error(fmt::format("{}: cannot be written", file), EIO);
}

}  // namespace skald::chip
