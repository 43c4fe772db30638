// SPDX-License-Identifier: MIT
// Layout: Header, then for each section a SectionHeader and its bytes, then a SHA-256 of all
// before.
#include "card/snapshot/stream.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <bit>

namespace skald::card::snapshot {
namespace {

static_assert(std::endian::native == std::endian::little, "snapshots are little-endian");

constexpr std::array<char, 8> kMagic = {'S', 'K', 'A', 'L', 'D', 'V', 'M', '\n'};
constexpr std::uint32_t kFormat = 1;

struct Header {
    std::array<char, 8> magic;
    std::uint32_t format;
    std::uint32_t reserved;
    std::uint64_t bytes;  // of the whole stream
};
static_assert(std::has_unique_object_representations_v<Header>);

struct SectionHeader {
    std::array<char, 16> name;
    std::uint32_t version;
    std::uint32_t reserved;
    std::uint64_t bytes;
};
static_assert(std::has_unique_object_representations_v<SectionHeader>);

using Checksum = std::array<std::byte, crypto_hash_sha256_BYTES>;

Checksum checksum_of(std::span<const std::byte> bytes) {
    Checksum sum{};
    crypto_hash_sha256(reinterpret_cast<unsigned char*>(sum.data()),
                       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    return sum;
}

}  // namespace

Writer::Writer() {
    put(Header{kMagic, kFormat, 0, 0});
}

void Writer::end_section() {
    if (length_at_ != 0)
        set64(length_at_, data_.size() - length_at_ - sizeof(std::uint64_t));
}

void Writer::section(std::string_view name, std::uint32_t version) {
    end_section();
    SectionHeader header{{}, version, 0, 0};
    std::ranges::copy(name.substr(0, header.name.size() - 1), header.name.begin());
    put(header);
    length_at_ = data_.size() - sizeof(header.bytes);
}

std::vector<std::byte> Writer::finish() {
    end_section();
    set64(offsetof(Header, bytes), data_.size() + sizeof(Checksum));
    put(checksum_of(data_));
    return std::move(data_);
}

Reader::Reader(std::span<const std::byte> stream) : section_(stream), name_("header") {
    const auto header = get<Header>();
    if (header.magic != kMagic)
        throw Error("this is not a snapshot of a Skald card");
    if (header.format != kFormat)
        throw Error("the snapshot has format " + std::to_string(header.format) +
                    ", and this card reads " + std::to_string(kFormat));
    if (header.bytes != stream.size() || stream.size() < sizeof(Header) + sizeof(Checksum))
        throw Error("the snapshot says that it has " + std::to_string(header.bytes) +
                    " bytes, and has " + std::to_string(stream.size()));
    const auto sum = stream.last(sizeof(Checksum));
    const auto body = stream.first(stream.size() - sizeof(Checksum));
    if (!std::ranges::equal(checksum_of(body), sum))
        throw Error("the snapshot is damaged: its checksum is of other content");
    left_ = body.subspan(sizeof(Header));
    section_ = {};
}

std::span<const std::byte> Reader::take(std::uint64_t bytes) {
    if (bytes > section_.size())
        throw Error("the snapshot ends in the middle of its section '" + name_ + "'");
    const auto taken = section_.first(bytes);
    section_ = section_.subspan(bytes);
    return taken;
}

void Reader::end_section() {
    if (!section_.empty())
        refuse("it goes on where it should end");
}

void Reader::section(std::string_view name, std::uint32_t version) {
    end_section();
    name_ = name;
    section_ = left_.first(std::min(left_.size(), sizeof(SectionHeader)));
    const auto header = get<SectionHeader>();
    const std::string_view found(header.name.data(),
                                 strnlen(header.name.data(), header.name.size()));
    if (found != name)
        throw Error("the snapshot has a section '" + std::string(found) + "' where '" + name_ +
                    "' should be");
    if (header.version != version)
        throw Error("the snapshot's section '" + name_ + "' has version " +
                    std::to_string(header.version) + ", and this card reads " +
                    std::to_string(version));
    left_ = left_.subspan(sizeof(header));
    section_ = left_;
    section_ = take(header.bytes);
    left_ = left_.subspan(section_.size());
}

bool Reader::get_bool() {
    const auto value = get<std::uint8_t>();
    if (value > 1)
        refuse("a truth value is neither 0 nor 1");
    return value == 1;
}

void Reader::finish() {
    end_section();
    if (!left_.empty())
        throw Error("the snapshot goes on behind its last section");
}

void Reader::refuse(std::string_view why) const {
    throw Error("the snapshot's section '" + name_ + "' is of no card: " + std::string(why));
}

}  // namespace skald::card::snapshot
