// SPDX-License-Identifier: MIT
// One test on a model in card memory: filled to its depth once, then repeated from there.
#pragma once

#include <cstdint>
#include <memory>

#include "bench/cases.hpp"
#include "libskald/model.hpp"

namespace skald::bench {

class Runner {
  public:
    virtual ~Runner() = default;
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    // Nanoseconds from the request to the last token of a repetition, other tokens each time.
    // Throws rt::Error.
    [[nodiscard]] virtual std::int64_t repeat() = 0;
    // Rows of a prefill step.
    [[nodiscard]] virtual std::uint32_t chunk() const = 0;

  protected:
    Runner() = default;
};

// Reads `test.depth` tokens. chunk: as Options has it. The model outlives the runner.
[[nodiscard]] std::unique_ptr<Runner> make_runner(rt::Model& model, const Case& test,
                                                  std::uint32_t chunk);

}  // namespace skald::bench
