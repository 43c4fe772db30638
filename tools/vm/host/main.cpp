// SPDX-License-Identifier: MIT
// skald-vm: runs a command in a freshly booted guest that has the card.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "console/standard_streams.hpp"
#include "vm/host/options.hpp"
#include "vm/host/session.hpp"

namespace {

namespace fs = std::filesystem;
using namespace skald::vm;

// build/bin/skald-vm finds what it needs in build/.
fs::path build_directory() {
    return fs::read_symlink("/proc/self/exe").parent_path().parent_path();
}

// The logs of one run: where --logs says, or in a temporary directory that goes when all is well.
class Logs {
  public:
    explicit Logs(const fs::path& wanted) : path_(wanted), keep_(!wanted.empty()) {
        if (keep_) {
            fs::create_directories(path_);
            return;
        }
        std::string name = (fs::temp_directory_path() / "skald-vm.XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw UsageError("cannot make a directory for the logs in " +
                             fs::temp_directory_path().string());
        path_ = name;
    }
    ~Logs() {
        std::error_code ignored;
        if (!keep_)
            fs::remove_all(path_, ignored);
    }
    Logs(const Logs&) = delete;
    Logs& operator=(const Logs&) = delete;

    const fs::path& path() const { return path_; }
    void keep() { keep_ = true; }

  private:
    fs::path path_;
    bool keep_;
};

void say(const std::string& text) {
    skald::console::say("skald-vm: {}\n", text);
}

// What QEMU itself had to say, which is short where it did not start.
std::vector<std::string> first_lines(const fs::path& file) {
    std::vector<std::string> lines;
    std::ifstream in(file);
    for (std::string line; lines.size() < 10 && std::getline(in, line);)
        lines.push_back(line);
    return lines;
}

int run(const Options& options) {
    Logs logs(options.logs);
    Outcome outcome;
    {
        Session session(options, logs.path());
        outcome = session.run();
    }
    for (const std::string& remark : outcome.remarks)
        say(remark);
    if (outcome.trouble.empty())
        return outcome.status;
    std::vector<std::string> reasons;
    if (outcome.status == kCannotRun)
        reasons = first_lines(logs.path() / "qemu.log");
    if (reasons.size() == 1) {  // nothing is in the logs but this
        say(fmt::format("{}: {}", outcome.trouble, reasons[0]));
        return outcome.status;
    }
    say(outcome.trouble);
    for (const std::string& line : reasons)
        say(line);
    logs.keep();
    say(fmt::format("kernel log: {0}/kernel.log, QEMU log: {0}/qemu.log", logs.path().string()));
    return outcome.status;
}

}  // namespace

int main(int argc, char** argv) {
    skald::console::fill_standard_streams();
    try {
        return run(parse_options(argc, argv, build_directory()));
    } catch (const HelpRequest& help) {
        std::fputs(help.text.c_str(), stdout);
        return skald::console::finish("skald-vm", 0, kCannotRun);
    } catch (const std::exception& error) {
        say(error.what());
        return kCannotRun;
    }
}
