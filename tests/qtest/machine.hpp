// SPDX-License-Identifier: MIT
// A QEMU whose guest is the test: port, memory and register accesses through the qtest protocol,
// the monitor through QMP.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "line_channel.hpp"
#include "process.hpp"

namespace skald::qtest {

// The binary under test, from SKALD_QEMU. Throws with the way out when it is not set.
[[nodiscard]] std::string qemu_binary();

class Machine {
  public:
    // A q35 machine with 128 MiB, no devices but those that arguments name, and no virtual CPU that
    // runs unless they name an accelerator.
    explicit Machine(const std::vector<std::string>& arguments);

    // Accesses of the guest. Every one has reached the device when it returns.
    [[nodiscard]] std::uint32_t in32(std::uint16_t port);
    void out32(std::uint16_t port, std::uint32_t value);
    void out16(std::uint16_t port, std::uint16_t value);
    [[nodiscard]] std::uint64_t read(std::uint64_t address, unsigned bytes);
    void write(std::uint64_t address, unsigned bytes, std::uint64_t value);
    [[nodiscard]] std::uint32_t read32(std::uint64_t address) {
        return static_cast<std::uint32_t>(read(address, 4));
    }
    void write32(std::uint64_t address, std::uint32_t value) { write(address, 4, value); }
    [[nodiscard]] std::vector<std::byte> read_block(std::uint64_t address, std::size_t bytes);
    void write_block(std::uint64_t address, std::span<const std::byte> data);
    // What call writes waits until its end and then goes out at once: QEMU does it all under one
    // hold of its lock, after having kept the lock so long that a virtual CPU which wants it waits
    // by then. call must not read.
    template <typename Call>
    void under_one_lock(Call call) {
        held_back_.emplace();
        call();
        send_held_back();
    }
    // Moves the virtual clock, which stands still otherwise.
    void advance(std::chrono::nanoseconds time);

    // The monitor. qmp() returns the answer's "return", or throws with QEMU's sentence.
    nlohmann::json qmp(std::string_view command, const nlohmann::json& arguments = {});
    void wait_event(std::string_view name);

    Process& process() { return process_; }

  private:
    Machine(const std::vector<std::string>& arguments, std::pair<Fd, Fd> test,
            std::pair<Fd, Fd> monitor);
    std::string command(const std::string& line);
    std::string answer(const std::string& line);
    void send_held_back();
    std::uint64_t value(const std::string& line);

    Process process_;
    LineChannel test_;
    LineChannel monitor_;
    std::vector<std::string> events_;
    std::optional<std::vector<std::string>> held_back_;
};

// Runs QEMU with arguments it should refuse or answer at once; gives its status and output.
struct Outcome {
    int status;
    std::string output;
};
[[nodiscard]] Outcome run_qemu(const std::vector<std::string>& arguments);

// Asks again and again until condition holds. Throws, naming what, when it never does.
template <typename Condition>
void wait_until(std::string_view what, Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) {
            throw std::runtime_error("waited in vain: " + std::string(what));
        }
    }
}

}  // namespace skald::qtest
