// SPDX-License-Identifier: MIT
// skald_ioctl_fuzz: random calls of the driver, structured so that they come past the first check.
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "options.hpp"

namespace skald::test {

FuzzOptions& fuzz_options() {
    static FuzzOptions options;
    return options;
}

}  // namespace skald::test

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    skald::test::FuzzOptions& options = skald::test::fuzz_options();
    CLI::App app("Random calls of the driver by many processes");
    app.add_option("--calls", options.calls, "calls of each process");
    app.add_option("--seconds", options.seconds, "for so long, instead");
    app.add_option("--processes", options.processes, "pairs that share an open file")
        ->check(CLI::Range(1, 30));
    app.add_option("--seed", options.seed);
    app.add_flag(
        "--guided,!--no-guided", options.guided,
        "half of the processes change what reached something new; where the kernel has kcov");
    app.add_flag("--table", options.table, "how often each call ended how");
    CLI11_PARSE(app, argc, argv);
    return RUN_ALL_TESTS();
}
