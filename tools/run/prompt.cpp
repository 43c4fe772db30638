// SPDX-License-Identifier: MIT
// Reads files and pipes whole.
#include "run/prompt.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "libskald/error.hpp"

namespace skald::run {
namespace {

// Far more than any context takes; what is longer is no text but a mistake (/dev/zero).
constexpr std::size_t kMostBytes = 64u << 20;

std::string read_all(int fd, const std::string& name) {
    std::string text;
    std::array<char, 65536> part;
    for (;;) {
        const ssize_t n = ::read(fd, part.data(), part.size());
        if (n == 0)
            return text;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            throw rt::system_error(errno, fmt::format("cannot read {}", name));
        text.append(part.data(), static_cast<std::size_t>(n));
        if (text.size() > kMostBytes)
            throw rt::Error(
                fmt::format("{}: the text is longer than {} MiB", name, kMostBytes >> 20), EFBIG);
    }
}

// Lines that end in "\r\n" end in "\n", and a last one in nothing.
void drop_carriage_returns(std::string& text) {
    std::size_t kept = 0;
    for (std::size_t at = 0; at < text.size(); ++at)
        if (text[at] != '\r' || (at + 1 < text.size() && text[at + 1] != '\n'))
            text[kept++] = text[at];
    text.resize(kept);
}

}  // namespace

std::string read_text(const std::string& path) {
    std::string text;
    if (path == "-") {
        text = read_all(STDIN_FILENO, "standard input");
    } else {
        const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            throw rt::system_error(errno, fmt::format("cannot open {}", path));
        struct Closer {
            int fd;
            ~Closer() { ::close(fd); }
        } const closer{fd};
        text = read_all(fd, path);
    }
    drop_carriage_returns(text);
    if (text.ends_with('\n'))
        text.pop_back();
    return text;
}

std::vector<std::string> read_lines(const std::string& path) {
    std::vector<std::string> lines;
    const std::string text = read_text(path);
    for (std::size_t at = 0; !text.empty() && at <= text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

std::string read_prompt(const Options& options) {
    if (options.prompt)
        return *options.prompt;
    if (!options.prompt_file.empty())
        return read_text(options.prompt_file);
    if (::isatty(STDIN_FILENO) != 0)
        throw UsageError("no prompt: give one with -p or -f, or pipe it in");
    return read_text("-");
}

}  // namespace skald::run
