// SPDX-License-Identifier: MIT
#include "check/scratch_folder.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>

#include "error.hpp"

namespace skald::compiler::checking {

ScratchFolder::ScratchFolder() {
    std::error_code bad;
    std::string name = (std::filesystem::temp_directory_path(bad) / "llm-compile-XXXXXX").string();
    if (bad || !::mkdtemp(name.data()))
        fail("cannot make a folder for temporary files: {}",
             bad ? bad.message() : std::strerror(errno));
    path_ = name;
}

ScratchFolder::~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace skald::compiler::checking
