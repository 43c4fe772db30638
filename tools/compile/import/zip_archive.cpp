// SPDX-License-Identifier: MIT
#include "import/zip_archive.hpp"

#include <algorithm>
#include <optional>

#include "error.hpp"
#include "input/byte_reader.hpp"

namespace skald::compiler::graphs {
namespace {

constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr std::uint32_t kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr std::size_t kEndBytes = 22, kLocatorBytes = 20, kLongestComment = 65535;
constexpr std::uint32_t kIn64 = 0xffffffff;  // stands in an extra field, in 64 bits

struct Directory {
    std::uint64_t entries = 0, offset = 0;
};

class Parser {
  public:
    Parser(const std::string& name, std::span<const std::byte> bytes)
        : name_(name), bytes_(bytes) {}

    template <typename F>
    void each(const F& f) const {
        const Directory d = directory();
        ByteReader r = from(d.offset);
        for (std::uint64_t i = 0; i < d.entries; ++i)
            f(entry(r));
    }

    struct Entry {
        std::string name;
        std::span<const std::byte> data;
    };

  private:
    ByteReader from(std::uint64_t offset) const {
        ByteReader r(name_, bytes_);
        r.take(offset, "what the zip's directory points to");
        return r;
    }

    Directory directory() const {
        const std::size_t size = bytes_.size();
        for (std::size_t back = kEndBytes; back <= std::min(size, kEndBytes + kLongestComment);
             ++back) {
            ByteReader r = from(size - back);
            if (r.get<std::uint32_t>("the end of the zip's directory") != kEnd)
                continue;
            r.take(6, "numbers of disks");
            Directory d;
            d.entries = r.get<std::uint16_t>("the number of entries");
            r.take(4, "the directory's size");
            d.offset = r.get<std::uint32_t>("the directory's place");
            if (back + kLocatorBytes <= size)
                if (const auto large = directory64(size - back - kLocatorBytes))
                    return *large;
            return d;
        }
        fail("{}: is no zip file, or not all of it", name_);
    }

    std::optional<Directory> directory64(std::size_t locator) const {
        ByteReader r = from(locator);
        if (r.get<std::uint32_t>("a locator") != kLocator64)
            return {};
        r.take(4, "the number of a disk");
        ByteReader end = from(r.get<std::uint64_t>("the directory's end"));
        if (end.get<std::uint32_t>("the directory's end") != kEnd64)
            end.reject("the zip's directory does not end here");
        end.take(20, "versions and disks");
        end.take(8, "entries of this disk");
        Directory d;
        d.entries = end.get<std::uint64_t>("the number of entries");
        end.take(8, "the directory's size");
        d.offset = end.get<std::uint64_t>("the directory's place");
        return d;
    }

    Entry entry(ByteReader& r) const {
        if (r.get<std::uint32_t>("an entry of the zip") != kCentral)
            r.reject("no entry of a zip begins here");
        r.take(4, "versions");
        const auto flags = r.get<std::uint16_t>("flags");
        const auto method = r.get<std::uint16_t>("a method");
        r.take(8, "a time and a checksum");
        std::uint64_t packed = r.get<std::uint32_t>("a size");
        std::uint64_t size = r.get<std::uint32_t>("a size");
        const auto name = r.get<std::uint16_t>("a name's length");
        const auto extra = r.get<std::uint16_t>("a length");
        const auto comment = r.get<std::uint16_t>("a length");
        r.take(8, "attributes");
        std::uint64_t offset = r.get<std::uint32_t>("a place");
        const auto text = r.take(name, "a name");
        Entry e;
        e.name.assign(reinterpret_cast<const char*>(text.data()), text.size());
        read_extra(r.take(extra, "an extra field"), size, packed, offset);
        r.take(comment, "a comment");
        if (flags & 1)
            fail("{}: entry {} is encrypted", name_, e.name);
        if (method != 0 || packed != size)
            fail("{}: entry {} is compressed; PyTorch stores entries as they are", name_, e.name);
        ByteReader local = from(offset);
        if (local.get<std::uint32_t>("an entry") != kLocal)
            local.reject("no entry of a zip begins here");
        local.take(22, "an entry's head");
        const auto own_name = local.get<std::uint16_t>("a name's length");
        const auto own_extra = local.get<std::uint16_t>("a length");
        local.take(std::uint64_t{own_name} + own_extra, "a name");
        e.data = local.take(size, e.name);
        return e;
    }

    void read_extra(std::span<const std::byte> bytes, std::uint64_t& size, std::uint64_t& packed,
                    std::uint64_t& offset) const {
        ByteReader r(name_, bytes);
        while (r.left() >= 4) {
            const auto id = r.get<std::uint16_t>("a kind");
            ByteReader field(name_, r.take(r.get<std::uint16_t>("a length"), "a field"));
            if (id != 1)
                continue;
            for (std::uint64_t* value : {&size, &packed, &offset})
                if (*value == kIn64)
                    *value = field.get<std::uint64_t>("a size in 64 bits");
        }
    }

    const std::string& name_;
    std::span<const std::byte> bytes_;
};

}  // namespace

ZipEntries::ZipEntries(std::string name, std::span<const std::byte> bytes)
    : name_(std::move(name)) {
    Parser(name_, bytes).each([&](const Parser::Entry& e) { entries_.emplace(e.name, e.data); });
}

const std::span<const std::byte>* ZipEntries::find(const std::string& entry) const {
    const auto it = entries_.find(entry);
    return it == entries_.end() ? nullptr : &it->second;
}

std::span<const std::byte> ZipEntries::get(const std::string& entry) const {
    if (const auto* bytes = find(entry))
        return *bytes;
    fail("{}: has no entry {}", name_, entry);
}

std::string ZipEntries::folder_of(std::string_view suffix) const {
    for (const auto& [name, bytes] : entries_)
        if (name.ends_with(suffix))
            return name.substr(0, name.size() - suffix.size());
    fail("{}: has no entry that ends in {}", name_, suffix);
}

}  // namespace skald::compiler::graphs
