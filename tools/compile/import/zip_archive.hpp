// SPDX-License-Identifier: MIT
// A zip file whose entries are stored as they are, which is how PyTorch writes them: each is a part
// of the mapped file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "input/input_files.hpp"
#include "input/mapped_file.hpp"

namespace skald::compiler::graphs {

class ZipArchive final : public InputFiles {
  public:
    // Throws CompileError if it is no zip file, or damaged.
    explicit ZipArchive(const std::filesystem::path& path);

    const std::string& name() const { return file_.name(); }
    void check() const override { file_.check(); }
    // Null: there is none of that name. Throws CompileError if it is compressed.
    const std::span<const std::byte>* find(const std::string& entry) const;
    std::span<const std::byte> get(const std::string& entry) const;
    // The folder that all of PyTorch's entries are in, with its slash; before `suffix`.
    std::string folder_of(std::string_view suffix) const;

  private:
    MappedFile file_;
    std::map<std::string, std::span<const std::byte>, std::less<>> entries_;
};

}  // namespace skald::compiler::graphs
