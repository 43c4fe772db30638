// SPDX-License-Identifier: MIT
// Models, one after the other, each with all tests.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "bench/commands.hpp"
#include "bench/limits/limits.hpp"
#include "bench/printer.hpp"
#include "bench/progress.hpp"
#include "bench/record.hpp"
#include "bench/runner.hpp"
#include "bench/traffic.hpp"
#include "libskald/error.hpp"

namespace skald::bench {
namespace {

class ModelBench {
  public:
    ModelBench(const Options& options, rt::Device& device, Printer& printer)
        : options_(options), device_(device), printer_(printer) {
        // An emulated processor's limits say nothing about who computes.
        if (options.card.local)
            limits_.emplace(device.info().engine_threads);
    }

    void run(const rt::Container& container) {
        const Record record = describe(container, device_, options_.card.local);
        const Traffic traffic(container.model(), container.tensors());
        progress_.show(fmt::format("{}: loading", container.name()));
        rt::Model model(device_, local::image_of(container, options_.card));
        for (const Case& test : cases_of(fitted_to(container.model(), options_)))
            run(test, model, traffic, record);
    }

    // Tables of all tests so far, of which each begins with an empty line.
    [[nodiscard]] const std::string& profiles() const { return profiles_; }

  private:
    void run(const Case& test, rt::Model& model, const Traffic& traffic, Record record) {
        const auto say = [&](const std::string& what) {
            progress_.show(fmt::format("{}: {}: {}", record.model_filename, test.name(), what));
        };
        say("filling to its depth");
        Runner runner(model, test, options_.chunk);
        record.test = test;
        record.chunk = runner.chunk();
        record.work = traffic.of(test, runner.chunk());
        if (options_.warm_up) {
            say("warming up");
            static_cast<void>(runner.repeat());
        }
        record.test_time = now_utc();
        for (std::uint32_t i = 0; i < options_.repetitions; ++i) {
            say(fmt::format("{} of {}", i + 1, options_.repetitions));
            if (limits_)
                record.limits.keep_best(limits_->measure());
            record.samples_ns.push_back(static_cast<double>(runner.repeat()));
        }
        record.modelled = runner.modelled();
        if (options_.profile && record.modelled)
            profile(test, model, record.model_filename, *record.modelled);
        progress_.clear();
        if (options_.profile && options_.format == Format::kCsv)
            for (const auto& line : profile_lines(record))
                printer_.print(line, {});
        else
            printer_.print(to_json(record), test_cells(record, options_));
    }

    // With sequences of its own: to look at the clock around each micro-op costs time.
    void profile(const Case& test, rt::Model& model, const std::string& name, Modelled& modelled) {
        progress_.show(fmt::format("{}: {}: profiling", name, test.name()));
        Runner runner(model, test, options_.chunk, true);
        static_cast<void>(runner.repeat());
        modelled.ops = runner.modelled().value_or(Modelled{}).ops;
        profiles_ += "\n" + modelled_table(modelled, name + " " + test.name());
    }

    const Options& options_;
    rt::Device& device_;
    Printer& printer_;
    Progress progress_;
    std::optional<Limits> limits_;
    std::string profiles_;
};

}  // namespace

void bench_models(const Options& options) {
    // Everything that can be refused is refused before the first test takes its time.
    std::vector<rt::Container> containers;
    std::uint64_t most = 0;
    for (const std::string& path : options.models) {
        containers.emplace_back(path);
        most = std::max<std::uint64_t>(most, containers.back().weights().size());
        for (const Case& test : cases_of(fitted_to(containers.back().model(), options)))
            check_fits(test, options, containers.back().model(), path);
    }
    const auto device = local::open_card(rt::linux_os(), options.card, most);
    if (options.profile && !models_a_chip(*device))
        throw rt::Error("this card models no chip, so there is no --profile of it", ENOTSUP);
    Printer printer(stdout, options.format, test_columns(options));
    ModelBench bench(options, *device, printer);
    for (const rt::Container& container : containers)
        bench.run(container);
    if (options.format == Format::kMarkdown)
        fmt::print("{}", bench.profiles());
}

}  // namespace skald::bench
