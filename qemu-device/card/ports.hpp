// SPDX-License-Identifier: MIT
// The ways out of the card: host memory, interrupts, time, and links to other cards where there are
// some. QEMU implements them in the PCI shell, the test host in process. Every method may be called
// from the card's control core and engine threads, at any time between construction of a card and
// its destruction, and must not wait for whoever calls into the card.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "card/address.hpp"

namespace skald::card {

// DMA. False means refused (not plain RAM, bus master off, no translation); the job then faults
// with HOST_ACCESS. A refused write may have written a prefix.
class HostMemory {
  public:
    virtual ~HostMemory() = default;
    [[nodiscard]] virtual bool read(DmaAddr from, std::span<std::byte> to) = 0;
    [[nodiscard]] virtual bool write(DmaAddr to, std::span<const std::byte> from) = 0;
    // One naturally aligned 64-bit access: single, acquire or release. The word is little-endian in
    // memory, `value` is the number.
    [[nodiscard]] virtual bool load64(DmaAddr from, std::uint64_t& value) = 0;
    [[nodiscard]] virtual bool store64(DmaAddr to, std::uint64_t value) = 0;
};

// MSI-X, vector 0 .. SKALD_NUM_VECTORS - 1. Only notes the request (a thread of QEMU delivers it):
// called with card locks held.
class InterruptSink {
  public:
    virtual ~InterruptSink() = default;
    virtual void raise(unsigned vector) = 0;
    // A second message of its own, even where the first has not been sent yet: a fault on purpose.
    virtual void raise_again(unsigned vector) { raise(vector); }
};

// Monotonic nanoseconds; stands still while a VM is stopped.
class Clock {
  public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual std::uint64_t now_ns() const = 0;
};

// What cards send each other. Those of one group have ranks from 0 on. Messages from one rank to
// another on one channel arrive whole, in order and once; nothing is lost. A card that is reset or
// whose job is stopped leaves what was under way where it is: whoever owns the cards sets up new
// links for the next run.
struct LinkMessage {
    std::uint32_t rows = 0;
    std::uint32_t row_bytes = 0;
    std::uint64_t sent_ps = 0;    // modelled time at the sender when the last of it had left
    std::vector<std::byte> data;  // rows, dense; empty where only times are wanted
};

class Links {
  public:
    virtual ~Links() = default;
    [[nodiscard]] virtual std::uint32_t rank() const = 0;   // this card's
    [[nodiscard]] virtual std::uint32_t ranks() const = 0;  // how many there are
    // Whether there is room for a message of so many bytes. Only this card sends from its rank, so
    // there still is when it sends.
    [[nodiscard]] virtual bool room(std::uint32_t to, std::uint64_t bytes) = 0;
    virtual void send(std::uint32_t to, std::uint64_t channel, LinkMessage message) = 0;
    // The next one, if it has come.
    [[nodiscard]] virtual std::optional<LinkMessage> receive(std::uint32_t from,
                                                             std::uint64_t channel) = 0;
};

// Not ports but the owner's side of a card: where its messages go, what each of its threads runs
// first and last (QEMU registers them with RCU there), what it can do with card memory. Empty
// functions are fine.
enum class LogLevel { kGuestError, kError, kInfo, kDebug };

struct Hooks {
    std::function<void(LogLevel, const char* text)> log;
    std::function<void()> thread_enter;
    std::function<void()> thread_exit;
    std::function<void()> reset_done;  // STATUS is IDLE again; called with no card lock held
    // Makes whole pages of card memory zero by giving them back to the system. False: not done.
    std::function<bool(std::span<std::byte> range)> discard;
    // The card has written to this range of card memory, or may have: of what jobs write only told
    // while Card::track_writes() is on. Called by the card's threads, with no card lock held.
    std::function<void(std::span<const std::byte> range)> dirtied;
    // The card has left its bus, or is back: a fault on purpose. From inside a call, with no card
    // lock held.
    std::function<void(bool gone)> removed;
};

}  // namespace skald::card
