// SPDX-License-Identifier: MIT
// The CSV of a sweep: which points it has, and lines behind its last. Many processes, on many
// machines, may append: a line is written as a whole, under the file's lock.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace skald::chip {

class PointFile {
  public:
    // A file that is there must have this header. A line without its end, which a process that was
    // killed left, is cut off. Throws rt::Error.
    PointFile(std::string name, const std::vector<std::string>& header, std::size_t key_columns);
    ~PointFile();
    PointFile(const PointFile&) = delete;
    PointFile& operator=(const PointFile&) = delete;

    [[nodiscard]] bool has(const std::vector<std::string>& key) const;
    [[nodiscard]] std::size_t count() const { return seen_.size(); }
    void append(const std::vector<std::string>& cells);

  private:
    void read(const std::string& header, std::size_t key_columns);

    std::string name_;
    int fd_ = -1;
    std::set<std::string> seen_;  // lines of their key's cells
};

}  // namespace skald::chip
