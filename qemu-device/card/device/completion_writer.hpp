// SPDX-License-Identifier: MIT
// Writes completion records to queue pages in host memory: stamps and fields, then the sequence
// number, then the interrupt. Runs on the control core's thread without the card's lock: DMA may
// take its time.
#pragma once

#include "card/device/log.hpp"
#include "card/engine/engine_port.hpp"
#include "card/ports.hpp"
#include "skald/ring.h"

namespace skald::card {

class CompletionWriter {
  public:
    CompletionWriter(HostMemory& host, InterruptSink& interrupts, const Log& log)
        : host_(host), interrupts_(interrupts), log_(log) {}

    void post(const QueueHw& queue, const skald_completion& record, const skald_stamps& stamps);

  private:
    HostMemory& host_;
    InterruptSink& interrupts_;
    const Log& log_;
};

}  // namespace skald::card
