// SPDX-License-Identifier: MIT
// Queries through the runtime. The file this program opens is not counted as a client.
#include "smi/status.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>

#include "libskald/card_list.hpp"
#include "libskald/drm_device.hpp"
#include "libskald/error.hpp"

namespace skald::smi {
namespace {

CardStatus read_card(rt::Os& os, const rt::CardNode& node, const std::vector<Client>& clients) {
    CardStatus card;
    card.node = node;
    try {
        rt::DrmDevice device(os, node.path);
        card.device = device.info();
        card.firmware = device.firmware();
        card.usage = device.usage();
        card.model = device.model();
    } catch (const rt::Error& error) {
        card.error = error.what();
        card.error_code = error.code();
    }
    for (const Client& client : clients)
        if (client.pci_address == node.pci_address)
            card.clients.push_back(client);
    return card;
}

}  // namespace

std::string chip_name(const drm_skald_query_model& model) {
    return {std::begin(model.name), std::ranges::find(model.name, '\0')};
}

std::optional<double> energy_j(const drm_skald_query_model& model) {
    if ((model.flags & DRM_SKALD_MODEL_ENERGY) == 0)
        return std::nullopt;
    return static_cast<double>(model.energy_pj) * 1e-12;
}

std::uint64_t CardStatus::hidden_clients() const {
    std::set<std::uint64_t> seen;  // processes may share a file
    for (const Client& client : clients)
        seen.insert(client.id);
    return usage.clients > seen.size() + 1 ? usage.clients - seen.size() - 1 : 0;
}

Machine read_machine(rt::Os& os, const std::filesystem::path& sysfs,
                     const std::vector<Client>& clients) {
    Machine machine;
    const rt::CardList list = os.cards();
    for (const rt::CardNode& node : list.nodes)
        machine.cards.push_back(read_card(os, node, clients));
    for (const rt::StrayCard& stray : list.strays) {
        CardStatus& card = machine.cards.emplace_back();
        card.node.pci_address = stray.pci_address;
        card.error = stray_text(stray, list.driver_loaded);
        card.error_code = ENODEV;
    }
    for (CardStatus& card : machine.cards)
        card.files = read_card_files(sysfs, card.node.pci_address);
    if (machine.cards.empty() || list.error != 0) {
        machine.trouble = no_card_text(list);
        machine.trouble_code = list.error != 0 ? list.error : ENODEV;
    }
    return machine;
}

}  // namespace skald::smi
