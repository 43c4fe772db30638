// SPDX-License-Identifier: MIT
// What a rendering may use up. Everything whose work depends on the input ticks; everything that
// makes something large asks first.
#pragma once

#include <cstddef>
#include <cstdint>

#include "template/error.hpp"

namespace skald::rt {

struct TemplateLimits {
    std::uint64_t steps = 20'000'000;            // nodes evaluated, items looked at
    std::size_t bytes = std::size_t{256} << 20;  // of all values made, whether they live or not
    std::size_t output = std::size_t{16} << 20;  // of the text, and of any text captured
    std::uint32_t depth = 1000;                  // nodes inside of nodes, through macros
};

namespace jinja {

// Values hold one another so deep at most: they are compared, printed and freed by recursion.
inline constexpr std::uint32_t kMostNesting = 200;

class Budget {
  public:
    explicit Budget(const TemplateLimits& limits) : limits_(limits) {}

    void tick(std::uint64_t steps = 1) {
        if (steps > limits_.steps - used_)
            fail("the template takes more than {} steps", limits_.steps);
        used_ += steps;
    }
    void make(std::size_t bytes) {
        if (bytes > limits_.bytes - made_)
            fail("the template makes more than {} bytes of values", limits_.bytes);
        made_ += bytes;
    }
    void check_output(std::size_t bytes) const {
        if (bytes > limits_.output)
            fail("the text is longer than {} bytes", limits_.output);
    }
    [[nodiscard]] std::size_t most_output() const { return limits_.output; }

    class Level {
      public:
        explicit Level(Budget& budget) : budget_(budget) {
            budget_.tick();
            if (budget_.depth_ >= budget_.limits_.depth)
                fail("the template nests deeper than {} levels", budget_.limits_.depth);
            ++budget_.depth_;
        }
        ~Level() { --budget_.depth_; }
        Level(const Level&) = delete;
        Level& operator=(const Level&) = delete;

      private:
        Budget& budget_;
    };

  private:
    TemplateLimits limits_;
    std::uint64_t used_ = 0;
    std::size_t made_ = 0;
    std::uint32_t depth_ = 0;
};

}  // namespace jinja
}  // namespace skald::rt
