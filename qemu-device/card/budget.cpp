// SPDX-License-Identifier: MIT
// Counting, and where the memory comes from.
#include "card/budget.hpp"

#include <sys/mman.h>

#include <new>
#include <utility>

namespace skald::card {
namespace {

constexpr std::size_t kAlign = 64;

}  // namespace

void Budget::take(std::uint64_t bytes) {
    std::uint64_t used = used_.load();
    do {
        if (bytes > limit_ || used > limit_ - bytes)
            throw std::bad_alloc();
    } while (!used_.compare_exchange_weak(used, used + bytes));
}

void* Budget::do_allocate(std::size_t bytes, std::size_t align) {
    take(bytes);
    void* p = ::operator new(bytes, std::align_val_t(align), std::nothrow);
    if (p == nullptr) {
        give(bytes);
        throw std::bad_alloc();
    }
    return p;
}

void Budget::do_deallocate(void* p, std::size_t bytes, std::size_t align) {
    ::operator delete(p, std::align_val_t(align));
    give(bytes);
}

Arena::Arena(Arena&& other) noexcept
    : budget_(other.budget_),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

void Arena::grow(std::size_t bytes) {
    release();
    data_ = static_cast<std::byte*>(budget_->allocate(bytes, kAlign));
    size_ = bytes;
}

void Arena::release() {
    if (data_ != nullptr)
        budget_->deallocate(std::exchange(data_, nullptr), std::exchange(size_, 0), kAlign);
}

ZeroedPages::ZeroedPages(Budget& budget, std::size_t bytes) : budget_(budget), size_(bytes) {
    if (bytes == 0)
        return;
    budget_.take(bytes);
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        budget_.give(bytes);
        throw std::bad_alloc();
    }
    data_ = static_cast<std::byte*>(p);
}

ZeroedPages::~ZeroedPages() {
    if (data_ != nullptr) {
        munmap(data_, size_);
        budget_.give(size_);
    }
}

}  // namespace skald::card
