// SPDX-License-Identifier: MIT
// A compiled model, `.skald`, open and validated (uapi/skald/container.hpp). Everything handed out
// lives as long as the Container; sections begin at multiples of 4096 and are little-endian. Of a
// file the weights are mapped, since they are large, and everything else is read into memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "files/mapped_file.hpp"
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

    // Opens the file, or the disk (/dev/vda) whose first bytes are one, and checks it: structure,
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
    // Of a file that may fail: what is made of them counts after file()->check().
    std::span<const std::byte> weights() const { return weights_; }
    std::uint64_t weights_offset() const { return weights_offset_; }  // in the file
    // There are no weights, only addresses for them: times can be had of it, and nothing else.
    bool is_shape() const { return shape_bytes_ != 0; }
    // Of the weights, there or not.
    std::uint64_t weight_bytes() const { return is_shape() ? shape_bytes_ : weights_.size(); }
    std::span<const std::byte> tokenizer() const { return tokenizer_; }
    std::span<const container::TensorEntry> tensors() const {
        return tensors_;
    }  // empty if the section is missing
    std::string_view notes() const { return notes_; }  // likewise
    std::string_view chat() const { return chat_; }    // likewise
    std::string content_hash() const;                  // 64 hexadecimal digits
    const std::string& name() const { return name_; }
    const MappedFile* file() const { return file_.get(); }  // null: bytes in memory

    // Throws ContainerError if the weights are not those that were compiled.
    void verify_weights() const;

  private:
    struct Free {
        void operator()(std::byte* memory) const { std::free(memory); }
    };

    [[noreturn]] void reject(const std::string& what) const;
    // Bytes that stay what they are: in place, or a copy of those of the file, at a whole page.
    std::span<const std::byte> steady(std::uint64_t offset, std::uint64_t bytes);
    void read(Verify verify);
    void check_header();
    std::span<const container::Section> read_table();
    void take(const container::Section& section);
    void check_model() const;
    void check_hash(const container::Section& section, std::span<const std::byte> content) const;

    std::string name_;
    std::unique_ptr<MappedFile> file_;  // null: the bytes are the caller's
    std::span<const std::byte> bytes_;  // all; of a file they may turn into zeros
    std::vector<std::unique_ptr<std::byte, Free>> copies_;

    const container::FileHeader* header_ = nullptr;
    const container::ModelInfo* model_ = nullptr;
    const container::Section* weights_section_ = nullptr;
    std::span<const isa::MicroOp> program_;
    std::span<const std::byte> weights_, tokenizer_;
    std::uint64_t weights_offset_ = 0;
    std::uint64_t shape_bytes_ = 0;  // 0: there are weights
    std::span<const container::TensorEntry> tensors_;
    std::string_view notes_, chat_;
};

}  // namespace skald::rt
