// SPDX-License-Identifier: MIT
#include "backend/container_writer.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "error.hpp"

namespace skald::compiler {

namespace ct = skald::container;

struct ContainerWriter::Hash {
    crypto_hash_sha256_state state;
};

ContainerWriter::ContainerWriter(const std::filesystem::path& path, std::uint32_t sections,
                                 std::uint32_t isa_version)
    : path_(path), expected_(sections), isa_version_(isa_version), hash_(std::make_unique<Hash>()) {
    // Without a name at first, where the file system can do that: then not even a kill leaves
    // anything behind. Else under a temporary name.
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
    fd_ = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    if (fd_ < 0) {
        temporary_ = path.string() + ".XXXXXX";
        fd_ = ::mkostemp(temporary_.data(), O_CLOEXEC);
        if (fd_ < 0)
            fail("{}: cannot create: {}", path_.string(), std::strerror(errno));
        // Such files are private; the result gets the mode any other new file would have.
        const mode_t mask = ::umask(0);
        ::umask(mask);
        ::fchmod(fd_, 0666 & ~mask);
    }
    at_ = sizeof(ct::FileHeader) + sections * sizeof(ct::Section);
}

ContainerWriter::~ContainerWriter() {
    if (fd_ >= 0)
        ::close(fd_);
    if (!temporary_.empty())
        ::unlink(temporary_.c_str());
}

void ContainerWriter::failed(const char* what) const {
    fail("{}: cannot {}: {}", path_.string(), what, std::strerror(errno));
}

void ContainerWriter::put_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            failed("write");
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
}

void ContainerWriter::put(std::span<const std::byte> bytes) {
    put_at(at_, bytes);
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
    header.version = ct::kVersion;
    header.isa_version = isa_version_;
    header.file_size = at_;
    header.n_sections = expected_;
    header.header_bytes = sizeof header;
    std::memcpy(header.content_hash, content_hash_.data(), content_hash_.size());
    put_at(0, std::as_bytes(std::span(&header, 1)));
    put_at(sizeof header, table);
    give_name();
}

// No fsync: half a file cannot have the final name unless the machine itself dies, and then the
// hashes tell.
void ContainerWriter::give_name() {
    if (temporary_.empty()) {  // a name can only be given where there is none yet
        const std::string self = fmt::format("/proc/self/fd/{}", fd_);
        const std::string name = fmt::format("{}.{}", path_.string(), ::getpid());
        if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0)
            failed("finish");
        temporary_ = name;
    }
    if (::close(std::exchange(fd_, -1)) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0)
        failed("finish");
    temporary_.clear();
}

std::string ContainerWriter::content_hash() const {
    std::string hex(2 * content_hash_.size() + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), content_hash_.data(), content_hash_.size());
    hex.pop_back();
    return hex;
}

}  // namespace skald::compiler
