// SPDX-License-Identifier: MIT
// The command line of skald-vm.
#include "vm/host/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>

#include "console/arguments.hpp"

namespace skald::vm {
namespace {

namespace fs = std::filesystem;
using console::whole_number;

constexpr const char* kFooter = R"(
Exit status: the command's own (128 + n if signal n ended it), or
  122  its output could not be written: a full disk, an error of the medium
  123  the guest failed: kernel oops or warning, hang, or an end before the command's
  124  the time given with --timeout ran out
  125  nothing was run: a bad option, a missing file, QEMU did not start
Ctrl-C interrupts the command; a second one within a second ends the guest. On a
terminal of the guest (a shell, or --tty) Ctrl-] twice ends it.)";

// The command is no option, so CLI11 does not know of it.
class Help : public CLI::Formatter {
  public:
    std::string make_usage(const CLI::App*, std::string) const override {
        return "\nUsage: skald-vm [OPTIONS] [--] [COMMAND [ARG...]]\n";
    }
};

fs::path existing(const std::string& path, const char* what) {
    std::error_code error;
    const fs::path full = fs::canonical(path, error);
    if (error)
        throw UsageError(fmt::format("{} '{}': {}", what, path, error.message()));
    return full;
}

void check_shares(std::vector<fs::path>& shares) {
    for (fs::path& share : shares) {
        // The guest mounts it where the user names it; a link in that name stays a name.
        share = fs::absolute(share).lexically_normal();
        if (share.filename().empty())
            share = share.parent_path();
        if (!fs::is_directory(share))
            throw UsageError(fmt::format("--share '{}': not a directory", share.string()));
        for (const char* taken : {"/", "/dev", "/proc", "/sys", "/run", "/usr", "/bin", "/sbin",
                                  "/lib", "/lib64", "/etc"})
            if (share == taken)
                throw UsageError(fmt::format("--share '{}': the guest has its own", taken));
    }
}

void check_disks(std::vector<fs::path>& disks) {
    for (fs::path& disk : disks) {
        disk = existing(disk.string(), "--disk");
        if (!fs::is_regular_file(disk) && !fs::is_block_file(disk))
            throw UsageError(
                fmt::format("--disk '{}': neither a file nor a block device", disk.string()));
        if (fs::is_regular_file(disk) && fs::file_size(disk) == 0)
            throw UsageError(fmt::format("--disk '{}': the file is empty", disk.string()));
    }
}

std::vector<std::string> take_command(std::vector<std::string> rest) {
    if (rest.empty())
        return rest;
    if (rest.front() == "--")
        rest.erase(rest.begin());
    else if (rest.front().starts_with('-'))
        throw UsageError(fmt::format("unknown option '{}' (see --help)", rest.front()));
    return rest;
}

}  // namespace

std::vector<Property> parse_properties(const std::string& text) {
    std::vector<Property> properties;
    for (const std::string& part : CLI::detail::split(text, ',')) {
        const auto equals = part.find('=');
        if (equals == 0 || equals == std::string::npos || equals + 1 == part.size())
            throw UsageError(fmt::format("--card '{}': '{}' is not KEY=VALUE", text, part));
        properties.emplace_back(part.substr(0, equals), part.substr(equals + 1));
    }
    return properties;
}

std::uint64_t parse_size(const std::string& text) {
    std::uint64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    unsigned shift = 0;
    const std::string unit(rest, end);
    if (unit == "K" || unit == "k")
        shift = 10;
    else if (unit == "M")
        shift = 20;
    else if (unit == "G")
        shift = 30;
    else if (unit == "T")
        shift = 40;
    if (error != std::errc() || (shift == 0 && !unit.empty()) || value > (UINT64_MAX >> shift))
        throw UsageError(
            fmt::format("'{}' is not a size (a number, or one with K, M, G or T)", text));
    return value << shift;
}

Options parse_options(int argc, const char* const* argv, const fs::path& build) {
    Options options;
    options.build = build;
    std::vector<std::string> cards;
    CLI::App app{
        "Run COMMAND in a freshly booted guest that has the Skald card, and exit with its status;"
        " without a COMMAND give a shell.",
        "skald-vm"};
    app.formatter(std::make_shared<Help>());
    app.footer(kFooter);
    app.prefix_command();
    const auto list = [](CLI::Option* option) { option->take_all()->allow_extra_args(false); };
    app.add_option("--cards", options.cards, "number of cards")
        ->transform(whole_number(0, 8))
        ->capture_default_str();
    app.add_option("--kernel", options.kernel,
                   "stock: Debian's; debug: with sanitizers and lock checks; "
                   "debug-7.3: the same of Linux 7.3")
        ->check(CLI::IsMember({"stock", "debug", "debug-7.3"}))
        ->capture_default_str();
    list(app.add_option("--share", options.shares,
                        "directory mounted at the same path in the guest"));
    list(app.add_option("--disk", options.disks,
                        "file given as a read-only disk: /dev/vda, /dev/vdb, ..."));
    list(app.add_option("--card", cards,
                        "card properties KEY=VALUE[,KEY=VALUE]: simd, threads, memory-size, chip"));
    app.add_option("--smp", options.smp, "virtual CPUs")
        ->transform(whole_number(1, 64))
        ->capture_default_str();
    app.add_option("--memory", options.memory_mib, "guest memory in MiB")
        ->transform(whole_number(256, 1u << 20))
        ->capture_default_str();
    app.add_option("--timeout", options.timeout_s, "end the guest after so many seconds; 0: never")
        ->transform(whole_number<unsigned>())
        ->capture_default_str();
    app.add_flag("-t,--tty", options.terminal,
                 "give COMMAND a terminal of its own, as a shell has it");
    list(app.add_option("--env", options.variables, "NAME=VALUE for the command"));
    app.add_flag("!--no-driver", options.driver, "do not load skald.ko before the command");
    app.add_flag("--allow-warnings", options.allow_warnings,
                 "warnings and oopses in the kernel log are the caller's business");
    app.add_option("--logs", options.logs,
                   "directory for kernel.log and qemu.log, kept in any case");
    app.add_option("--qmp", options.qmp, "socket to make for QEMU's monitor protocol");
    list(app.add_option("--qemu", options.qemu, "one more argument for QEMU"));
    app.add_option("--build", options.build, "where qemu/ and guest/ were built")
        ->capture_default_str();
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        throw HelpRequest{app.help()};
    } catch (const CLI::ParseError& error) {
        throw UsageError(error.what());
    }
    for (const std::string& text : cards)
        for (Property& property : parse_properties(text))
            options.card.push_back(std::move(property));
    for (const std::string& variable : options.variables)
        if (variable.find('=') == std::string::npos || variable.front() == '=')
            throw UsageError(fmt::format("--env '{}' is not NAME=VALUE", variable));
    check_shares(options.shares);
    check_disks(options.disks);
    options.command = take_command(app.remaining());
    return options;
}

}  // namespace skald::vm
