// SPDX-License-Identifier: MIT
// skald_soak: many clients of one card, and everything that can go wrong. Whoever started it holds
// the card's other side: it is asked for faults on standard output, "== arm PLAN" and "== disarm",
// and answers each with a line on standard input, "disarm" with the card's tally.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "conductor.hpp"

int main(int argc, char** argv) {
    skald::test::SoakOptions options;
    CLI::App app("Many clients of one card, and everything that can go wrong with it");
    app.add_option("--submissions", options.submissions)->check(CLI::PositiveNumber);
    app.add_option("--processes", options.processes)->check(CLI::Range(1, 60));
    app.add_option("--most", options.most)->check(CLI::Range(1, 1000));
    app.add_option("--seed", options.seed);
    CLI11_PARSE(app, argc, argv);
    try {
        return skald::test::Conductor(options).run() ? 0 : 1;
    } catch (const std::exception& what) {
        std::cout << "BROKEN: " << what.what() << '\n';
        return 1;
    }
}
