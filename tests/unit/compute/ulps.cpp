// SPDX-License-Identifier: MIT
// compute_ulps [STRIDE]: the error of every function over all floats (or every STRIDE'th), and
// whether all SIMD paths of this processor give the same bits for them. Half an hour; math_test.cpp
// does the same for some floats.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "card/compute/kernels.hpp"
#include "functions.hpp"

namespace skald::card::compute {
namespace {

std::vector<const Kernels*> paths() {
    std::vector<const Kernels*> all;
    for (Simd simd : {Simd::kScalar, Simd::kAvx2, Simd::kAvx512}) {
        std::string error;
        if (const Kernels* kernels = find_kernels(simd, error))
            all.push_back(kernels);
        else
            std::printf("%s\n", error.c_str());
    }
    return all;
}

// Whether ACT's function number i gives the same bits on all paths, NaNs and infinities included.
bool same_on_all_paths(const std::vector<const Kernels*>& all, std::size_t i,
                       std::uint64_t stride) {
    const Parameters p{2.5f, 30.0f};
    std::vector<float> x(kPiece);
    std::vector<float> wanted(kPiece);
    std::vector<float> got(kPiece);
    for (std::uint64_t bits = 0; bits < 1ull << 32; bits += stride * kPiece) {
        for (std::uint32_t j = 0; j < kPiece; ++j)
            x[j] = std::bit_cast<float>(static_cast<std::uint32_t>(bits + j * stride));
        all[0]->activate[i](x.data(), p, wanted.data(), kPiece);
        for (const Kernels* kernels : all) {
            kernels->activate[i](x.data(), p, got.data(), kPiece);
            if (std::memcmp(got.data(), wanted.data(), kPiece * sizeof(float)) != 0)
                return false;
        }
    }
    return true;
}

int main_of(std::uint32_t stride) {
    bool good = true;
    for (const Function& function : kFunctions) {
        const Worst worst = measure(function, stride);
        good &= worst.error <= function.error && worst.fall <= function.fall;
        std::printf("%-10s %.4f ulp%s (at %a; at most %g), falls by %.2f at most\n", function.name,
                    worst.error, function.of_x ? " of x" : "", static_cast<double>(worst.at),
                    function.error, worst.fall);
        std::fflush(stdout);
    }
    const auto all = paths();
    for (std::size_t i = 0; i < kActivations; ++i)
        if (all[0]->activate[i] != nullptr) {
            const bool same = same_on_all_paths(all, i, stride);
            std::printf("function %zu: %s on %zu paths\n", i, same ? "same bits" : "BITS DIFFER",
                        all.size());
            std::fflush(stdout);
            good &= same;
        }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace skald::card::compute

int main(int argc, char** argv) {
    const unsigned long stride = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1;
    if (argc > 2 || stride == 0 || stride > 1u << 20) {
        std::fprintf(stderr, "usage: compute_ulps [STRIDE]\n");
        return EXIT_FAILURE;
    }
    return skald::card::compute::main_of(static_cast<std::uint32_t>(stride));
}
