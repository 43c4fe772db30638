// SPDX-License-Identifier: MIT
#include "smi/json.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "libskald/device.hpp"

namespace skald::smi {
namespace {

using nlohmann::json;

template <class T>
json known(const std::optional<T>& value) {
    return value ? json(*value) : json();
}

json known(const std::string& text) {
    return text.empty() ? json() : json(text);
}

json client_json(const Client& client) {
    return {{"pid", client.pid},
            {"name", client.name},
            {"id", client.id},
            {"card_bytes", client.card_bytes},
            {"system_bytes", client.system_bytes},
            {"engine_ns", client.engine_ns},
            {"utilisation_percent", known(client.utilisation)}};
}

json model_json(const drm_skald_query_model& model) {
    return {{"chip", chip_name(model)},
            {"time_ns", model.time_ns},
            {"busy_ns",
             {{"memory", model.memory_ns},
              {"vector", model.vector_ns},
              {"matrix", model.matrix_ns},
              {"attention", model.attention_ns},
              {"selection", model.selection_ns},
              {"dram", model.dram_ns}}},
            {"dram_bytes", model.dram_bytes},
            {"energy_j", known(energy_j(model))},
            {"jobs", model.jobs},
            {"preemptions", model.preemptions},
            {"apart_ns", model.apart_ns}};
}

json card_json(const CardStatus& card) {
    json out = {
        {"index", card.node.path.empty() ? json() : json(card.node.index)},
        {"name", kCardName},
        {"path", known(card.node.path)},
        {"pci_address", card.node.pci_address},
        {"power_w", known(card.files.power_w)},
        {"energy_j", known(card.files.energy_j)},
        {"temperature_c", known(card.files.temperature_c)},
        {"errors",
         {{"corrected", known(card.files.corrected)},
          {"nonfatal", known(card.files.nonfatal)},
          {"fatal", known(card.files.fatal)}}},
        {"link",
         {{"speed", known(card.files.link_speed)}, {"width", known(card.files.link_width)}}}};
    if (!card.error.empty()) {
        out["error"] = card.error;
        return out;
    }
    out.update({{"firmware", rt::firmware_version_text(card.firmware.version)},
                {"resets", card.firmware.resets},
                {"heartbeat", card.firmware.heartbeat},
                {"memory_used", card.usage.mem_used},
                {"memory_total", card.device.mem_size},
                {"utilisation_percent", known(card.utilisation)},
                {"queues", card.usage.queues},
                {"queues_total", card.device.num_queues},
                {"vms", card.usage.vms},
                {"vms_total", card.device.num_contexts},
                {"submissions", card.usage.submissions},
                {"interrupts", card.usage.interrupts},
                {"micro_ops", card.usage.micro_ops},
                {"engine_simd", rt::simd_name(card.device.engine_simd)},
                {"engine_threads", card.device.engine_threads},
                {"device_abi", fmt::format("{}.{}", card.device.device_abi >> 16,
                                           card.device.device_abi & 0xffff)},
                {"model", card.model ? model_json(*card.model) : json()},
                {"hidden_clients", card.hidden_clients()},
                {"clients", json::array()}});
    for (const Client& client : card.clients)
        out["clients"].push_back(client_json(client));
    return out;
}

}  // namespace

std::string json_text(std::span<const CardStatus> cards, int indent) {
    json out = {{"cards", json::array()}};
    for (const CardStatus& card : cards)
        out["cards"].push_back(card_json(card));
    // Names of processes are bytes, JSON is UTF-8.
    return out.dump(indent, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace skald::smi
