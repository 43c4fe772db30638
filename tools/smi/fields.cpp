// SPDX-License-Identifier: MIT
#include "smi/fields.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>

#include "libskald/device.hpp"

namespace skald::smi {
namespace {

constexpr double kMiB = 1 << 20;

template <class T>
Value known(const std::optional<T>& value) {
    return value ? Value(*value) : Value();
}

Value known(const std::string& text) {
    return text.empty() ? Value() : Value(text);
}

// What only the driver tells.
template <class Get>
Value answered(const CardStatus& card, Get get) {
    return card.error.empty() ? Value(get(card)) : Value();
}

// What only a card tells that models a chip.
template <class Get>
Value modelled(const CardStatus& card, Get get) {
    return card.model ? Value(get(*card.model)) : Value();
}

double ms(std::uint64_t ns) {
    return static_cast<double>(ns) * 1e-6;
}

std::uint64_t mib(std::uint64_t bytes) {
    return bytes >> 20;
}

Value now(const CardStatus&) {
    const std::time_t time = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&time, &local);
    return fmt::format("{:%Y-%m-%d %H:%M:%S}", local);
}

using S = CardStatus;
using M = drm_skald_query_model;
constexpr std::array kCardFields = {
    CardField{"timestamp", "", "local time of the look", now},
    CardField{"index", "", "N of /dev/accel/accelN",
              [](const S& c) {
                  return c.node.path.empty() ? Value() : Value(std::uint64_t{c.node.index});
              }},
    CardField{"name", "", "kind of card", [](const S&) { return Value(std::string(kCardName)); }},
    CardField{"pci.bus_id", "", "address on the PCI bus",
              [](const S& c) { return Value(c.node.pci_address); }},
    CardField{"path", "", "the card's node", [](const S& c) { return known(c.node.path); }},
    CardField{"status", "", "ok, or why the card cannot be asked",
              [](const S& c) { return Value(c.error.empty() ? std::string("ok") : c.error); }},
    CardField{"firmware.version", "", "of the running firmware",
              [](const S& c) {
                  return answered(
                      c, [](const S& s) { return rt::firmware_version_text(s.firmware.version); });
              }},
    CardField{"firmware.heartbeat", "", "counts up while the firmware runs",
              [](const S& c) {
                  return answered(c,
                                  [](const S& s) { return std::uint64_t{s.firmware.heartbeat}; });
              }},
    CardField{
        "memory.total", "MiB", "memory of the card",
        [](const S& c) { return answered(c, [](const S& s) { return mib(s.device.mem_size); }); }},
    CardField{
        "memory.used", "MiB", "of it in use, page tables and rings included",
        [](const S& c) { return answered(c, [](const S& s) { return mib(s.usage.mem_used); }); }},
    CardField{"memory.free", "MiB", "the rest",
              [](const S& c) {
                  return answered(
                      c, [](const S& s) { return mib(s.device.mem_size - s.usage.mem_used); });
              }},
    CardField{"utilisation", "%",
              "time the engine was busy since the last look, by jobs that ended",
              [](const S& c) { return known(c.utilisation); }},
    CardField{"chip.name", "", "the modelled chip: whose time and energy are counted",
              [](const S& c) { return modelled(c, [](const M& m) { return chip_name(m); }); }},
    CardField{"chip.time", "ms", "modelled time of all runs since the card was reset",
              [](const S& c) { return modelled(c, [](const M& m) { return ms(m.time_ns); }); }},
    CardField{"chip.busy.matrix", "ms", "of it the array worked",
              [](const S& c) { return modelled(c, [](const M& m) { return ms(m.matrix_ns); }); }},
    CardField{"chip.busy.vector", "ms", "the vector unit",
              [](const S& c) { return modelled(c, [](const M& m) { return ms(m.vector_ns); }); }},
    CardField{
        "chip.busy.attention", "ms", "attention",
        [](const S& c) { return modelled(c, [](const M& m) { return ms(m.attention_ns); }); }},
    CardField{
        "chip.busy.selection", "ms", "selection",
        [](const S& c) { return modelled(c, [](const M& m) { return ms(m.selection_ns); }); }},
    CardField{"chip.busy.memory", "ms", "copies",
              [](const S& c) { return modelled(c, [](const M& m) { return ms(m.memory_ns); }); }},
    CardField{"chip.busy.dram", "ms", "the channel of its memory",
              [](const S& c) { return modelled(c, [](const M& m) { return ms(m.dram_ns); }); }},
    CardField{"chip.energy", "mJ", "modelled energy of all runs since the card was reset",
              [](const S& c) {
                  const auto joules = c.model ? energy_j(*c.model) : std::nullopt;
                  return joules ? Value(*joules * 1e3) : Value();
              }},
    CardField{"chip.preemptions", "", "of jobs, whose cost is apart",
              [](const S& c) { return modelled(c, [](const M& m) { return m.preemptions; }); }},
    CardField{"chip.apart", "ms", "modelled time of jobs and preemptions besides",
              [](const S& c) { return modelled(c, [](const M& m) { return ms(m.apart_ns); }); }},
    CardField{"power.draw", "W", "by the card's sensor",
              [](const S& c) { return known(c.files.power_w); }},
    CardField{"energy", "J", "since the card started, by the card's sensor",
              [](const S& c) { return known(c.files.energy_j); }},
    CardField{"temperature", "C", "by the card's sensor",
              [](const S& c) { return known(c.files.temperature_c); }},
    CardField{"clients", "", "open files of the card",
              [](const S& c) {
                  return answered(c,
                                  [](const S& s) { return s.clients.size() + s.hidden_clients(); });
              }},
    CardField{"queues.used", "", "queues in use",
              [](const S& c) {
                  return answered(c, [](const S& s) { return std::uint64_t{s.usage.queues}; });
              }},
    CardField{"queues.total", "", "queues of the card",
              [](const S& c) {
                  return answered(c, [](const S& s) { return std::uint64_t{s.device.num_queues}; });
              }},
    CardField{"spaces.used", "", "address spaces in use",
              [](const S& c) {
                  return answered(c, [](const S& s) { return std::uint64_t{s.usage.vms}; });
              }},
    CardField{"spaces.total", "", "address spaces of the card",
              [](const S& c) {
                  return answered(c,
                                  [](const S& s) { return std::uint64_t{s.device.num_contexts}; });
              }},
    CardField{"submissions", "", "jobs since the driver has the card",
              [](const S& c) {
                  return answered(c, [](const S& s) { return std::uint64_t{s.usage.submissions}; });
              }},
    CardField{"interrupts", "", "since the driver has the card",
              [](const S& c) {
                  return answered(c, [](const S& s) { return std::uint64_t{s.usage.interrupts}; });
              }},
    CardField{"micro_ops", "", "retired since the driver has the card",
              [](const S& c) {
                  return answered(c, [](const S& s) { return std::uint64_t{s.usage.micro_ops}; });
              }},
    CardField{"resets", "", "of the card since the driver has it",
              [](const S& c) {
                  return answered(c, [](const S& s) { return std::uint64_t{s.firmware.resets}; });
              }},
    CardField{"errors.corrected", "", "on the bus, by advanced error reporting",
              [](const S& c) { return known(c.files.corrected); }},
    CardField{"errors.nonfatal", "", "likewise",
              [](const S& c) { return known(c.files.nonfatal); }},
    CardField{"errors.fatal", "", "likewise", [](const S& c) { return known(c.files.fatal); }},
    CardField{"pcie.link.speed", "", "of the link as it is now",
              [](const S& c) { return known(c.files.link_speed); }},
    CardField{"pcie.link.width", "", "lanes of the link as it is now",
              [](const S& c) { return known(c.files.link_width); }},
    CardField{"engine.threads", "", "threads of the host that compute",
              [](const S& c) {
                  return answered(
                      c, [](const S& s) { return std::uint64_t{s.device.engine_threads}; });
              }},
    CardField{"engine.simd", "", "instructions of the host that compute",
              [](const S& c) {
                  return answered(c,
                                  [](const S& s) { return rt::simd_name(s.device.engine_simd); });
              }},
    CardField{"device.abi", "", "version of the card's registers",
              [](const S& c) {
                  return answered(c, [](const S& s) {
                      return fmt::format("{}.{}", s.device.device_abi >> 16,
                                         s.device.device_abi & 0xffff);
                  });
              }},
};

constexpr std::array kClientFields = {
    ClientField{"timestamp", "", "local time of the look",
                [](const S& c, const Client&) { return now(c); }},
    ClientField{"card.index", "", "N of /dev/accel/accelN",
                [](const S& c, const Client&) { return Value(std::uint64_t{c.node.index}); }},
    ClientField{"card.pci.bus_id", "", "address of the card on the PCI bus",
                [](const S& c, const Client&) { return Value(c.node.pci_address); }},
    ClientField{"pid", "", "process",
                [](const S&, const Client& p) { return Value(static_cast<std::uint64_t>(p.pid)); }},
    ClientField{"name", "", "of the process",
                [](const S&, const Client& p) { return Value(p.name); }},
    ClientField{"id", "", "of the open file, which processes may share",
                [](const S&, const Client& p) { return Value(p.id); }},
    ClientField{
        "memory.card", "MiB", "of the card",
        [](const S&, const Client& p) { return Value(static_cast<double>(p.card_bytes) / kMiB); }},
    ClientField{"memory.system", "MiB", "of the system, for the card",
                [](const S&, const Client& p) {
                    return Value(static_cast<double>(p.system_bytes) / kMiB);
                }},
    ClientField{
        "engine.time", "s", "of jobs that ended",
        [](const S&, const Client& p) { return Value(static_cast<double>(p.engine_ns) * 1e-9); }},
    ClientField{"utilisation", "%", "time on the engine since the last look",
                [](const S&, const Client& p) { return known(p.utilisation); }},
};

template <class Field>
const Field* find(std::span<const Field> fields, std::string_view name) {
    const auto it = std::ranges::find(fields, name, &Field::name);
    return it == fields.end() ? nullptr : &*it;
}

}  // namespace

std::string text_of(const Value& value) {
    if (const auto* number = std::get_if<std::uint64_t>(&value))
        return std::to_string(*number);
    if (const auto* number = std::get_if<double>(&value))
        return fmt::format("{:.1f}", *number);
    const auto* text = std::get_if<std::string>(&value);
    return text == nullptr ? "N/A" : *text;
}

std::span<const CardField> card_fields() {
    return kCardFields;
}

std::span<const ClientField> client_fields() {
    return kClientFields;
}

const CardField* find_card_field(std::string_view name) {
    return find(card_fields(), name);
}

const ClientField* find_client_field(std::string_view name) {
    return find(client_fields(), name);
}

}  // namespace skald::smi
