// SPDX-License-Identifier: MIT
#include "conductor.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>
#include <stdexcept>

namespace skald::test {
namespace {

// Of a worker: longer than any patience of its own, shorter than that of who listens to us.
constexpr int kSilenceMs = 400000;

void say(const std::string& line) {
    std::cout << line << '\n' << std::flush;
}

std::uint64_t memory_in_use() {
    return Device().settled_usage().mem_used;
}

void bind_again(const std::string& card) {
    const std::string address = std::filesystem::path(card).filename();
    write_file("/sys/bus/pci/drivers/skald/unbind", address);
    write_file("/sys/bus/pci/drivers/skald/bind", address);
}

bool hears(const Worker& worker) {
    pollfd poll{worker.reports(), POLLIN, 0};
    return ::poll(&poll, 1, kSilenceMs) == 1;
}

}  // namespace

Conductor::Conductor(const SoakOptions& options)
    : options_(options), random_(options.seed), base_memory_(memory_in_use()) {
    for (unsigned i = 0; i < options.processes; ++i)
        workers_.emplace_back();
}

std::string Conductor::ask(std::string_view line) {
    say(fmt::format("== {}", line));
    std::string answer;
    if (!std::getline(std::cin, answer))
        throw std::runtime_error("nobody answers any more");
    return answer;
}

bool Conductor::broken(const std::string& what) {
    say(fmt::format("BROKEN in round {} ({}): {}", round_, event_, what));
    return false;
}

// What waits for what is only to be seen now.
bool Conductor::silent(std::size_t worker) {
    for (const Worker& each : workers_)
        say(each.whereabouts());
    write_file("/proc/sysrq-trigger", "w");  // to the kernel's log: whoever else is blocked
    return broken(fmt::format("worker {} says nothing", worker));
}

bool Conductor::run() {
    std::vector<Event> order(events().begin(), events().end());
    bool kept = true;
    while (kept && submitted_ < options_.submissions) {
        // All kinds before one comes again, in another order each time.
        const std::size_t at = round_ % order.size();
        if (at == 0)
            std::ranges::shuffle(order, random_);
        ++round_;
        try {
            kept = round(order[at]);
        } catch (const std::runtime_error& what) {
            kept = broken(what.what());
        }
    }
    Sums all;
    for (const auto& [name, sums] : sums_) {
        say(fmt::format("{:<14} {:>4} rounds, {:>4} hits, {:>6} jobs right, {:>5} injured", name,
                        sums.rounds, sums.hits, sums.right, sums.injured));
        all.right += sums.right;
        all.injured += sums.injured;
    }
    say(
        fmt::format("seed {}: {} submissions by {} processes in {} rounds, {} jobs right, {} "
                    "injured",
                    options_.seed, submitted_, options_.processes, round_, all.right, all.injured));
    return kept && left_nothing();
}

// One thing at a time: else nobody could say whom it may hurt.
bool Conductor::round(const Event& event) {
    event_ = event.name;
    Sums& sums = sums_[event.name];
    ++sums.rounds;
    if (event.by == By::kPlan)
        ask("arm " + plan_of(event, random_));
    for (Worker& worker : workers_) {
        const Order order{random_(), 1 + static_cast<std::uint32_t>(random_() % options_.most),
                          fresh_, event.name == kRemoval};
        submitted_ += order.submissions;
        worker.order(order);
    }
    fresh_ = event.hurts == Hurts::kCard;
    Worker* const victim = event.by == By::kKill ? &workers_[random_() % workers_.size()] : nullptr;
    ::usleep(static_cast<useconds_t>(random_() % 20000));  // when it happens, not a wait
    if (victim)
        victim->kill();
    else
        let_happen(event);

    unsigned wounds = 0;
    std::uint64_t injured = 0;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        Worker& worker = workers_[i];
        if (&worker == victim) {
            worker.start();
            continue;
        }
        if (!hears(worker))
            return silent(i);
        const std::optional<Report> report = worker.report();
        if (!report) {
            // What it had mapped is no more, and it touched that.
            if (worker.signal() != SIGBUS || event.hurts != Hurts::kCard)
                return broken(fmt::format("worker {} died of signal {}", i, worker.signal()));
            worker.start();
            ++injured;
            continue;
        }
        if (report->wrong[0] != 0)
            return broken(fmt::format("worker {}: {}", i, report->wrong));
        if (event.hurts == Hurts::kNobody && report->injured != 0)
            return broken(fmt::format("worker {} was hurt (error {}, reason {:#x}) {}", i,
                                      report->error, report->reason, report->refused));
        if (event.hurts == Hurts::kOne && report->wounds != 0 && report->reason != event.reason)
            return broken(fmt::format("worker {} was told error {}, reason {:#x} instead of {:#x}",
                                      i, report->error, report->reason, event.reason));
        wounds += report->wounds;
        injured += report->injured;
        sums.right += report->right;
    }
    sums.injured += injured;
    const unsigned hits = event.by == By::kPlan ? hits_of(event, ask("disarm")) : 1;
    sums.hits += hits;
    if (event.hurts == Hurts::kOne && wounds != hits)
        return broken(fmt::format("{} contexts were hurt by {} hits", wounds, hits));
    if (event.hurts == Hurts::kCard)
        recover(event);
    return works() || broken("the card does not work afterwards");
}

void Conductor::let_happen(const Event& event) {
    if (event.by == By::kFlr)
        write_file(card_sysfs() + "/reset", "1");
    if (event.by == By::kUnbind)
        bind_again(card_sysfs());
}

// A card that was beyond a reset of the driver's own, brought back as an administrator would. One
// that had fallen off the bus has forgotten where its registers are: it has to be found anew.
void Conductor::recover(const Event& event) {
    if (works())
        return;
    const std::string card = card_sysfs();
    if (event.name == kRemoval) {
        write_file(card + "/remove", "1");
        write_file("/sys/bus/pci/rescan", "1");
    } else {
        bind_again(card);
    }
    if (!wait_for_node())
        throw std::runtime_error("there is no card any more");
}

bool Conductor::works() {
    try {
        const Device device;
        Context context(device);
        const std::uint64_t value = random_();
        return context.run(write_word(0, value)) == 0 && context.data(0) == value;
    } catch (const std::runtime_error&) {
        return false;
    }
}

bool Conductor::left_nothing() {
    for (Worker& worker : workers_)
        worker.kill();
    const drm_skald_query_usage usage = Device().settled_usage();
    if (usage.vms != 0 || usage.queues != 0 || usage.clients > 1)
        return broken(fmt::format("{} address spaces, {} queues, {} clients are left", usage.vms,
                                  usage.queues, usage.clients));
    if (usage.mem_used != base_memory_)
        return broken(fmt::format("{} bytes of card memory are in use, {} were at the start",
                                  usage.mem_used, base_memory_));
    return true;
}

}  // namespace skald::test
