// SPDX-License-Identifier: MIT
// What the modelled chip costs the host: the same tokens decoded with it and without it, in turns.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "container/container.hpp"
#include "libskald/batch.hpp"
#include "libskald/model.hpp"
#include "local/local_card.hpp"

namespace skald::bench {
namespace {

struct Options {
    std::string model;
    std::string chip = "sk1";
    std::uint32_t tokens = 128;
    unsigned rounds = 41;
    unsigned threads = 1;
};

// For so many the same two cards are taken.
constexpr unsigned kRoundsOfCards = 4;

// Nanoseconds of one token, and of all of this program's threads for it.
struct Times {
    double wall = 0;
    double cpu = 0;
};

Times now() {
    const auto of = [](clockid_t clock) {
        timespec time{};
        ::clock_gettime(clock, &time);
        return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
    };
    return {of(CLOCK_MONOTONIC), of(CLOCK_PROCESS_CPUTIME_ID)};
}

// A card of its own that holds the model.
class Decoder {
  public:
    Decoder(const rt::Container& container, const Options& options, const std::string& chip)
        : tokens_(options.tokens),
          device_(open(options, chip)),
          model_(*device_, {container.model(), container.program(), container.weights()}),
          batch_(model_, positions(options.tokens)) {}

    Times run() {
        batch_.rollback(0, 0);
        (void)take(1);
        const Times before = now();
        (void)take(tokens_);
        const Times after = now();
        return {(after.wall - before.wall) / tokens_, (after.cpu - before.cpu) / tokens_};
    }

  private:
    static std::unique_ptr<rt::Device> open(const Options& options, const std::string& chip) {
        local::LocalOptions card;
        card.chip = chip;
        card.threads = options.threads;
        return local::open_local_card(rt::linux_os(), card);
    }
    static rt::BatchOptions positions(std::uint32_t tokens) {
        rt::BatchOptions options;
        options.positions.assign(1, tokens + 8);
        return options;
    }
    rt::GenerateResult take(std::uint32_t tokens) {
        const rt::TokenId prompt = 1;
        rt::SequenceRequest request;
        request.prompt = std::span(&prompt, 1);
        request.max_tokens = tokens;
        return batch_.generate(std::span(&request, 1)).front();
    }

    std::uint32_t tokens_;
    std::unique_ptr<rt::Device> device_;
    rt::Model model_;
    rt::Batch batch_;
};

// The part of the runs that others on this machine disturbed least counts, so many of a hundred.
double percentile(const std::vector<Times>& runs, double Times::* what, std::size_t part) {
    std::vector<double> values;
    for (const Times& run : runs)
        values.push_back(run.*what);
    std::ranges::sort(values);
    return values[values.size() * part / 100];
}

void show(const char* what, double with, double without) {
    std::printf("  %-22s %8.2f us/token with the chip, %8.2f without: %+5.1f %%\n", what,
                with * 1e-3, without * 1e-3, (with / without - 1) * 100);
}

void measure(const Options& options) {
    const rt::Container container(options.model);
    std::vector<Times> modelled, plain;
    while (modelled.size() < options.rounds) {
        // Where memory lies makes some per cent: cards are opened anew, now one first, now the
        // other.
        const bool with_first = modelled.size() / kRoundsOfCards % 2 == 0;
        Decoder one(container, options, with_first ? options.chip : "off");
        Decoder two(container, options, with_first ? "off" : options.chip);
        Decoder& with = with_first ? one : two;
        Decoder& without = with_first ? two : one;
        (void)with.run();
        (void)without.run();
        for (unsigned i = 0; i < kRoundsOfCards && modelled.size() < options.rounds; ++i) {
            const bool first = i % 2 == 0;  // neither always goes first
            if (first)
                modelled.push_back(with.run());
            plain.push_back(without.run());
            if (!first)
                modelled.push_back(with.run());
        }
    }
    std::printf("%s, %s, %u x %u tokens in turns\n", options.model.c_str(), options.chip.c_str(),
                options.rounds, options.tokens);
    for (const std::size_t part : {5u, 50u}) {
        const std::string of = part == 50 ? ", median" : ", least of 20";
        show(("time" + of).c_str(), percentile(modelled, &Times::wall, part),
             percentile(plain, &Times::wall, part));
        show(("CPU time" + of).c_str(), percentile(modelled, &Times::cpu, part),
             percentile(plain, &Times::cpu, part));
    }
}

}  // namespace
}  // namespace skald::bench

int main(int argc, char** argv) {
    skald::bench::Options options;
    const std::span arguments(argv, static_cast<std::size_t>(argc));
    if (arguments.size() < 2 || arguments.size() > 6) {
        std::fprintf(stderr, "model_cost MODEL.skald [TOKENS [ROUNDS [THREADS [CHIP]]]]\n");
        return 2;
    }
    const auto number = [&](std::size_t at, unsigned otherwise) {
        return arguments.size() > at
                   ? static_cast<unsigned>(std::strtoul(arguments[at], nullptr, 10))
                   : otherwise;
    };
    options.model = arguments[1];
    options.tokens = std::max(1u, number(2, options.tokens));
    options.rounds = std::max(1u, number(3, options.rounds));
    options.threads = number(4, options.threads);
    if (arguments.size() > 5)
        options.chip = arguments[5];
    try {
        skald::bench::measure(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "model_cost: %s\n", error.what());
        return 1;
    }
    return 0;
}
