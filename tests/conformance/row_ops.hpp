// SPDX-License-Identifier: MIT
// Rows of f32 for micro-ops that work on them.
#pragma once

#include "setup.hpp"

namespace skald::test {

inline constexpr std::uint32_t kRows[] = {1, 7, 64};
inline constexpr std::uint32_t kLengths[] = {1, 16, 31, 33, 288, 1000, 4096, 4100, 9001};

class RowOps : public OnEverySetup {
  protected:
    // Numbers of all sizes, with zeros, subnormals and both signs among them.
    std::vector<float> wild(std::size_t n) {
        auto v = normal(n);
        for (float& x : v) {
            const auto kind = random() % 16;
            if (kind == 0)
                x = 0.0f;
            if (kind == 1)
                x = -0.0f;
            if (kind == 2)
                x *= 1e-39f;
            if (kind == 3)
                x *= 1e10f;
            if (kind == 4)
                x *= 50.0f;
        }
        return v;
    }
    void run(const isa::MicroOp& op, std::uint32_t rows) {
        const auto result = rig->run({op}, with_rows(rows));
        ASSERT_EQ(result.status, SKALD_JOB_DONE) << "reason " << result.reason;
    }
    isa::MicroOp begin(isa::Opcode opcode, std::uint32_t length) {
        auto op = make(opcode);
        op.rows = kT;
        op.dim[0] = length;
        return op;
    }
    template <class F>
    void each_shape(F&& f) {
        for (std::uint32_t rows : kRows)
            for (std::uint32_t k : kLengths) {
                if (rows * k > 64 * 1000)
                    continue;
                SCOPED_TRACE(::testing::Message() << rows << " x " << k);
                f(rows, k);
            }
    }
};

}  // namespace skald::test
