// SPDX-License-Identifier: MIT
// sysfs is read as it is: what lists devices for others takes a folder that cannot be opened for an
// empty one, and people are then told to load a driver that is loaded.
#include "libskald/card_list.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include "libskald/error.hpp"
#include "skald/page_table.h"
#include "skald/regs.h"

namespace skald::rt {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDriver = "skald";
constexpr std::string_view kNodes = "/dev/accel";

// What cannot be looked at ends the search.
struct Unreadable {
    std::string path;
    int error;
};

// Nothing where there is no such file, or no device behind it any more.
std::optional<std::string> read_file(const fs::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const auto gone = [](int error) { return error == ENOENT || error == ENODEV; };
    if (fd < 0 && gone(errno))
        return std::nullopt;
    if (fd < 0)
        throw Unreadable{path, errno};
    std::array<char, 4096> text;
    const ssize_t n = ::read(fd, text.data(), text.size());
    const int error = errno;
    ::close(fd);
    if (n < 0 && gone(error))
        return std::nullopt;
    if (n < 0)
        throw Unreadable{path, error};
    return std::string(text.data(), static_cast<std::size_t>(n));
}

std::vector<fs::path> entries_of(const fs::path& folder) {
    std::vector<fs::path> entries;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        entries.push_back(it->path());
    if (error && error.value() != ENOENT)
        throw Unreadable{folder, error.value()};
    std::ranges::sort(entries);
    return entries;
}

// "0x1234\n"
std::uint64_t hexadecimal(std::string_view text) {
    std::uint64_t value = 0;
    if (text.starts_with("0x"))
        text.remove_prefix(2);
    std::from_chars(text.data(), text.data() + text.size(), value, 16);
    return value;
}

bool is_card(const fs::path& device) {
    const auto is = [&](const char* file, std::uint64_t id) {
        const auto text = read_file(device / file);
        return text && hexadecimal(*text) == id;
    };
    return is("vendor", SKALD_PCI_VENDOR_ID) && is("device", SKALD_PCI_DEVICE_ID);
}

// Lines of "first last flags", one for each BAR.
std::uint64_t bar_bytes(const fs::path& device, int bar) {
    const std::string text = read_file(device / "resource").value_or("");
    std::string_view rest = text;
    for (int line = 0; line < bar; ++line)
        rest.remove_prefix(std::min(rest.size(), rest.find('\n') + 1));
    const std::string_view last = rest.substr(std::min(rest.size(), rest.find(' ') + 1));
    const std::uint64_t first_byte = hexadecimal(rest), last_byte = hexadecimal(last);
    return last_byte > first_byte ? last_byte - first_byte + 1 : 0;
}

std::optional<unsigned> index_of(std::string_view name) {
    constexpr std::string_view kPrefix = "accel";
    unsigned index = 0;
    if (!name.starts_with(kPrefix))
        return std::nullopt;
    const std::string_view number = name.substr(kPrefix.size());
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), index);
    return error == std::errc() && end == number.data() + number.size() ? std::optional(index)
                                                                        : std::nullopt;
}

std::string driver_of(const fs::path& device) {
    std::error_code none;
    return fs::read_symlink(device / "driver", none).filename().string();
}

void add(CardList& list, const fs::path& device) {
    const std::string address = device.filename().string(), driver = driver_of(device);
    if (driver == kDriver)
        for (const fs::path& node : entries_of(device / "accel"))
            if (const auto index = index_of(node.filename().string()))
                return list.nodes.push_back(
                    {fmt::format("{}/{}", kNodes, node.filename().string()), address, *index});
    list.strays.push_back({address, driver, bar_bytes(device, SKALD_BAR_MEMORY)});
}

std::uint64_t descriptor_limit() {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

std::string limit_text(const CardList& list) {
    if (list.descriptor_limit == 0)
        return "";
    return fmt::format("; this process may have {} files open (ulimit -n)", list.descriptor_limit);
}

}  // namespace

CardList list_cards(const fs::path& sysfs) {
    CardList list;
    std::error_code ignored;
    try {
        const fs::path bus = sysfs / "bus/pci";
        if (entries_of(sysfs / "bus").empty())
            throw Unreadable{sysfs, ENOENT};
        list.driver_loaded = fs::exists(bus / "drivers" / kDriver, ignored);
        for (const fs::path& device : entries_of(bus / "devices"))
            if (is_card(device))
                add(list, device);
    } catch (const Unreadable& what) {
        list.unreadable = what.path;
        list.error = what.error;
        if (what.error == EMFILE)
            list.descriptor_limit = descriptor_limit();
    }
    std::ranges::sort(list.nodes, {}, &CardNode::index);
    return list;
}

std::string stray_text(const StrayCard& card, bool driver_loaded) {
    if (!card.driver.empty() && card.driver != kDriver)
        return fmt::format("it belongs to the driver {}", card.driver);
    if (!driver_loaded)
        return "the skald driver is not loaded (modprobe skald)";
    if (card.memory_bytes == 0)
        return "the driver could not start it: its memory has no place on the bus";
    if (card.memory_bytes < SKALD_BIG_PAGE_SIZE)
        return fmt::format(
            "the driver could not start it: it has {} KiB of memory, less than the "
            "{} KiB of a page",
            card.memory_bytes >> 10, SKALD_BIG_PAGE_SIZE >> 10);
    return "the driver could not start it; the kernel's log says why (dmesg)";
}

std::string no_card_text(const CardList& list) {
    if (list.error == ENOENT)
        return fmt::format("cannot look for cards: {} is not mounted", list.unreadable);
    if (list.error != 0)
        return fmt::format("cannot look for cards: {}: {}{}", list.unreadable,
                           errno_text(list.error), limit_text(list));
    if (list.strays.empty())
        return fmt::format("no Skald card found: there is none on the PCI bus (lspci -d {:x}:{:x})",
                           SKALD_PCI_VENDOR_ID, SKALD_PCI_DEVICE_ID);
    std::string text;
    for (const StrayCard& card : list.strays)
        text += fmt::format("{}the Skald card {} cannot be used: {}", text.empty() ? "" : "; ",
                            card.pci_address, stray_text(card, list.driver_loaded));
    return text;
}

}  // namespace skald::rt
