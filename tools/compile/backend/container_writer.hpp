// SPDX-License-Identifier: MIT
// Writes a `.skald` file (uapi/skald/container.hpp): sections as a stream, hashed on the way;
// without its name until it is complete, so that a reader never meets half a file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/output_file.hpp"
#include "skald/container.hpp"

namespace skald::compiler {

class ContainerWriter {
  public:
    // `sections` is how many there will be, `isa_version` what the program needs.
    ContainerWriter(const std::filesystem::path& path, std::uint32_t sections,
                    std::uint32_t isa_version);
    ~ContainerWriter();  // nothing is left of the file unless commit() has run
    ContainerWriter(const ContainerWriter&) = delete;
    ContainerWriter& operator=(const ContainerWriter&) = delete;

    void begin_section(container::SectionType type);
    void write(std::span<const std::byte> bytes);
    void end_section();

    // Header and table, then the final name. All sections must have been written.
    void commit();

    std::uint64_t size() const { return at_; }
    std::string content_hash() const;  // after commit(), 64 hexadecimal digits

  private:
    struct Hash;

    void put(std::span<const std::byte> bytes);
    void pad();

    OutputFile file_;
    std::uint32_t expected_, isa_version_;
    std::uint32_t version_ = container::kVersion1_0;
    std::uint64_t at_ = 0;
    std::vector<container::Section> table_;
    std::unique_ptr<Hash> hash_;
    std::array<std::uint8_t, 32> content_hash_{};
};

}  // namespace skald::compiler
