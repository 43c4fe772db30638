// SPDX-License-Identifier: MIT
// fdinfo keys are those of Documentation/gpu/drm-usage-stats.rst; the regions are "card" and
// "system".
#include "smi/clients.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

namespace skald::smi {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

// A process may call itself anything.
std::string printable(std::string_view text) {
    std::string out(text);
    std::ranges::replace_if(
        out, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, '?');
    return out;
}

template <class T>
bool parse_number(std::string_view text, T& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

// "12", "12 KiB", "12 MiB", "12 ns"
std::uint64_t quantity(std::string_view text) {
    const auto space = text.find(' ');
    std::uint64_t number = 0;
    if (!parse_number(text.substr(0, space), number))
        return 0;
    const std::string_view unit =
        space == std::string_view::npos ? "" : trim(text.substr(space + 1));
    if (unit == "KiB")
        return number << 10;
    if (unit == "MiB")
        return number << 20;
    return number;
}

void take(Client& client, std::string_view key, std::string_view value) {
    if (key == "drm-pdev")
        client.pci_address = value;
    else if (key == "drm-client-id")
        client.id = quantity(value);
    else if (key == "drm-total-card")
        client.card_bytes = quantity(value);
    else if (key == "drm-total-system")
        client.system_bytes = quantity(value);
    else if (key == "drm-engine-sequencer")
        client.engine_ns = quantity(value);
}

}  // namespace

std::optional<Client> parse_fdinfo(std::string_view text) {
    Client client;
    bool ours = false;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        const auto colon = line.find(':');
        if (colon == std::string_view::npos)
            continue;
        const std::string_view key = line.substr(0, colon);
        const std::string_view value = trim(line.substr(colon + 1));
        if (key == "drm-driver")
            ours = value == "skald";
        take(client, key, value);
    }
    return ours ? std::optional(client) : std::nullopt;
}

std::vector<Client> find_clients(const fs::path& proc, pid_t self) {
    std::vector<Client> clients;
    std::set<std::tuple<pid_t, std::string, std::uint64_t>> seen;
    std::error_code ignored;
    // Processes come and go meanwhile: whatever cannot be read is not there.
    for (const fs::directory_entry& process : fs::directory_iterator(proc, ignored)) {
        pid_t pid = 0;
        if (!parse_number<pid_t>(process.path().filename().string(), pid) || pid == self)
            continue;
        for (const fs::directory_entry& file :
             fs::directory_iterator(process.path() / "fdinfo", ignored)) {
            auto client = parse_fdinfo(read_file(file.path()));
            if (!client || !seen.insert({pid, client->pci_address, client->id}).second)
                continue;
            client->pid = pid;
            client->name = printable(trim(read_file(process.path() / "comm")));
            clients.push_back(std::move(*client));
        }
    }
    std::sort(clients.begin(), clients.end(), [](const Client& a, const Client& b) {
        return std::tie(a.pid, a.id) < std::tie(b.pid, b.id);
    });
    return clients;
}

}  // namespace skald::smi
