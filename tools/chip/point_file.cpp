// SPDX-License-Identifier: MIT
#include "chip/point_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "chip/csv.hpp"
#include "chip/text_file.hpp"
#include "libskald/error.hpp"

namespace skald::chip {
namespace {

// Of the whole file, as long as this lives; fcntl's, which network file systems know.
class Lock {
  public:
    explicit Lock(int fd) : fd_(fd) { set(F_WRLCK); }
    ~Lock() { set(F_UNLCK); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

  private:
    void set(short type) const {
        struct flock lock{};
        lock.l_type = type;
        lock.l_whence = SEEK_SET;
        while (::fcntl(fd_, F_SETLKW, &lock) != 0 && errno == EINTR) {
        }
    }

    int fd_;
};

}  // namespace

PointFile::PointFile(std::string name, const std::vector<std::string>& header,
                     std::size_t key_columns)
    : name_(std::move(name)), fd_(::open(name_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (fd_ < 0)
        throw rt::system_error(errno, fmt::format("cannot open {}", name_));
    const Lock lock(fd_);
    read(csv_line(header), key_columns);
}

PointFile::~PointFile() {
    ::close(fd_);
}

void PointFile::read(const std::string& header, std::size_t key_columns) {
    std::string text = read_text(name_);
    const std::size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
    if (whole != text.size() && ::ftruncate(fd_, static_cast<off_t>(whole)) != 0)
        throw rt::system_error(errno, fmt::format("cannot cut the last line of {}", name_));
    text.resize(whole);
    if (text.empty()) {
        if (::pwrite(fd_, header.data(), header.size(), 0) != static_cast<ssize_t>(header.size()))
            throw rt::system_error(errno, fmt::format("cannot write {}", name_));
        return;
    }
    if (!text.starts_with(header))
        throw rt::Error(
            fmt::format("{}: has other columns than this grid: its first line is not {}", name_,
                        header.substr(0, header.size() - 1)),
            EINVAL);
    std::string_view rest = std::string_view(text).substr(header.size());
    for (; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1)) {
        std::vector<std::string> cells = csv_cells(rest.substr(0, rest.find('\n')));
        cells.resize(key_columns);
        seen_.insert(csv_line(cells));
    }
}

bool PointFile::has(const std::vector<std::string>& key) const {
    return seen_.contains(csv_line(key));
}

void PointFile::append(const std::vector<std::string>& cells) {
    const std::string line = csv_line(cells);
    const Lock lock(fd_);
    const off_t end = ::lseek(fd_, 0, SEEK_END);
    if (end < 0 ||
        ::pwrite(fd_, line.data(), line.size(), end) != static_cast<ssize_t>(line.size()))
        throw rt::system_error(errno, fmt::format("cannot write {}", name_));
}

}  // namespace skald::chip
