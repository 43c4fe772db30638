// SPDX-License-Identifier: MIT
// Snapshots of a card, as migration brings them: what a real card saved, with changes that the
// input chooses (a section, a place in it, how many bytes, their value), its checksum made right.
// What a card takes it must live with.
#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "card/snapshot/stream.hpp"
#include "support/board.hpp"
#include "support/host_access.hpp"
#include "support/target.hpp"

namespace skald::fuzz {
namespace {

using namespace std::chrono_literals;

// As qemu-device/card/snapshot lays a stream out.
constexpr std::size_t kHeader = 24;
constexpr std::size_t kSectionHeader = 32;
constexpr std::size_t kLength = 24;  // of a section, in its header
constexpr std::size_t kMostChanges = 16;

void pause(Board& board) {
    board.card().begin_pause();
    const auto until = std::chrono::steady_clock::now() + 10s;
    while (!board.card().paused()) {
        promise(std::chrono::steady_clock::now() < until, "a card comes to rest");
        Board::rest();
    }
}

// A card with contexts, queues and a job that was stopped.
Bytes saved_card() {
    Board board;
    board.boot(built_file(SKALD_FIRMWARE));
    promise(board.leaves(10s, SKALD_STATE_BOOTING), "the firmware boots");
    const Bytes accesses = orderly_driver();
    Source source(std::span(accesses).first(accesses.size() / 2));
    while (!source.empty())
        access(board, source);
    pause(board);
    return board.card().save();
}

// Where the sections are, each with its header.
std::vector<std::span<std::byte>> sections(std::span<std::byte> stream) {
    std::vector<std::span<std::byte>> all;
    for (std::size_t at = kHeader;
         at + kSectionHeader + crypto_hash_sha256_BYTES <= stream.size();) {
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, &stream[at + kLength], sizeof bytes);
        all.push_back(stream.subspan(at, kSectionHeader + bytes));
        at += all.back().size();
    }
    return all;
}

void change(std::span<std::byte> stream, Source& source) {
    const auto all = sections(stream);
    for (std::size_t n = 0; n < kMostChanges && !source.empty(); ++n) {
        const std::span<std::byte> section = all[source.byte() % all.size()];
        const std::size_t place = source.take<std::uint32_t>() % section.size();
        const auto value = source.bytes(1u << source.byte() % 4);
        const auto to = section.subspan(place);
        std::ranges::copy(value.first(std::min(value.size(), to.size())), to.begin());
    }
    const auto body = stream.first(stream.size() - crypto_hash_sha256_BYTES);
    crypto_hash_sha256(reinterpret_cast<unsigned char*>(stream.data() + body.size()),
                       reinterpret_cast<const unsigned char*>(body.data()), body.size());
}

}  // namespace

void run(std::span<const std::byte> input) {
    static const Bytes good = saved_card();
    Source source(input);
    Source changes(source.bytes(source.byte()));
    Bytes snapshot = good;
    change(snapshot, changes);
    Board board;
    pause(board);
    try {
        board.card().load(snapshot);
    } catch (const card::snapshot::Error& e) {
        promise(!std::string_view(e.what()).empty(), "a refusal says why");
        promise(board.status() == SKALD_STATE_IDLE, "a refused snapshot leaves the card as it was");
    }
    board.card().end_pause();
    while (!source.empty())
        access(board, source);
    (void)board.leaves(1ms, SKALD_STATE_RUNNING);
    board.card().begin_reset();
    promise(board.leaves(10s, SKALD_STATE_RESETTING), "a reset ends");
}

// No change, and a driver that goes on; then some changes here and there.
std::vector<Bytes> seeds() {
    const Bytes driver = orderly_driver();
    std::vector<Bytes> all = {Sink().byte(0).put(driver).bytes()};
    std::mt19937 random(7);
    for (unsigned n = 0; n < 16; ++n) {
        Sink some;
        some.byte(24);
        for (unsigned change = 0; change < 3; ++change)
            some.byte(random())
                .put(static_cast<std::uint32_t>(random() % 4096))
                .byte(2)
                .put(static_cast<std::uint32_t>(random() % 4));
        all.push_back(some.put(std::span(driver).first(64)).bytes());
    }
    return all;
}

}  // namespace skald::fuzz
