// SPDX-License-Identifier: MIT
#include "smi/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "libskald/device.hpp"
#include "smi/fields.hpp"

namespace skald::smi {
namespace {

std::uint64_t mib(std::uint64_t bytes) {
    return bytes >> 20;
}

std::string with_unit(const std::optional<double>& value, const char* unit) {
    return value ? fmt::format("{:.0f} {}", *value, unit) : "N/A";
}

std::string link_text(const CardFiles& files) {
    if (files.link_speed.empty() || files.link_width.empty())
        return "N/A";
    return fmt::format("{} x{}", files.link_speed.substr(0, files.link_speed.find(' ')),
                       files.link_width);
}

void add_card(std::string& out, const CardStatus& card) {
    auto to = std::back_inserter(out);
    fmt::format_to(to, "{:<5} {:<13} ", index_text(card), card.node.pci_address);
    if (!card.error.empty()) {
        fmt::format_to(to, "{}\n", card.error);
        return;
    }
    fmt::format_to(to, "{:<9} {:>18} {:>6} {:>7} {:>6} {:>9} {:>9} {:>6} {:>9}  {} x {}\n",
                   rt::firmware_version_text(card.firmware.version),
                   fmt::format("{} / {} MiB", mib(card.usage.mem_used), mib(card.device.mem_size)),
                   with_unit(card.utilisation, "%"), with_unit(card.files.power_w, "W"),
                   with_unit(card.files.temperature_c, "C"),
                   fmt::format("{} / {}", card.usage.queues, card.device.num_queues),
                   fmt::format("{} / {}", card.usage.vms, card.device.num_contexts),
                   card.firmware.resets, link_text(card.files), card.device.engine_threads,
                   rt::simd_name(card.device.engine_simd));
}

// Shares of the modelled time; engines work beside each other.
void add_chip(std::string& out, const CardStatus& card) {
    if (!card.model)
        return;
    const drm_skald_query_model& model = *card.model;
    const auto share = [&](std::uint64_t ns) {
        return model.time_ns == 0 ? std::string("-")
                                  : fmt::format("{:.0f} %", 100.0 * static_cast<double>(ns) /
                                                                static_cast<double>(model.time_ns));
    };
    const auto joules = energy_j(model);
    fmt::format_to(std::back_inserter(out),
                   "{:<5} {:<20} {:>12.3f} ms {:>7} {:>7} {:>9} {:>9} {:>7} {:>7} {:>13}\n",
                   index_text(card), chip_name(model), static_cast<double>(model.time_ns) * 1e-6,
                   share(model.matrix_ns), share(model.vector_ns), share(model.attention_ns),
                   share(model.selection_ns), share(model.memory_ns), share(model.dram_ns),
                   joules ? fmt::format("{:.3f} mJ", *joules * 1e3) : "N/A");
}

void add_client(std::string& out, const CardStatus& card, const Client& client) {
    fmt::format_to(std::back_inserter(out),
                   "{:<5} {:>8} {:<16} {:>8} KiB {:>10} KiB {:>11.3f} s {:>6}\n", index_text(card),
                   client.pid, client.name, client.card_bytes >> 10, client.system_bytes >> 10,
                   static_cast<double>(client.engine_ns) * 1e-9,
                   with_unit(client.utilisation, "%"));
}

template <class Field>
void add_help(std::string& out, std::string_view title, std::span<const Field> fields) {
    fmt::format_to(std::back_inserter(out), "{}\n", title);
    for (const Field& field : fields)
        fmt::format_to(std::back_inserter(out), "  {:<20} {}{}\n", field.name, field.what,
                       field.unit.empty() ? "" : fmt::format(" [{}]", field.unit));
}

}  // namespace

std::string index_text(const CardStatus& card) {
    return card.node.path.empty() ? "-" : std::to_string(card.node.index);
}

std::string table(std::span<const CardStatus> cards) {
    std::string out =
        fmt::format("{:<5} {:<13} {:<9} {:>18} {:>6} {:>7} {:>6} {:>9} {:>9} {:>6} {:>9}  {}\n",
                    "card", "PCI", "firmware", "memory", "util", "power", "temp", "queues",
                    "spaces", "resets", "link", "engine");
    for (const CardStatus& card : cards)
        add_card(out, card);
    if (std::ranges::any_of(cards, [](const CardStatus& card) { return card.model.has_value(); }))
        fmt::format_to(std::back_inserter(out),
                       "\n{:<5} {:<20} {:>15} {:>7} {:>7} {:>9} {:>9} {:>7} {:>7} {:>13}\n", "card",
                       "modelled chip", "its time", "array", "vector", "attention", "selection",
                       "copies", "dram", "energy");
    for (const CardStatus& card : cards)
        add_chip(out, card);
    fmt::format_to(std::back_inserter(out), "\n{:<5} {:>8} {:<16} {:>12} {:>14} {:>13} {:>6}\n",
                   "card", "pid", "client", "card memory", "system memory", "engine time", "util");
    const std::size_t before = out.size();
    for (const CardStatus& card : cards) {
        for (const Client& client : card.clients)
            add_client(out, card, client);
        if (const std::uint64_t hidden = card.hidden_clients())
            fmt::format_to(
                std::back_inserter(out),
                "{:<5} {:>8} {} of other users, whose processes may not be looked into\n",
                index_text(card), "-", hidden);
    }
    return out.size() != before ? out : out + "no clients\n";
}

std::string list(std::span<const CardStatus> cards) {
    std::string out;
    for (const CardStatus& card : cards)
        fmt::format_to(std::back_inserter(out), "Card {}: {} ({}), {}\n", index_text(card),
                       kCardName, card.node.pci_address,
                       card.error.empty()
                           ? fmt::format("{} MiB, firmware {}", mib(card.device.mem_size),
                                         rt::firmware_version_text(card.firmware.version))
                           : card.error);
    return out;
}

std::string all_fields(std::span<const CardStatus> cards) {
    std::string out;
    for (const CardStatus& card : cards) {
        fmt::format_to(std::back_inserter(out), "{}Card {} ({})\n", out.empty() ? "" : "\n",
                       index_text(card), card.node.pci_address);
        for (const CardField& field : card_fields()) {
            const Value value = field.get(card);
            const bool unit = !field.unit.empty() && value.index() != 0;
            fmt::format_to(std::back_inserter(out), "    {:<20} : {}{}{}\n", field.name,
                           text_of(value), unit ? " " : "", unit ? field.unit : "");
        }
    }
    return out;
}

std::string field_help() {
    std::string out;
    add_help(out, "--query-card takes:", card_fields());
    add_help(out, "--query-clients takes:", client_fields());
    return out;
}

}  // namespace skald::smi
