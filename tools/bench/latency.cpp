// SPDX-License-Identifier: MIT
// --latency: empty jobs one at a time, hop by hop, in turns with such of a user-mode queue and with
// a disk; then as many as go.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <vector>

#include "bench/commands.hpp"
#include "bench/disk.hpp"
#include "bench/empty_jobs.hpp"
#include "bench/printer.hpp"
#include "bench/progress.hpp"
#include "bench/record.hpp"
#include "bench/samples.hpp"
#include "libskald/error.hpp"

namespace skald::bench {
namespace {

constexpr std::uint32_t kRound = 64;  // jobs between two readings of the clocks
constexpr std::uint32_t kWarmUp = 32;

struct Measured {
    HopSamples hops;
    std::vector<double> whole;  // of each job
    std::vector<double> user;   // the same of a user-mode queue, where there is one
    std::vector<double> reads;  // of the disk
    double clock_error_ns = 0;
    double full_ns = 0;  // of a job when the queue is full
    double user_full_ns = 0;
};

double duration(const OwnTimes& own) {
    return static_cast<double>(own.returned_ns - own.called_ns);
}

// A round of jobs between two readings of the clocks, then as many user-mode ones, then reads.
void measure_round(rt::Device& device, EmptyJobs& jobs, std::optional<EmptyJobs>& user,
                   std::optional<Disk>& disk, std::uint32_t count, Measured& out) {
    std::vector<OwnTimes> own;
    const ClockReading before = read_clock(device);
    for (std::uint32_t i = 0; i < count; ++i)
        own.push_back(jobs.run_one());
    const CardClock clock(before, read_clock(device));
    const auto stamps = jobs.stamps(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        out.hops.add(hops_of(stamps[i], own[i], clock));
        out.whole.push_back(duration(own[i]));
    }
    out.clock_error_ns = std::max(out.clock_error_ns, clock.error_ns());
    if (user)
        for (std::uint32_t i = 0; i < count; ++i)
            out.user.push_back(duration(user->run_one()));
    if (disk)
        for (std::uint32_t i = 0; i < count; ++i)
            out.reads.push_back(disk->read_one());
}

// Older drivers, and a card in process, have no user-mode queues.
void open_user_queue(rt::Device& device, std::optional<EmptyJobs>& user) {
    try {
        user.emplace(device, EmptyJobs::Path::kUser);
    } catch (const rt::Error& error) {
        if (error.code() != EOPNOTSUPP)
            throw;
    }
}

Measured measure(rt::Device& device, const Options& options) {
    Progress progress;
    Measured out;
    std::optional<Disk> disk;
    if (!options.disk.empty())
        disk.emplace(options.disk);
    EmptyJobs jobs(device);
    std::optional<EmptyJobs> user;
    open_user_queue(device, user);
    for (std::uint32_t i = 0; i < kWarmUp; ++i) {
        jobs.run_one();
        if (user)
            user->run_one();
        if (disk)
            static_cast<void>(disk->read_one());
    }
    for (std::uint32_t done = 0; done < options.jobs; done += kRound) {
        progress.show(fmt::format("empty jobs: {} of {}", done, options.jobs));
        measure_round(device, jobs, user, disk, std::min(kRound, options.jobs - done), out);
    }
    progress.show("empty jobs: as many as go");
    out.full_ns = jobs.run_many(options.jobs) / options.jobs;
    if (user)
        out.user_full_ns = user->run_many(options.jobs) / options.jobs;
    return out;
}

class LatencyTable {
  public:
    LatencyTable(Printer& printer, const std::string& device, double clock_error_ns)
        : printer_(printer), device_(device), clock_error_ns_(clock_error_ns) {}

    // jobs: samples are jobs, so many a second.
    void add(std::string_view what, const std::vector<double>& samples, bool jobs = false) {
        const double p50 = quantile(samples, 0.5), p99 = quantile(samples, 0.99);
        printer_.print(
            {{"what", what},
             {"device", device_},
             {"samples", samples.size()},
             {"p50_ns", p50},
             {"p99_ns", p99},
             {"avg_ns", mean(samples)},
             {"jobs_per_s", jobs ? nlohmann::ordered_json(1e9 / mean(samples)) : nullptr},
             {"clock_error_ns", clock_error_ns_}},
            {std::string(what), microseconds(p50), microseconds(p99), microseconds(mean(samples))});
    }

  private:
    static std::string microseconds(double ns) { return fmt::format("{:.1f}", ns * 1e-3); }

    Printer& printer_;
    std::string device_;
    double clock_error_ns_;
};

}  // namespace

void bench_latency(const Options& options) {
    const auto device = local::open_card(rt::linux_os(), options.card, 0);
    const Measured measured = measure(*device, options);
    const bool people = options.format == Format::kMarkdown;
    {
        Printer printer(stdout, options.format,
                        {{"what", 26, false},
                         {"p50, us", 9, true},
                         {"p99, us", 9, true},
                         {"mean, us", 9, true}});
        LatencyTable table(printer, device->name(), measured.clock_error_ns);
        for (std::size_t i = 0; i < kHops; ++i)
            table.add(hop_name(Hop(i)), measured.hops.of(Hop(i)));
        table.add("empty job", measured.whole, true);
        table.add("empty job, queue full", {measured.full_ns}, true);
        if (!measured.user.empty()) {
            table.add("empty job, user mode", measured.user, true);
            table.add("the same, queue full", {measured.user_full_ns}, true);
        }
        if (!measured.reads.empty())
            table.add("4 KiB direct read", measured.reads);
    }
    if (!people)
        return;
    fmt::print("\n{:.0f} jobs/s with a full queue; the card's clock is known to {:.1f} us",
               1e9 / measured.full_ns, measured.clock_error_ns * 1e-3);
    if (!measured.reads.empty())
        fmt::print("; an empty job takes {:.2f} x a read",
                   quantile(measured.whole, 0.5) / quantile(measured.reads, 0.5));
    fmt::print("\n");
}

}  // namespace skald::bench
