// SPDX-License-Identifier: MIT
#include "smi/monitor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "console/standard_streams.hpp"
#include "smi/json.hpp"
#include "smi/text.hpp"

namespace skald::smi {
namespace {

constexpr std::int64_t kSecond_ns = 1'000'000'000;
constexpr const char* kClearScreen = "\033[H\033[2J\033[3J";

bool is(const CardStatus& card, const std::string& name) {
    return name == card.node.pci_address ||
           (!card.node.path.empty() && name == std::to_string(card.node.index));
}

bool not_allowed(int error) {
    return error == EACCES || error == EPERM;
}

// The worse of two: what failed counts more than what was not allowed.
int worse(int a, int b) {
    constexpr std::array kOrder = {kExitDone, kExitNotAllowed, kExitFailed, kExitNoCard};
    return std::ranges::find(kOrder, a) < std::ranges::find(kOrder, b) ? b : a;
}

int status_of(const CardStatus& card) {
    if (card.error.empty())
        return kExitDone;
    return not_allowed(card.error_code) ? kExitNotAllowed : kExitFailed;
}

}  // namespace

Monitor::Monitor(rt::Os& os, const Options& options, Folders folders)
    : os_(os), options_(options), folders_(std::move(folders)) {}

Look Monitor::look() const {
    Look look;
    look.clients = find_clients(folders_.proc, ::getpid());
    look.at_ns = os_.now_ns();
    return look;
}

bool Monitor::wants_utilisation() const {
    const auto named = [](const auto& fields) {
        return std::ranges::any_of(fields,
                                   [](const auto* field) { return field->name == "utilisation"; });
    };
    switch (options_.show) {
        case Show::kTable:
        case Show::kAll:
        case Show::kJson:
            return true;
        case Show::kCards:
            return named(options_.card_fields);
        case Show::kClients:
            return named(options_.client_fields);
        case Show::kList:
        case Show::kFieldHelp:
            return false;
    }
    return false;
}

void Monitor::wait_until(std::int64_t at_ns) const {
    std::fflush(stdout);
    while (os_.now_ns() < at_ns)
        if (os_.poll({}, at_ns) != -EINTR)
            return;
}

Machine Monitor::read(std::int64_t now_ns, const Look& now) {
    Machine machine = read_machine(os_, folders_.sysfs, now.clients);
    if (before_)
        measure_utilisation(machine.cards, *before_, now_ns);
    if (options_.cards.empty())
        return machine;
    for (const std::string& name : options_.cards)
        if (std::ranges::none_of(machine.cards, [&](const auto& card) { return is(card, name); }) &&
            machine.trouble.empty()) {
            machine.trouble = fmt::format("there is no Skald card {}", name);
            machine.trouble_code = ENODEV;
        }
    std::erase_if(machine.cards, [&](const CardStatus& card) {
        return std::ranges::none_of(options_.cards,
                                    [&](const std::string& name) { return is(card, name); });
    });
    return machine;
}

void Monitor::print(const std::vector<CardStatus>& cards, bool first) const {
    const bool again = options_.loop_ns.has_value();
    std::string text;
    switch (options_.show) {
        case Show::kTable:
            text = table(cards);
            if (again && ::isatty(STDOUT_FILENO) == 1)
                text.insert(0, kClearScreen);
            else if (!first)
                text.insert(0, "\n");
            break;
        case Show::kList:
            text = list(cards);
            break;
        case Show::kAll:
            text = (first ? "" : "\n") + all_fields(cards);
            break;
        case Show::kJson:
            text = json_text(cards, again ? -1 : 2);
            break;
        case Show::kCards:
            if (first && options_.format.header)
                text = csv_header(options_.card_fields);
            text += csv_of_cards(cards, options_.card_fields, options_.format);
            break;
        case Show::kClients:
            if (first && options_.format.header)
                text = csv_header(options_.client_fields);
            text += csv_of_clients(cards, options_.client_fields, options_.format);
            break;
        case Show::kFieldHelp:
            break;
    }
    std::fwrite(text.data(), 1, text.size(), stdout);
}

int Monitor::show(bool first) {
    Look now = look();
    // The first look has nothing to compare with, but for who is not there at all.
    if (!before_ && wants_utilisation()) {
        before_ = now;
        if (!now.clients.empty()) {
            wait_until(now.at_ns + std::min(options_.loop_ns.value_or(kSecond_ns), kSecond_ns));
            now = look();
        }
    }
    const Machine machine = read(now.at_ns, now);
    before_ = std::move(now);
    if (!machine.cards.empty() || options_.show == Show::kJson)
        print(machine.cards, first);
    int status = kExitDone;
    for (const CardStatus& card : machine.cards)
        status = worse(status, status_of(card));
    if (!machine.trouble.empty()) {
        console::say("skald-smi: {}\n", machine.trouble);
        status = worse(status, machine.trouble_code == ENODEV ? kExitNoCard : kExitFailed);
    }
    return status;
}

int Monitor::run() {
    if (options_.show == Show::kFieldHelp) {
        fmt::print("{}", field_help());
        return kExitDone;
    }
    int status = kExitDone;
    std::int64_t next_ns = os_.now_ns();
    for (std::uint64_t done = 0;;) {
        status = worse(status, show(done == 0));
        ++done;
        if (!options_.loop_ns || done == options_.looks || std::fflush(stdout) != 0)
            return status;
        next_ns = std::max(next_ns + *options_.loop_ns, os_.now_ns());
        wait_until(next_ns);
    }
}

int Monitor::reset() {
    const Machine machine = read_machine(os_, folders_.sysfs, {});
    int status = kExitNoCard;
    for (const CardStatus& card : machine.cards) {
        if (options_.reset != "all" && !is(card, options_.reset))
            continue;
        const int error = reset_card(folders_.sysfs, card.node.pci_address);
        const std::string who =
            fmt::format("card {} ({})", index_text(card), card.node.pci_address);
        if (error == 0)
            fmt::print("{} was reset\n", who);
        else
            console::say("skald-smi: {} was not reset: {}{}\n", who, std::strerror(error),
                         not_allowed(error) ? "; only root may" : "");
        const int mine = error == 0           ? kExitDone
                         : not_allowed(error) ? kExitNotAllowed
                                              : kExitFailed;
        status = status == kExitNoCard ? mine : worse(status, mine);
    }
    if (status == kExitNoCard)
        console::say("skald-smi: {}\n",
                     machine.cards.empty()
                         ? machine.trouble
                         : fmt::format("there is no Skald card {}", options_.reset));
    return status;
}

}  // namespace skald::smi
