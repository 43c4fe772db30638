// SPDX-License-Identifier: MIT
// The floating-point environment of engine threads.
#include "card/pool/worker.hpp"

#include <xmmintrin.h>

namespace skald::card {

void enter_float_environment() {
    constexpr unsigned kExceptionsMasked = 0x1f80;  // all else 0: nearest even, no FTZ, no DAZ
    _mm_setcsr(kExceptionsMasked);
}

}  // namespace skald::card
