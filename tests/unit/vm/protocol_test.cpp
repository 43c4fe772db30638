// SPDX-License-Identifier: MIT
// The control port's messages: round trips, pieces, and what a broken peer may send.
#include "vm/protocol.hpp"

#include <gtest/gtest.h>

namespace skald::vm {
namespace {

Message only_message(const std::vector<std::uint8_t>& frame) {
    FrameReader reader;
    reader.feed(frame);
    auto message = reader.next();
    EXPECT_TRUE(message.has_value());
    EXPECT_FALSE(reader.next().has_value());
    return message.value_or(Message{});
}

StartRequest full_request() {
    StartRequest request;
    request.terminal = true;
    request.window = {50, 132};
    request.directory = "/home/user/with blank";
    request.modules = {"skald"};
    request.shares = {"/a", "/b,c"};
    request.command = {"sh", "-c", "", "echo \"$0\"\n"};
    request.variables = {"TERM=xterm", "EMPTY="};
    return request;
}

TEST(Protocol, EveryMessageSurvivesTheRoundTrip) {
    EXPECT_EQ(decode_start(only_message(encode(full_request()))), full_request());
    EXPECT_EQ(decode_start(only_message(encode(StartRequest{}))), StartRequest{});
    const ExitReport report{143, 1ull << 40, 7};
    EXPECT_EQ(decode_exit(only_message(encode(report))), report);
    const Window window{65535, 1};
    EXPECT_EQ(decode_window(only_message(encode(window))), window);
    EXPECT_EQ(decode_number(only_message(encode_number(MessageType::kStdinEnd, UINT64_MAX))),
              UINT64_MAX);
    EXPECT_EQ(decode_text(only_message(encode_text(MessageType::kFailure, "why"))), "why");
}

TEST(Protocol, AFrameHasTheLayoutOfItsDrawing) {
    const std::vector<std::uint8_t> payload = {0xaa, 0xbb};
    EXPECT_EQ(encode_frame(MessageType::kSignal, payload),
              (std::vector<std::uint8_t>{5, 0, 0, 0, 2, 0, 0, 0, 0xaa, 0xbb}));
}

TEST(FrameReader, PutsFramesTogetherFromSingleBytes) {
    std::vector<std::uint8_t> bytes = encode(full_request());
    const auto second = encode_frame(MessageType::kHeartbeat);
    bytes.insert(bytes.end(), second.begin(), second.end());
    FrameReader reader;
    std::vector<Message> messages;
    for (const std::uint8_t byte : bytes) {
        reader.feed(std::span(&byte, 1));
        while (auto message = reader.next())
            messages.push_back(*message);
    }
    ASSERT_EQ(messages.size(), 2u);
    EXPECT_EQ(decode_start(messages[0]), full_request());
    EXPECT_EQ(messages[1].type, MessageType::kHeartbeat);
}

TEST(FrameReader, TakesSeveralFramesOfOneRead) {
    std::vector<std::uint8_t> bytes;
    for (std::uint64_t i = 0; i < 10; ++i) {
        const auto frame = encode_number(MessageType::kSignal, i);
        bytes.insert(bytes.end(), frame.begin(), frame.end());
    }
    FrameReader reader;
    reader.feed(bytes);
    for (std::uint64_t i = 0; i < 10; ++i)
        EXPECT_EQ(decode_number(reader.next().value()), i);
    EXPECT_FALSE(reader.next().has_value());
}

TEST(FrameReader, RefusesALengthBeyondTheLimit) {
    std::vector<std::uint8_t> frame = encode_frame(MessageType::kExit);
    frame[4] = 1;
    frame[6] = 0x40;  // 4 MiB and one byte
    FrameReader reader;
    reader.feed(frame);
    EXPECT_THROW(reader.next(), ProtocolError);
}

TEST(Protocol, EveryPrefixOfAPayloadIsRefused) {
    const Message whole = only_message(encode(full_request()));
    for (std::size_t size = 0; size < whole.payload.size(); ++size) {
        Message cut = whole;
        cut.payload.resize(size);
        EXPECT_THROW(decode_start(cut), ProtocolError) << size;
    }
}

TEST(Protocol, BytesBehindThePayloadAreRefused) {
    Message message = only_message(encode(ExitReport{}));
    message.payload.push_back(0);
    EXPECT_THROW(decode_exit(message), ProtocolError);
}

TEST(Protocol, AListThatClaimsMoreThanThereIsIsRefused) {
    Message message = only_message(encode(StartRequest{}));
    message.payload.back() = 0xff;  // count of the last list
    EXPECT_THROW(decode_start(message), ProtocolError);
}

}  // namespace
}  // namespace skald::vm
