// SPDX-License-Identifier: MIT
#include "machine.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <ranges>
#include <stdexcept>
#include <utility>

namespace skald::qtest {
namespace {

// The firmware blobs that the set-up puts beside the binary.
std::string blobs() {
    return (std::filesystem::path(qemu_binary()).parent_path() / "share").string();
}

std::vector<std::string> machine_command(const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {
        qemu_binary(), "-L", blobs(), "-nodefaults", "-no-user-config", "-display", "none",
        "-machine", "q35", "-m", "128", "-chardev", "socket,id=qtest0,fd=3", "-qtest",
        "chardev:qtest0", "-qtest-log", "none", "-chardev", "socket,id=qmp0,fd=4", "-mon",
        "chardev=qmp0,mode=control",
        // The slot's own registers unplug, not an ACPI table that nobody here interprets.
        "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    if (std::ranges::find(arguments, "-accel") == arguments.end()) {
        command.insert(command.end(), {"-accel", "qtest"});
    }
    return command;
}

std::string hex(std::uint64_t value) {
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.begin(), digits.end(), value, 16).ptr;
    return "0x" + std::string(digits.begin(), end);
}

char size_letter(unsigned bytes) {
    switch (bytes) {
        case 1:
            return 'b';
        case 2:
            return 'w';
        case 4:
            return 'l';
        case 8:
            return 'q';
        default:
            throw std::invalid_argument("no access of " + std::to_string(bytes) + " bytes");
    }
}

}  // namespace

std::string qemu_binary() {
    const char* path = std::getenv("SKALD_QEMU");
    if (path == nullptr || *path == '\0') {
        throw std::runtime_error(
            "SKALD_QEMU must name the qemu-system-x86_64 with the card; `make test` sets it");
    }
    return path;
}

Machine::Machine(const std::vector<std::string>& arguments)
    : Machine(arguments, socket_pair(), socket_pair()) {}

Machine::Machine(const std::vector<std::string>& arguments, std::pair<Fd, Fd> test,
                 std::pair<Fd, Fd> monitor)
    : process_(machine_command(arguments), {&test.second, &monitor.second}),
      test_("qtest", std::move(test.first)),
      monitor_("qmp", std::move(monitor.first)) {
    // Only QEMU may hold its ends, or we would never see it go.
    test.second.reset();
    monitor.second.reset();
    try {
        static_cast<void>(monitor_.receive());  // the greeting
        qmp("qmp_capabilities");
    } catch (const std::runtime_error& error) {
        static_cast<void>(process_.wait(kPatience));
        throw std::runtime_error(std::string(error.what()) + "\n" + process_.output());
    }
}

std::string Machine::command(const std::string& line) {
    if (held_back_) {
        held_back_->push_back(line);
        return "";
    }
    test_.send(line);
    return answer(line);
}

std::string Machine::answer(const std::string& line) {
    std::string answer = test_.receive();
    while (answer.starts_with("IRQ")) {
        answer = test_.receive();
    }
    if (!answer.starts_with("OK")) {
        throw std::runtime_error("qtest: " + line + ": " + answer);
    }
    return answer.substr(std::min<std::size_t>(answer.size(), 3));
}

void Machine::send_held_back() {
    std::vector<std::string> lines = *std::exchange(held_back_, std::nullopt);
    const std::string fill = "memset 0x4000000 0x4000000 0x0";  // the upper half of memory
    lines.insert(lines.begin(), 4, fill);
    std::string text = lines.front();
    for (const std::string& line : lines | std::views::drop(1)) {
        text += '\n' + line;
    }
    test_.send(text);
    for (const std::string& line : lines) {
        answer(line);
    }
}

std::uint64_t Machine::value(const std::string& line) {
    return std::stoull(command(line), nullptr, 16);
}

std::uint32_t Machine::in32(std::uint16_t port) {
    return static_cast<std::uint32_t>(value("inl " + hex(port)));
}

void Machine::out32(std::uint16_t port, std::uint32_t value) {
    command("outl " + hex(port) + " " + hex(value));
}

void Machine::out16(std::uint16_t port, std::uint16_t value) {
    command("outw " + hex(port) + " " + hex(value));
}

std::uint64_t Machine::read(std::uint64_t address, unsigned bytes) {
    return value(std::string("read") + size_letter(bytes) + " " + hex(address));
}

void Machine::write(std::uint64_t address, unsigned bytes, std::uint64_t value) {
    command(std::string("write") + size_letter(bytes) + " " + hex(address) + " " + hex(value));
}

std::vector<std::byte> Machine::read_block(std::uint64_t address, std::size_t bytes) {
    const std::string digits = command("read " + hex(address) + " " + hex(bytes)).substr(2);
    std::vector<std::byte> data(bytes);
    for (std::size_t i = 0; i < bytes; ++i) {
        data[i] = static_cast<std::byte>(std::stoul(digits.substr(2 * i, 2), nullptr, 16));
    }
    return data;
}

void Machine::write_block(std::uint64_t address, std::span<const std::byte> data) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string line = "write " + hex(address) + " " + hex(data.size()) + " 0x";
    for (const std::byte byte : data) {
        line += kDigits[std::to_integer<unsigned>(byte) >> 4];
        line += kDigits[std::to_integer<unsigned>(byte) & 15];
    }
    command(line);
}

void Machine::advance(std::chrono::nanoseconds time) {
    command("clock_step " + std::to_string(time.count()));
}

nlohmann::json Machine::qmp(std::string_view name, const nlohmann::json& arguments) {
    nlohmann::json request = {{"execute", name}};
    if (!arguments.is_null()) {
        request["arguments"] = arguments;
    }
    monitor_.send(request.dump());
    for (;;) {
        const nlohmann::json answer = nlohmann::json::parse(monitor_.receive());
        if (answer.contains("event")) {
            events_.push_back(answer["event"]);
        } else if (answer.contains("error")) {
            throw std::runtime_error(answer["error"]["desc"].get<std::string>());
        } else {
            return answer["return"];
        }
    }
}

void Machine::wait_event(std::string_view name) {
    for (;;) {
        if (const auto seen = std::ranges::find(events_, name); seen != events_.end()) {
            events_.erase(events_.begin(), seen + 1);
            return;
        }
        const nlohmann::json message = nlohmann::json::parse(monitor_.receive());
        if (message.contains("event")) {
            events_.push_back(message["event"]);
        }
    }
}

Outcome run_qemu(const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {qemu_binary(),     "-L",       blobs(), "-nodefaults",
                                        "-no-user-config", "-display", "none",  "-accel",
                                        "qtest",           "-machine", "q35"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    Process process(command, {});
    const std::optional<int> status = process.wait(kPatience);
    if (!status) {
        throw std::runtime_error("QEMU accepted what it should have refused, and runs");
    }
    return {*status, process.output()};
}

}  // namespace skald::qtest
