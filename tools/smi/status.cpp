// SPDX-License-Identifier: MIT
// Queries through the runtime. The file this program opens is not counted as a client.
#include "smi/status.hpp"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "libskald/drm_device.hpp"
#include "libskald/error.hpp"

namespace skald::smi {
namespace {

using nlohmann::json;

std::uint64_t mib(std::uint64_t bytes) {
    return bytes >> 20;
}

void add_card(std::string& out, const CardStatus& card) {
    auto to = std::back_inserter(out);
    fmt::format_to(to, "{:<5} {:<13} ", card.node.index, card.node.pci_address);
    if (!card.error.empty()) {
        fmt::format_to(to, "{}\n", card.error);
        return;
    }
    fmt::format_to(to, "{:<9} {:>18} {:>11} {:>9} {:>12} {:>11}  {} x {}\n",
                   rt::firmware_version_text(card.firmware.version),
                   fmt::format("{} / {} MiB", mib(card.usage.mem_used), mib(card.device.mem_size)),
                   fmt::format("{} / {}", card.usage.queues, card.device.num_queues),
                   fmt::format("{} / {}", card.usage.vms, card.device.num_contexts),
                   card.usage.submissions, card.usage.interrupts, card.device.engine_threads,
                   rt::simd_name(card.device.engine_simd));
}

json client_json(const Client& client) {
    return {{"pid", client.pid},
            {"name", client.name},
            {"card_bytes", client.card_bytes},
            {"system_bytes", client.system_bytes},
            {"engine_ns", client.engine_ns}};
}

json card_json(const CardStatus& card) {
    json out = {{"index", card.node.index},
                {"path", card.node.path},
                {"pci_address", card.node.pci_address}};
    if (!card.error.empty()) {
        out["error"] = card.error;
        return out;
    }
    out.update({{"firmware", rt::firmware_version_text(card.firmware.version)},
                {"resets", card.firmware.resets},
                {"heartbeat", card.firmware.heartbeat},
                {"memory_used", card.usage.mem_used},
                {"memory_total", card.device.mem_size},
                {"queues", card.usage.queues},
                {"vms", card.usage.vms},
                {"submissions", card.usage.submissions},
                {"interrupts", card.usage.interrupts},
                {"micro_ops", card.usage.micro_ops},
                {"engine_simd", rt::simd_name(card.device.engine_simd)},
                {"engine_threads", card.device.engine_threads},
                {"clients", json::array()}});
    for (const Client& client : card.clients)
        out["clients"].push_back(client_json(client));
    return out;
}

CardStatus read_card(rt::Os& os, const rt::CardNode& node, const std::vector<Client>& clients) {
    CardStatus card;
    card.node = node;
    try {
        rt::DrmDevice device(os, node.path);
        card.device = device.info();
        card.firmware = device.firmware();
        card.usage = device.usage();
    } catch (const rt::Error& error) {
        card.error = error.what();
    }
    for (const Client& client : clients)
        if (client.pci_address == node.pci_address)
            card.clients.push_back(client);
    return card;
}

}  // namespace

std::vector<CardStatus> read_status(rt::Os& os, const std::vector<Client>& clients) {
    std::vector<CardStatus> cards;
    for (const rt::CardNode& node : os.cards())
        cards.push_back(read_card(os, node, clients));
    return cards;
}

std::string table(const std::vector<CardStatus>& cards) {
    std::string out = fmt::format("{:<5} {:<13} {:<9} {:>18} {:>11} {:>9} {:>12} {:>11}  {}\n",
                                  "card", "PCI", "firmware", "memory", "queues", "spaces",
                                  "submissions", "interrupts", "engine");
    for (const CardStatus& card : cards)
        add_card(out, card);
    fmt::format_to(std::back_inserter(out), "\n{:<5} {:>8} {:<16} {:>12} {:>14} {:>14}\n", "card",
                   "pid", "client", "card memory", "system memory", "engine time");
    bool any = false;
    for (const CardStatus& card : cards)
        for (const Client& client : card.clients) {
            any = true;
            fmt::format_to(std::back_inserter(out),
                           "{:<5} {:>8} {:<16} {:>8} KiB {:>10} KiB {:>11.3f} s\n", card.node.index,
                           client.pid, client.name, client.card_bytes >> 10,
                           client.system_bytes >> 10, static_cast<double>(client.engine_ns) * 1e-9);
        }
    return any ? out : out + "no clients\n";
}

std::string json_text(const std::vector<CardStatus>& cards) {
    json out = {{"cards", json::array()}};
    for (const CardStatus& card : cards)
        out["cards"].push_back(card_json(card));
    return out.dump(2) + "\n";
}

}  // namespace skald::smi
