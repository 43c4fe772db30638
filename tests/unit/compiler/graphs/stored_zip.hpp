// SPDX-License-Identifier: MIT
// Zip files as PyTorch writes them, entries stored as they are; and others.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace skald::test {

class StoredZip {
  public:
    // `method` and `flags` as the entry's head has them: 0 for what is stored and not encrypted.
    StoredZip& add(std::string_view name, std::string_view data, unsigned method = 0,
                   unsigned flags = 0) {
        const std::size_t offset = file_.size();
        const auto head = [&](std::string& out) {
            put(out, flags, 2);
            put(out, method, 2);
            put(out, 0, 8);
            put(out, data.size(), 4);
            put(out, data.size(), 4);
            put(out, name.size(), 2);
            put(out, 0, 2);
        };
        put(file_, 0x04034b50, 4);
        put(file_, 20, 2);
        head(file_);
        file_.append(name).append(data);
        put(directory_, 0x02014b50, 4);
        put(directory_, 20, 4);
        head(directory_);
        put(directory_, 0, 10);
        put(directory_, offset, 4);
        directory_.append(name);
        ++entries_;
        return *this;
    }

    std::string bytes() const {
        std::string out = file_ + directory_;
        put(out, 0x06054b50, 4);
        put(out, 0, 4);
        put(out, entries_, 2);
        put(out, entries_, 2);
        put(out, directory_.size(), 4);
        put(out, file_.size(), 4);
        put(out, 0, 2);
        return out;
    }

  private:
    static void put(std::string& out, std::uint64_t value, int bytes) {
        for (int b = 0; b < bytes; ++b, value >>= 8)
            out.push_back(static_cast<char>(value));
    }

    std::string file_, directory_;
    unsigned entries_ = 0;
};

}  // namespace skald::test
