// SPDX-License-Identifier: MIT
// Making and filling buffers, and what the driver tells of them.
#include "client.hpp"

#include <filesystem>
#include <sstream>
#include <stdexcept>

namespace skald::test {
namespace {

// The first word to be filled behind one at `at`.
std::uint64_t next(std::uint64_t at) {
    return at + (at < Client::kBlock ? 8 : 4096);
}

}  // namespace

std::uint64_t pattern(std::uint64_t seed, std::uint64_t buffer, std::uint64_t at) {
    return (seed * 0x9e3779b97f4a7c15ull) ^ (buffer << 40) ^ (at * 0xbf58476d1ce4e5b9ull);
}

Client::Client(std::uint64_t bytes, std::uint64_t seed) : context_(device_), seed_(seed) {
    for (std::uint64_t i = 0; i < bytes / kEach; ++i) {
        std::uint32_t handle = 0;
        if (device_.bo_create(kEach, DRM_SKALD_BO_CARD, &handle) != 0 ||
            device_.map_va(context_.vm(), handle, va(i), kEach) != 0)
            throw std::runtime_error("a client's buffer");
        handles_.push_back(handle);
        maps_.push_back(device_.map(handle, kEach));
    }
}

void Client::fill() const {
    for (std::uint64_t i = 0; i < size(); ++i)
        for (std::uint64_t at = 0; at < kEach; at = next(at))
            maps_[i].at<std::uint64_t>(at) = pattern(seed_, i, at);
}

std::optional<std::string> Client::wrong() const {
    for (std::uint64_t i = 0; i < size(); ++i)
        for (std::uint64_t at = 0; at < kEach; at = next(at))
            if (maps_[i].at<std::uint64_t>(at) != pattern(seed_, i, at))
                return "buffer " + std::to_string(i) + ", byte " + std::to_string(at);
    return std::nullopt;
}

std::uint64_t Client::fdinfo(const std::string& key) const {
    std::istringstream lines(read_file("/proc/self/fdinfo/" + std::to_string(device_.fd())));
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(key + ":")) {
            std::istringstream words(line.substr(key.size() + 1));
            std::uint64_t value = 0;
            std::string unit;
            words >> value >> unit;
            return unit == "MiB" ? value << 20 : unit == "KiB" ? value << 10 : value;
        }
    ADD_FAILURE() << "no " << key;
    return 0;
}

std::uint64_t card_bytes() {
    return Device().info().mem_size;
}

std::uint64_t three_quarters() {
    return card_bytes() * 3 / 4 / Client::kEach * Client::kEach;
}

std::uint64_t debugfs_memory(const std::string& key) {
    const std::string card = std::filesystem::path(card_sysfs()).filename().string();
    std::istringstream lines(read_file("/sys/kernel/debug/accel/" + card + "/memory"));
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(key + ": "))
            return std::stoull(line.substr(key.size() + 2));
    ADD_FAILURE() << "no " << key;
    return 0;
}

}  // namespace skald::test
