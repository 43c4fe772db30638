// SPDX-License-Identifier: MIT
#include "smi/utilisation.hpp"

#include <algorithm>

namespace skald::smi {
namespace {

constexpr double kAll = 100;

std::uint64_t engine_ns_before(const Client& client, const Look& before) {
    const auto same = [&](const Client& other) {
        return other.pid == client.pid && other.id == client.id &&
               other.pci_address == client.pci_address;
    };
    const auto it = std::ranges::find_if(before.clients, same);
    return it == before.clients.end() ? 0 : std::min(it->engine_ns, client.engine_ns);
}

}  // namespace

void measure_utilisation(std::span<CardStatus> cards, const Look& before, std::int64_t now_ns) {
    const auto elapsed = static_cast<double>(std::max<std::int64_t>(1, now_ns - before.at_ns));
    for (CardStatus& card : cards) {
        if (!card.error.empty())
            continue;
        double sum = 0;
        for (Client& client : card.clients) {
            const std::uint64_t busy = client.engine_ns - engine_ns_before(client, before);
            const double share = kAll * static_cast<double>(busy) / elapsed;
            client.utilisation = std::min(kAll, share);
            sum += share;
        }
        if (card.hidden_clients() == 0)
            card.utilisation = std::min(kAll, sum);
    }
}

}  // namespace skald::smi
