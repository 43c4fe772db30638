// SPDX-License-Identifier: MIT
// Host memory that a guest can make a card ask for, counted against a limit. What exceeds it fails
// like memory that the host does not have: std::bad_alloc, for whoever asked to turn into a fault
// or a refusal. What a card takes whatever its guest does (threads, TLBs) is not counted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <new>
#include <span>
#include <type_traits>

namespace skald::card {

class Budget final : public std::pmr::memory_resource {
  public:
    explicit Budget(std::uint64_t limit) : limit_(limit) {}

    // Counts bytes that are allocated elsewhere; throws std::bad_alloc beyond the limit.
    void take(std::uint64_t bytes);
    void give(std::uint64_t bytes) { used_.fetch_sub(bytes); }
    [[nodiscard]] std::uint64_t used() const { return used_.load(); }

  private:
    void* do_allocate(std::size_t bytes, std::size_t align) override;
    void do_deallocate(void* p, std::size_t bytes, std::size_t align) override;
    [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
        return this == &other;
    }

    const std::uint64_t limit_;
    std::atomic<std::uint64_t> used_{0};
};

// Uninitialised memory, 64-byte aligned, that grows and is reused from micro-op to micro-op.
class Arena {
  public:
    explicit Arena(Budget& budget) : budget_(&budget) {}
    Arena(Arena&& other) noexcept;
    Arena& operator=(Arena&&) = delete;
    ~Arena() { release(); }

    [[nodiscard]] std::byte* get(std::size_t bytes) {
        if (bytes > size_)
            grow(bytes);
        return data_;
    }
    [[nodiscard]] std::size_t size() const { return size_; }
    void release();

  private:
    void grow(std::size_t bytes);

    Budget* budget_;
    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

// A list of at most so many items in an arena, which is its own while it lives. A vector's memory
// would take longer to come and go than a small micro-op takes.
template <class T>
class ArenaList {
  public:
    ArenaList(Arena& arena, std::size_t most)
        : data_(reinterpret_cast<T*>(arena.get(most * sizeof(T)))) {
        static_assert(std::is_trivially_destructible_v<T>);
    }
    void push_back(const T& item) { new (data_ + size_++) T(item); }
    void clear() { size_ = 0; }
    [[nodiscard]] std::span<T> span() const { return {data_, size_}; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] T& operator[](std::size_t i) const { return data_[i]; }

  private:
    T* data_;
    std::size_t size_ = 0;
};

// Whole pages that begin as zeros, and take no memory before they are touched.
class ZeroedPages {
  public:
    ZeroedPages(Budget& budget, std::size_t bytes);
    ZeroedPages(const ZeroedPages&) = delete;
    ZeroedPages& operator=(const ZeroedPages&) = delete;
    ~ZeroedPages();
    [[nodiscard]] std::span<std::byte> bytes() const { return {data_, size_}; }

  private:
    Budget& budget_;
    std::byte* data_ = nullptr;
    std::size_t size_;
};

}  // namespace skald::card
