// SPDX-License-Identifier: MIT
// Between libFuzzer and a target. `PROGRAM --seeds=FOLDER` writes the seeds instead of fuzzing.
#include <pthread.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "support/target.hpp"

namespace skald::fuzz {
namespace {

void write_seeds(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    std::size_t number = 0;
    for (const Bytes& seed : seeds()) {
        std::ofstream file(folder / ("seed-" + std::to_string(number++)), std::ios::binary);
        file.write(reinterpret_cast<const char*>(seed.data()),
                   static_cast<std::streamsize>(seed.size()));
        if (!file.flush())
            throw std::runtime_error("cannot write to " + folder.string());
    }
}

// Every input of the card's starts threads anew, and AddressSanitizer clears what it knows of a
// thread's whole stack each time.
void make_stacks_small() {
    constexpr std::size_t kBytes = 512u << 10;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kBytes);
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
}

}  // namespace

void broken(const char* promise) {
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

}  // namespace skald::fuzz

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
    skald::fuzz::make_stacks_small();
    constexpr std::string_view kSeeds = "--seeds=";
    for (int i = 1; i < *count; ++i) {
        const std::string_view argument = (*arguments)[i];
        if (!argument.starts_with(kSeeds))
            continue;
        try {
            skald::fuzz::write_seeds(argument.substr(kSeeds.size()));
            std::exit(0);
        } catch (const std::exception& e) {
            std::fprintf(stderr, "%s\n", e.what());
            std::exit(1);
        }
    }
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    skald::fuzz::run(std::as_bytes(std::span(data, size)));
    return 0;
}
