// SPDX-License-Identifier: MIT
// A compiled model, `.skald`, mapped and validated (uapi/skald/container.hpp). Everything handed
// out points into the mapping and lives as long as the Container; sections begin at multiples of
// 4096 and are little-endian, read in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "skald/container.hpp"
#include "skald/isa.hpp"

namespace skald::rt {

// Says which file, what, and where in it.
class ContainerError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

class Container {
  public:
    enum class Verify : std::uint8_t {
        kQuick,    // all but the weights' hash
        kWeights,  // everything
    };

    // Maps the file, or the disk (/dev/vda) whose first bytes are one, and checks it: structure,
    // sizes, versions, hashes, and that the model's figures are possible. Throws ContainerError.
    explicit Container(const std::filesystem::path& path, Verify verify = Verify::kQuick);

    // The same for bytes that are in memory already; `bytes` must be 4096-byte aligned and outlive
    // the container.
    Container(std::string name, std::span<const std::byte> bytes, Verify verify = Verify::kQuick);

    ~Container();
    Container(Container&& other) noexcept;
    Container& operator=(Container&& other) noexcept;

    const container::FileHeader& header() const { return *header_; }
    const container::ModelInfo& model() const { return *model_; }
    std::span<const isa::MicroOp> program() const { return program_; }
    std::span<const std::byte> weights() const { return weights_; }
    std::uint64_t weights_offset() const { return weights_offset_; }  // in the file
    std::span<const std::byte> tokenizer() const { return tokenizer_; }
    std::span<const container::TensorEntry> tensors() const {
        return tensors_;
    }  // empty if the section is missing
    std::string_view notes() const { return notes_; }  // likewise
    std::string_view chat() const { return chat_; }    // likewise
    std::string content_hash() const;                  // 64 hexadecimal digits
    const std::string& name() const { return name_; }
    int file() const { return file_; }  // a descriptor of ours, for reading; -1: bytes in memory

    // Throws ContainerError if the weights are not those that were compiled.
    void verify_weights() const;

  private:
    [[noreturn]] void reject(const std::string& what) const;
    void unmap();
    void read(Verify verify);
    void check_header();
    std::span<const container::Section> read_table() const;
    void take(const container::Section& section);
    void check_model() const;
    void check_hash(const container::Section& section, const char* what) const;

    std::string name_;
    std::span<const std::byte> bytes_;
    std::span<const std::byte> mapped_;  // by us; empty: the bytes are the caller's
    int file_ = -1;                      // what is mapped

    const container::FileHeader* header_ = nullptr;
    const container::ModelInfo* model_ = nullptr;
    const container::Section* weights_section_ = nullptr;
    std::span<const isa::MicroOp> program_;
    std::span<const std::byte> weights_, tokenizer_;
    std::uint64_t weights_offset_ = 0;
    std::span<const container::TensorEntry> tensors_;
    std::string_view notes_, chat_;
};

}  // namespace skald::rt
