// SPDX-License-Identifier: MIT
// Encoding and decoding of the control port's messages.
#include "vm/protocol.hpp"

namespace skald::vm {
namespace {

class Writer {
  public:
    template <typename T>
    void number(T value) {
        for (std::size_t i = 0; i < sizeof(T); ++i)
            bytes_.push_back(
                static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * i)));
    }
    void text(std::string_view value) {
        number(static_cast<std::uint32_t>(value.size()));
        bytes_.insert(bytes_.end(), value.begin(), value.end());
    }
    void list(const std::vector<std::string>& values) {
        number(static_cast<std::uint32_t>(values.size()));
        for (const std::string& value : values)
            text(value);
    }
    std::vector<std::uint8_t> take() { return std::move(bytes_); }

  private:
    std::vector<std::uint8_t> bytes_;
};

class Reader {
  public:
    explicit Reader(const Message& message) : rest_(message.payload) {}

    template <typename T>
    T number() {
        need(sizeof(T));
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < sizeof(T); ++i)
            value |= static_cast<std::uint64_t>(rest_[i]) << (8 * i);
        rest_ = rest_.subspan(sizeof(T));
        return static_cast<T>(value);
    }
    std::string text() {
        const auto size = number<std::uint32_t>();
        need(size);
        std::string value(rest_.begin(), rest_.begin() + size);
        rest_ = rest_.subspan(size);
        return value;
    }
    std::vector<std::string> list() {
        const auto count = number<std::uint32_t>();
        std::vector<std::string> values;
        for (std::uint32_t i = 0; i < count; ++i)
            values.push_back(text());
        return values;
    }
    void end() const {
        if (!rest_.empty())
            throw ProtocolError("a control message is longer than its type allows");
    }

  private:
    void need(std::size_t size) const {
        if (rest_.size() < size)
            throw ProtocolError("a control message ends too early");
    }
    std::span<const std::uint8_t> rest_;
};

}  // namespace

std::vector<std::uint8_t> encode_frame(MessageType type, std::span<const std::uint8_t> payload) {
    Writer writer;
    writer.number(static_cast<std::uint32_t>(type));
    writer.number(static_cast<std::uint32_t>(payload.size()));
    std::vector<std::uint8_t> frame = writer.take();
    frame.insert(frame.end(), payload.begin(), payload.end());
    return frame;
}

std::vector<std::uint8_t> encode(const StartRequest& request) {
    Writer writer;
    writer.number(static_cast<std::uint8_t>(request.terminal));
    writer.number(request.window.rows);
    writer.number(request.window.columns);
    writer.text(request.directory);
    writer.list(request.modules);
    writer.list(request.shares);
    writer.list(request.command);
    writer.list(request.variables);
    return encode_frame(MessageType::kStart, writer.take());
}

StartRequest decode_start(const Message& message) {
    Reader reader(message);
    StartRequest request;
    request.terminal = reader.number<std::uint8_t>() != 0;
    request.window.rows = reader.number<std::uint16_t>();
    request.window.columns = reader.number<std::uint16_t>();
    request.directory = reader.text();
    request.modules = reader.list();
    request.shares = reader.list();
    request.command = reader.list();
    request.variables = reader.list();
    reader.end();
    return request;
}

std::vector<std::uint8_t> encode(const ExitReport& report) {
    Writer writer;
    writer.number(report.status);
    writer.number(report.stdout_bytes);
    writer.number(report.stderr_bytes);
    return encode_frame(MessageType::kExit, writer.take());
}

ExitReport decode_exit(const Message& message) {
    Reader reader(message);
    ExitReport report;
    report.status = reader.number<std::uint32_t>();
    report.stdout_bytes = reader.number<std::uint64_t>();
    report.stderr_bytes = reader.number<std::uint64_t>();
    reader.end();
    return report;
}

std::vector<std::uint8_t> encode(const Window& window) {
    Writer writer;
    writer.number(window.rows);
    writer.number(window.columns);
    return encode_frame(MessageType::kWindow, writer.take());
}

Window decode_window(const Message& message) {
    Reader reader(message);
    Window window;
    window.rows = reader.number<std::uint16_t>();
    window.columns = reader.number<std::uint16_t>();
    reader.end();
    return window;
}

std::vector<std::uint8_t> encode_number(MessageType type, std::uint64_t value) {
    Writer writer;
    writer.number(value);
    return encode_frame(type, writer.take());
}

std::uint64_t decode_number(const Message& message) {
    Reader reader(message);
    const auto value = reader.number<std::uint64_t>();
    reader.end();
    return value;
}

std::vector<std::uint8_t> encode_text(MessageType type, std::string_view text) {
    Writer writer;
    writer.text(text);
    return encode_frame(type, writer.take());
}

std::string decode_text(const Message& message) {
    Reader reader(message);
    std::string text = reader.text();
    reader.end();
    return text;
}

void FrameReader::feed(std::span<const std::uint8_t> bytes) {
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(consumed_));
    consumed_ = 0;
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
}

std::optional<Message> FrameReader::next() {
    const std::span<const std::uint8_t> rest = std::span(pending_).subspan(consumed_);
    if (rest.size() < kFrameHeader)
        return std::nullopt;
    const auto word = [&rest](std::size_t at) {
        return static_cast<std::uint32_t>(rest[at]) |
               static_cast<std::uint32_t>(rest[at + 1]) << 8 |
               static_cast<std::uint32_t>(rest[at + 2]) << 16 |
               static_cast<std::uint32_t>(rest[at + 3]) << 24;
    };
    const std::uint32_t length = word(4);
    if (length > kMaxPayload)
        throw ProtocolError("a control message of " + std::to_string(length) +
                            " bytes is longer than the " + std::to_string(kMaxPayload) +
                            " allowed");
    if (rest.size() - kFrameHeader < length)
        return std::nullopt;
    Message message{static_cast<MessageType>(word(0)), {}};
    const auto payload = rest.subspan(kFrameHeader, length);
    message.payload.assign(payload.begin(), payload.end());
    consumed_ += kFrameHeader + length;
    return message;
}

}  // namespace skald::vm
