// SPDX-License-Identifier: MIT
// A zip file whose entries are stored as they are, which is how PyTorch writes them: each is a part
// of the mapped file, and may be a zip file again.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "input/input_files.hpp"
#include "input/mapped_file.hpp"

namespace skald::compiler::graphs {

class ZipEntries {
  public:
    // `name` is what messages call it. Throws CompileError if it is no zip file, or damaged.
    ZipEntries(std::string name, std::span<const std::byte> bytes);

    const std::string& name() const { return name_; }
    // Null: there is none of that name. Throws CompileError if it is compressed.
    const std::span<const std::byte>* find(const std::string& entry) const;
    std::span<const std::byte> get(const std::string& entry) const;
    // The folder that all of PyTorch's entries are in, with its slash; before `suffix`.
    std::string folder_of(std::string_view suffix) const;

  private:
    std::string name_;
    std::map<std::string, std::span<const std::byte>, std::less<>> entries_;
};

class ZipArchive final : public InputFiles {
  public:
    explicit ZipArchive(const std::filesystem::path& path)
        : file_(path), entries_(file_.name(), file_.bytes()) {}

    void check() const override { file_.check(); }
    void forget() const override { file_.forget(); }
    const ZipEntries& entries() const { return entries_; }

  private:
    MappedFile file_;
    ZipEntries entries_;
};

}  // namespace skald::compiler::graphs
