// SPDX-License-Identifier: MIT
// The card's ports with faults on the way out: accesses that the bus refuses, vectors that are lost
// or come twice.
#pragma once

#include "card/faults/injector.hpp"
#include "card/ports.hpp"

namespace skald::card {

class FaultyMemory final : public HostMemory {
  public:
    FaultyMemory(HostMemory& out, FaultInjector& faults) : out_(out), faults_(faults) {}

    bool read(DmaAddr from, std::span<std::byte> to) override {
        return !refused() && out_.read(from, to);
    }
    bool write(DmaAddr to, std::span<const std::byte> from) override {
        return !refused() && out_.write(to, from);
    }
    bool load64(DmaAddr from, std::uint64_t& value) override {
        return !refused() && out_.load64(from, value);
    }
    bool store64(DmaAddr to, std::uint64_t value) override {
        return !refused() && out_.store64(to, value);
    }

  private:
    [[nodiscard]] bool refused() { return faults_.hit(FaultClass::kDmaError); }

    HostMemory& out_;
    FaultInjector& faults_;
};

class FaultyInterrupts final : public InterruptSink {
  public:
    FaultyInterrupts(InterruptSink& out, FaultInjector& faults) : out_(out), faults_(faults) {}

    void raise(unsigned vector) override {
        if (faults_.hit(FaultClass::kIrqLost))
            return;
        out_.raise(vector);
        if (faults_.hit(FaultClass::kIrqDoubled))
            out_.raise_again(vector);
    }
    void raise_again(unsigned vector) override { out_.raise_again(vector); }

  private:
    InterruptSink& out_;
    FaultInjector& faults_;
};

}  // namespace skald::card
