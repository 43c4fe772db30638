// SPDX-License-Identifier: MIT
// fdinfo, read by the rules of the kernel's Documentation/gpu/drm-usage-stats.rst and nothing else.
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "context.hpp"

namespace skald::test {
namespace {

using Values = std::map<std::string, std::string>;

// "One key value pair per line", key and value separated by a colon, "white space shall be ignored
// between the separator and first non-whitespace character".
Values read_fdinfo(const Device& device) {
    Values values;
    std::istringstream lines(read_file("/proc/self/fdinfo/" + std::to_string(device.fd())));
    for (std::string line; std::getline(lines, line);) {
        const std::size_t colon = line.find(':');
        EXPECT_NE(colon, std::string::npos) << line;
        const std::string key = line.substr(0, colon);
        const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
        // Keys that do not begin with drm- or the driver's name belong to others.
        if (!key.starts_with("drm-"))
            continue;
        EXPECT_NE(begin, std::string::npos) << key << " has no value";
        EXPECT_TRUE(values.emplace(key, line.substr(begin)).second) << key << " is there twice";
    }
    return values;
}

// "<uint> [unit]"; the unit is one of those given, the first of which is 1.
std::optional<std::uint64_t> number(std::string_view text, std::string_view wanted_unit) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc())
        return std::nullopt;
    std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    if (wanted_unit == "bytes") {
        if (unit == " KiB")
            return value << 10;
        if (unit == " MiB")
            return value << 20;
        return unit.empty() ? std::optional(value) : std::nullopt;
    }
    if (wanted_unit.empty())
        return unit.empty() ? std::optional(value) : std::nullopt;
    return unit.size() > 1 && unit[0] == ' ' && unit.substr(1) == wanted_unit ? std::optional(value)
                                                                              : std::nullopt;
}

std::uint64_t must(const Values& values, const std::string& key, std::string_view unit) {
    const auto found = values.find(key);
    EXPECT_NE(found, values.end()) << key;
    if (found == values.end())
        return 0;
    const auto value = number(found->second, unit);
    EXPECT_TRUE(value) << key << ": '" << found->second << "'";
    return value.value_or(0);
}

TEST(UapiFdinfo, FollowsTheDocument) {
    const Device device;
    const Context context(device);
    const Values values = read_fdinfo(device);
    // Mandatory, and for PCI devices drm-pdev "shall contain the PCI slot address".
    EXPECT_EQ(values.at("drm-driver"), "skald");
    EXPECT_EQ("/sys/bus/pci/devices/" + values.at("drm-pdev"), card_sysfs());
    must(values, "drm-client-id", "");
    const std::map<std::string, std::string_view> kinds = {
        {"drm-engine-capacity-", ""}, {"drm-engine-", "ns"},      {"drm-cycles-", ""},
        {"drm-total-cycles-", ""},    {"drm-maxfreq-", "Hz"},     {"drm-total-", "bytes"},
        {"drm-shared-", "bytes"},     {"drm-resident-", "bytes"}, {"drm-active-", "bytes"},
        {"drm-purgeable-", "bytes"},  {"drm-memory-", "bytes"}};
    for (const auto& [key, value] : values) {
        if (key == "drm-driver" || key == "drm-pdev" || key == "drm-client-id")
            continue;
        // The longest prefix decides.
        const std::pair<const std::string, std::string_view>* kind = nullptr;
        for (const auto& candidate : kinds)
            if (key.starts_with(candidate.first) && key.size() > candidate.first.size() &&
                (!kind || candidate.first.size() > kind->first.size()))
                kind = &candidate;
        ASSERT_NE(kind, nullptr) << key << " is not in the document";
        EXPECT_TRUE(number(value, kind->second)) << key << ": '" << value << "'";
    }
    for (const std::string region : {"card", "system"}) {
        const std::uint64_t total = must(values, "drm-total-" + region, "bytes");
        EXPECT_LE(must(values, "drm-shared-" + region, "bytes"), total);
        EXPECT_LE(must(values, "drm-resident-" + region, "bytes"), total);
    }
}

