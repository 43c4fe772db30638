// SPDX-License-Identifier: MIT
// errno values in words.
#include "libskald/error.hpp"

#include <fmt/format.h>

#include <cstring>

namespace skald::rt {

std::string errno_text(int code) {
    const char* description = strerrordesc_np(code);
    const char* name = strerrorname_np(code);
    if (description == nullptr || name == nullptr)
        return fmt::format("error {}", code);
    return fmt::format("{} ({})", description, name);
}

Error system_error(int code, std::string_view what) {
    return Error(fmt::format("{}: {}", what, errno_text(code)), code);
}

}  // namespace skald::rt
