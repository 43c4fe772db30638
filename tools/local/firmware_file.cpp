// SPDX-License-Identifier: MIT
// Where the firmware image is on this machine.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "libskald/error.hpp"
#include "local/card_link.hpp"

namespace skald::local {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "skald_fw.bin";

std::vector<std::string> places() {
    if (const char* chosen = std::getenv("SKALD_FIRMWARE"); chosen != nullptr && *chosen != '\0')
        return {chosen};
    std::vector<std::string> paths;
    std::error_code ignored;
    const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
    // build/bin/program, build/firmware/image; or a build folder of its own below build/.
    for (fs::path dir = program.parent_path(); dir.has_relative_path(); dir = dir.parent_path())
        for (const char* below : {"firmware", "build/firmware"})
            if (const fs::path path = dir / below / kName; fs::exists(path, ignored))
                paths.push_back(path);
    paths.push_back(fmt::format("/lib/firmware/skald/{}", kName));
    return paths;
}

}  // namespace

std::vector<std::byte> read_firmware(const std::string& path) {
    const auto failed = [&](int error) {
        return rt::system_error(error, fmt::format("cannot read the firmware image {}", path));
    };
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file)
        throw failed(errno);
    // A directory can be opened, and says it is as long as can be.
    std::error_code ignored;
    const fs::file_status status = fs::status(path, ignored);
    if (!fs::is_regular_file(status))
        throw failed(fs::is_directory(status) ? EISDIR : EINVAL);
    std::vector<std::byte> image(static_cast<std::size_t>(file.tellg()));
    file.seekg(0);
    if (!file.read(reinterpret_cast<char*>(image.data()),
                   static_cast<std::streamsize>(image.size())))
        throw failed(EIO);
    return image;
}

std::vector<std::byte> find_firmware() {
    const std::vector<std::string> paths = places();
    for (const std::string& path : paths)
        if (std::error_code ignored; fs::exists(path, ignored) || paths.size() == 1)
            return read_firmware(path);
    throw rt::Error(fmt::format("no firmware image found; looked for {} (make build makes it, "
                                "SKALD_FIRMWARE names another)",
                                fmt::join(paths, ", ")),
                    ENOENT);
}

}  // namespace skald::local