TEST(UapiFdinfo, ClientsHaveIdsOfTheirOwn) {
    const Device first, second;
    EXPECT_NE(must(read_fdinfo(first), "drm-client-id", ""),
              must(read_fdinfo(second), "drm-client-id", ""));
}

TEST(UapiFdinfo, MemoryIsCountedWhereItIs) {
    const Device device;
    const Values before = read_fdinfo(device);
    std::uint32_t card = 0, system = 0;
    ASSERT_EQ(device.bo_create(3 * kBig, DRM_SKALD_BO_CARD, &card), 0);
    ASSERT_EQ(device.bo_create(kMiB, DRM_SKALD_BO_SYSTEM, &system), 0);
    const Values with = read_fdinfo(device);
    const auto grown = [&](const Values& now, const std::string& key) {
        return must(now, key, "bytes") - must(before, key, "bytes");
    };
    EXPECT_EQ(grown(with, "drm-total-card"), 3 * kBig);
    EXPECT_EQ(grown(with, "drm-resident-card"), 3 * kBig);
    EXPECT_EQ(grown(with, "drm-shared-card"), 0u);
    EXPECT_EQ(grown(with, "drm-total-system"), kMiB);
    EXPECT_EQ(grown(with, "drm-resident-system"), 0u) << "nobody has touched it";
    const Mapping map = device.map(system, kMiB);
    map.at<std::uint64_t>(0) = 1;
    EXPECT_EQ(grown(read_fdinfo(device), "drm-resident-system"), kMiB);
    ASSERT_EQ(device.bo_close(card), 0);
    ASSERT_EQ(device.bo_close(system), 0);
    EXPECT_EQ(grown(read_fdinfo(device), "drm-total-card"), 0u);
    EXPECT_EQ(grown(read_fdinfo(device), "drm-total-system"), 0u);
}

TEST(UapiFdinfo, SharedMemoryIsCountedAsSuchByBoth) {
    const Device device, other;
    std::uint32_t handle = 0;
    ASSERT_EQ(device.bo_create(kMiB, DRM_SKALD_BO_SYSTEM, &handle), 0);
    drm_prime_handle prime{handle, DRM_CLOEXEC | DRM_RDWR, -1};
    ASSERT_EQ(device.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
    const Fd dmabuf(prime.fd);
    drm_prime_handle import{0, 0, prime.fd};
    ASSERT_EQ(other.call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &import), 0);
    for (const Device* client : {&device, &other})
        EXPECT_EQ(must(read_fdinfo(*client), "drm-shared-system", "bytes"), kMiB);
}

TEST(UapiFdinfo, EngineTimeIsThatOfTheClientsJobsAndNeverShrinks) {
    const Device device, idle;
    {
        Context context(device);
        std::uint64_t last = 0;
        for (std::uint64_t jobs = 1; jobs <= 3; ++jobs) {
            drm_skald_job job = context.load(
                announce_and(Program().wait_semaphore(Context::data_va(9), jobs).end()));
            context.data(0) = 0;
            const std::int64_t start = monotonic_ns();
            ASSERT_EQ(device.submit(context.queue(), {&job, 1}), 0);
            ASSERT_TRUE(wait_word(context, 0, 1));
            ::usleep(20000);
            context.data(9) = jobs;
            ASSERT_EQ(device.wait_completed(context.queue(), jobs), 0);
            const std::int64_t spent = monotonic_ns() - start;
            const std::uint64_t now = must(read_fdinfo(device), "drm-engine-sequencer", "ns");
            EXPECT_GT(now, last);
            EXPECT_LE(now - last, static_cast<std::uint64_t>(spent));
            last = now;
        }
        // A queue that ends takes nothing of it with it.
        ASSERT_EQ(device.queue_destroy(context.queue()), 0);
        EXPECT_EQ(must(read_fdinfo(device), "drm-engine-sequencer", "ns"), last);
    }
    EXPECT_EQ(must(read_fdinfo(idle), "drm-engine-sequencer", "ns"), 0u);
}

}  // namespace
}  // namespace skald::test
