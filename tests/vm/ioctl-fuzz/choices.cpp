// SPDX-License-Identifier: MIT
#include "choices.hpp"

#include <sys/mman.h>

#include <cstring>
#include <new>

#include "context.hpp"

namespace skald::test {
namespace {

constexpr std::size_t kPage = 4096, kPages = 64;
constexpr std::uint64_t kOfTheKernel = 0xffff888000000000;

}  // namespace

std::uint32_t Choices::handle(std::span<const std::uint32_t> known) {
    if (!known.empty() && !one_in(10))
        return known[below(known.size())];
    return one_in(2) ? static_cast<std::uint32_t>(below(8)) : static_cast<std::uint32_t>(any());
}

std::uint32_t Choices::flags(std::uint32_t known) {
    const auto some = static_cast<std::uint32_t>(any());
    return one_in(10) ? some & static_cast<std::uint32_t>(any()) : some & known;
}

std::uint64_t Choices::size() {
    switch (below(8)) {
        case 0:
            return of<std::uint64_t>({0, 1, kPage - 1, kBig - 1, kBig + 1, 1ull << 40, 1ull << 63,
                                      ~0ull, ~0ull - kPage + 1, ~0ull - kBig + 1});
        case 1:
            return any() >> below(64);
        case 2:
        case 3:
            return kPage * (1 + below(16));
        default:
            return kBig * (1 + below(3));
    }
}

std::uint64_t Choices::va() {
    switch (below(10)) {
        case 0:
            return any() >> below(64);
        case 1:
            return of<std::uint64_t>({0, kPage, kBig - kPage, 1ull << 47, (1ull << 48) - kBig,
                                      1ull << 48, ~0ull - kBig + 1});
        case 2:
            return kBase + kPage * below(64 * 512);
        default:
            return kBase + kBig * below(64);
    }
}

Arena::Arena()
    : map_(::mmap(nullptr, (kPages + 1) * kPage, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
           (kPages + 1) * kPage) {
    std::uint8_t* const start = map_.bytes().data();
    if (start == MAP_FAILED || ::mprotect(start + kPages * kPage, kPage, PROT_NONE) != 0)
        throw std::bad_alloc();
}

std::uint64_t Arena::address(Choices& choose, std::size_t bytes) {
    const auto start = reinterpret_cast<std::uint64_t>(map_.bytes().data());
    const std::uint64_t end = start + kPages * kPage;
    switch (choose.below(16)) {
        case 0:
            return choose.of<std::uint64_t>({0, 8, kOfTheKernel, ~0ull - 7, ~0ull});
        case 1:
            return end - bytes / 2;
        case 2:
            return end - bytes;
        case 3:
            next_ += 1 + choose.below(7);
            break;
        default:
            next_ = (next_ + 7) & ~std::size_t{7};
            break;
    }
    if (next_ + bytes > kPages * kPage)
        next_ = 0;
    if (bytes > kPages * kPage)
        return start;
    const std::uint64_t at = start + next_;
    next_ += bytes;
    return at;
}

std::uint64_t Arena::place(Choices& choose, std::span<const std::uint8_t> content) {
    const std::uint64_t at = address(choose, content.size());
    const auto start = reinterpret_cast<std::uint64_t>(map_.bytes().data());
    if (at >= start && at <= start + kPages * kPage &&
        content.size() <= start + kPages * kPage - at)
        std::memcpy(map_.bytes().data() + (at - start), content.data(), content.size());
    return at;
}

std::uint64_t Arena::room(Choices& choose, std::size_t bytes) {
    return address(choose, bytes);
}

}  // namespace skald::test
