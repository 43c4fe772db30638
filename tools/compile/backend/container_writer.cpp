// SPDX-License-Identifier: MIT
#include "backend/container_writer.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "error.hpp"

namespace skald::compiler {

namespace ct = skald::container;

struct ContainerWriter::Hash {
    crypto_hash_sha256_state state;
};

ContainerWriter::ContainerWriter(const std::filesystem::path& path, std::uint32_t sections,
                                 std::uint32_t isa_version)
    : file_(path), expected_(sections), isa_version_(isa_version), hash_(std::make_unique<Hash>()) {
    at_ = sizeof(ct::FileHeader) + sections * sizeof(ct::Section);
}

ContainerWriter::~ContainerWriter() = default;

void ContainerWriter::put(std::span<const std::byte> bytes) {
    file_.put_at(at_, bytes);
    at_ += bytes.size();
}

void ContainerWriter::pad() {
    static constexpr std::array<std::byte, ct::kSectionAlign> kZeros{};
    const std::uint64_t gap = (ct::kSectionAlign - at_ % ct::kSectionAlign) % ct::kSectionAlign;
    put(std::span(kZeros).first(gap));
}

void ContainerWriter::begin_section(ct::SectionType type) {
    pad();
    ct::Section section{};
    section.type = type;
    if (type == ct::SectionType::Chat)
        version_ = std::max(version_, ct::kVersionOfChat);
    if (type == ct::SectionType::Shape)
        version_ = ct::kVersionOfShape;
    section.offset = at_;
    table_.push_back(section);
    crypto_hash_sha256_init(&hash_->state);
}

void ContainerWriter::write(std::span<const std::byte> bytes) {
    crypto_hash_sha256_update(&hash_->state, reinterpret_cast<const unsigned char*>(bytes.data()),
                              bytes.size());
    put(bytes);
}

void ContainerWriter::end_section() {
    ct::Section& section = table_.back();
    section.bytes = at_ - section.offset;
    crypto_hash_sha256_final(&hash_->state, section.sha256);
}

void ContainerWriter::commit() {
    if (table_.size() != expected_)
        fail("internal error: {} sections were announced, {} written", expected_, table_.size());
    const auto table = std::as_bytes(std::span(table_));
    crypto_hash_sha256(content_hash_.data(), reinterpret_cast<const unsigned char*>(table.data()),
                       table.size());
    ct::FileHeader header{};
    header.magic = ct::kMagic;
    header.version = version_;
    header.isa_version = isa_version_;
    header.file_size = at_;
    header.n_sections = expected_;
    header.header_bytes = sizeof header;
    std::memcpy(header.content_hash, content_hash_.data(), content_hash_.size());
    file_.put_at(0, std::as_bytes(std::span(&header, 1)));
    file_.put_at(sizeof header, table);
    file_.commit();
}

std::string ContainerWriter::content_hash() const {
    std::string hex(2 * content_hash_.size() + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), content_hash_.data(), content_hash_.size());
    hex.pop_back();
    return hex;
}

}  // namespace skald::compiler
