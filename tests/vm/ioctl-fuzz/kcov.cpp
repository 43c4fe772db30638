// SPDX-License-Identifier: MIT
#include "kcov.hpp"

#include <fcntl.h>
#include <linux/kcov.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>

namespace skald::test {
namespace {

constexpr const char* kFile = "/sys/kernel/debug/kcov";
// The first says how many follow. A call that passes more is a long loop, of which this is enough.
constexpr std::size_t kWords = 1 << 16;

}  // namespace

bool Kcov::is_there() {
    return ::access(kFile, R_OK | W_OK) == 0;
}

std::optional<Kcov> Kcov::begin() {
    const Fd file(::open(kFile, O_RDWR | O_CLOEXEC));
    if (!file)
        return std::nullopt;
    if (::ioctl(file.get(), KCOV_INIT_TRACE, kWords) != 0)
        throw std::runtime_error("kcov takes no size");
    void* const at = ::mmap(nullptr, kWords * sizeof(std::uint64_t), PROT_READ | PROT_WRITE,
                            MAP_SHARED, file.get(), 0);
    if (at == MAP_FAILED)
        throw std::runtime_error("kcov cannot be mapped");
    Kcov begun(Mapping(at, kWords * sizeof(std::uint64_t)));
    if (::ioctl(file.get(), KCOV_ENABLE, KCOV_TRACE_PC) != 0)
        throw std::runtime_error("kcov cannot be enabled");
    return begun;
}

std::span<const std::uint64_t> Kcov::passed() const {
    const std::uint64_t count =
        std::atomic_ref<std::uint64_t>(words()[0]).load(std::memory_order_relaxed);
    return {words() + 1, std::min<std::size_t>(count, kWords - 1)};
}

}  // namespace skald::test
