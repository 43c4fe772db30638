// SPDX-License-Identifier: MIT
// What skald-vm and the guest's init say to each other: framed messages on the control port. The
// command's own streams travel unframed on ports of their own; their ends are byte counts told
// here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace skald::vm {

// Names of the virtio-serial ports, as the guest finds them in /sys/class/virtio-ports/*/name.
inline constexpr std::string_view kControlPort = "skald.control";
inline constexpr std::string_view kStdinPort = "skald.stdin";
inline constexpr std::string_view kStdoutPort = "skald.stdout";
inline constexpr std::string_view kStderrPort = "skald.stderr";

inline constexpr std::uint32_t kMaxPayload = 4u << 20;

enum class MessageType : std::uint32_t {
    kReady = 1,      // guest: init runs and listens
    kStart = 2,      // host: StartRequest
    kStarted = 3,    // guest: the command runs (or its exec is under way)
    kHeartbeat = 4,  // guest: once a second, so that a dead kernel is noticed
    kSignal = 5,     // host: Number, a signal for the command's process group
    kWindow = 6,     // host: Window, the terminal changed its size
    kStdinEnd = 7,   // host: Number, bytes of stdin there were in all
    kExit = 8,       // guest: ExitReport, all is written and unmounted
    kFailure = 9,    // guest: text, why the command could not be run at all
    kPowerOff = 10,  // host: everything arrived, switch off
};

// A frame on the wire: type and payload length, 32 bits each, little-endian, then the payload.
//   +------+--------+-----------------+
//   | type | length | payload[length] |
//   +------+--------+-----------------+
inline constexpr std::size_t kFrameHeader = 8;

struct Message {
    MessageType type{};
    std::vector<std::uint8_t> payload;
};

// The other side broke the protocol; nothing that follows can be trusted.
class ProtocolError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

struct Window {
    std::uint16_t rows = 0;
    std::uint16_t columns = 0;
    bool operator==(const Window&) const = default;
};

struct StartRequest {
    bool terminal = false;  // a pseudo-terminal instead of three pipes
    Window window;
    std::string directory;               // where the command starts, if the guest has it
    std::vector<std::string> modules;    // kernel modules to load first
    std::vector<std::string> shares;     // mount points; share i has the 9p tag "share<i>"
    std::vector<std::string> command;    // empty: a login shell
    std::vector<std::string> variables;  // NAME=value
    bool operator==(const StartRequest&) const = default;
};

struct ExitReport {
    std::uint32_t status = 0;  // as a shell tells it: 128 + n for a signal
    std::uint64_t stdout_bytes = 0;
    std::uint64_t stderr_bytes = 0;
    bool operator==(const ExitReport&) const = default;
};

std::vector<std::uint8_t> encode_frame(MessageType type,
                                       std::span<const std::uint8_t> payload = {});

std::vector<std::uint8_t> encode(const StartRequest& request);
std::vector<std::uint8_t> encode(const ExitReport& report);
std::vector<std::uint8_t> encode(const Window& window);
std::vector<std::uint8_t> encode_number(MessageType type, std::uint64_t value);
std::vector<std::uint8_t> encode_text(MessageType type, std::string_view text);

StartRequest decode_start(const Message& message);
ExitReport decode_exit(const Message& message);
Window decode_window(const Message& message);
std::uint64_t decode_number(const Message& message);
std::string decode_text(const Message& message);

// Puts frames together again from whatever pieces a read returned.
class FrameReader {
  public:
    void feed(std::span<const std::uint8_t> bytes);
    // The next whole message, if there is one. Throws ProtocolError at a length beyond kMaxPayload.
    std::optional<Message> next();

  private:
    std::vector<std::uint8_t> pending_;
    std::size_t consumed_ = 0;
};

}  // namespace skald::vm
