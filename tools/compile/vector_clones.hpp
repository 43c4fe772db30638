// SPDX-License-Identifier: MIT
// For loops that are to run as vector code wherever they can: compiled twice, chosen at run time.
// Not under sanitizers, whose start-up does not bear it, nor with clang, which only builds with
// them.
#pragma once

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__clang__)
#define SKALD_VECTOR_CLONES [[gnu::target_clones("avx2", "default")]]
#else
#define SKALD_VECTOR_CLONES
#endif
#define SKALD_INLINE [[gnu::always_inline]] inline
