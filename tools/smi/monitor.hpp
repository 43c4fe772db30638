// SPDX-License-Identifier: MIT
// Looks at the cards, once or again and again, and shows what was asked for.
#pragma once

#include <filesystem>

#include "libskald/os.hpp"
#include "smi/options.hpp"
#include "smi/utilisation.hpp"

namespace skald::smi {

// Where the kernel's files are; tests have folders of their own.
struct Folders {
    std::filesystem::path sysfs = "/sys", proc = "/proc";
};

class Monitor {
  public:
    Monitor(rt::Os& os, const Options& options, Folders folders = {});

    // Until all looks are done. Gives an ExitStatus: the worst of all looks.
    int run();
    // Resets the cards that options.reset names.
    int reset();

  private:
    [[nodiscard]] Look look() const;
    [[nodiscard]] bool wants_utilisation() const;
    void wait_until(std::int64_t at_ns) const;
    int show(bool first);
    [[nodiscard]] Machine read(std::int64_t now_ns, const Look& now);
    void print(const std::vector<CardStatus>& cards, bool first) const;

    rt::Os& os_;
    const Options& options_;
    Folders folders_;
    std::optional<Look> before_;
};

}  // namespace skald::smi
