// SPDX-License-Identifier: MIT
// Host side of the tests.
#include "test_host.hpp"

#include <sys/mman.h>

#include <cstring>
#include <new>

namespace skald::card::test {
TestHost::Pages::Pages(std::size_t bytes)
    : data_(static_cast<std::byte*>(
          mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))),
      bytes_(bytes) {
    if (data_ == MAP_FAILED) {
        throw std::bad_alloc();
    }
}

TestHost::Pages::~Pages() {
    munmap(data_, bytes_);
}

std::byte* TestHost::at(DmaAddr address, std::size_t bytes) {
    const std::uint64_t offset = address.value - kHostBase;
    if (refuse_ || address.value < kHostBase || offset > kHostBytes ||
        bytes > kHostBytes - offset) {
        return nullptr;
    }
    return host_.get() + offset;
}

bool TestHost::read(DmaAddr from, std::span<std::byte> to) {
    const std::byte* memory = at(from, to.size());
    if (memory == nullptr) {
        return false;
    }
    std::memcpy(to.data(), memory, to.size());
    return true;
}

bool TestHost::write(DmaAddr to, std::span<const std::byte> from) {
    std::byte* memory = at(to, from.size());
    if (memory == nullptr) {
        return false;
    }
    std::memcpy(memory, from.data(), from.size());
    return true;
}

bool TestHost::load64(DmaAddr from, std::uint64_t& value) {
    const std::byte* memory = at(from, sizeof(value));
    if (memory == nullptr) {
        return false;
    }
    value = __atomic_load_n(reinterpret_cast<const std::uint64_t*>(memory), __ATOMIC_ACQUIRE);
    return true;
}

bool TestHost::store64(DmaAddr to, std::uint64_t value) {
    std::byte* memory = at(to, sizeof(value));
    if (memory == nullptr) {
        return false;
    }
    __atomic_store_n(reinterpret_cast<std::uint64_t*>(memory), value, __ATOMIC_RELEASE);
    return true;
}

void TestHost::raise(unsigned vector) {
    const std::scoped_lock guard(lock_);
    ++raised_.at(vector);
    changed_.notify_all();
}

std::uint64_t TestHost::now_ns() const {
    if (step_ != 0) {
        return stepped_ += step_;
    }
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

void TestHost::step_clock(std::uint64_t ns) {
    stepped_ = now_ns();
    step_ = ns;
}

Hooks TestHost::hooks() {
    Hooks hooks;
    hooks.log = [this](LogLevel level, const char* text) {
        if (level == LogLevel::kGuestError) {
            const std::scoped_lock guard(lock_);
            guest_errors_.emplace_back(text);
        }
    };
    hooks.discard = [this](std::span<std::byte> range) { return discard && discard(range); };
    hooks.thread_enter = [this] { ++threads_; };
    hooks.thread_exit = [this] { --threads_; };
    hooks.reset_done = [this] {
        const std::scoped_lock guard(lock_);
        changed_.notify_all();
    };
    return hooks;
}

bool TestHost::wait(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
        std::uint64_t seen = 0;
        {
            const std::scoped_lock guard(lock_);
            for (const std::uint64_t count : raised_) {
                seen += count;
            }
        }
        if (done()) {
            return true;
        }
        std::unique_lock guard(lock_);
        const auto news = [&] {
            std::uint64_t now = 0;
            for (const std::uint64_t count : raised_) {
                now += count;
            }
            return now != seen;
        };
        // The short limit is for events that raise nothing (state of the fake engine).
        changed_.wait_for(guard, std::chrono::milliseconds(2), news);
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
    }
}

std::uint64_t TestHost::interrupts(unsigned vector) const {
    const std::scoped_lock guard(lock_);
    return raised_.at(vector);
}

std::uint64_t TestHost::host_word(std::uint64_t dma) {
    std::uint64_t value = 0;
    const auto* memory = reinterpret_cast<std::uint64_t*>(host_.get() + (dma - kHostBase));
    value = __atomic_load_n(memory, __ATOMIC_ACQUIRE);
    return value;
}

void TestHost::copy_from_host(std::uint64_t dma, void* to, std::size_t bytes) {
    std::memcpy(to, host_.get() + (dma - kHostBase), bytes);
}

void TestHost::clear_host(std::uint64_t dma, std::size_t bytes) {
    std::memset(host_.get() + (dma - kHostBase), 0, bytes);
}

std::vector<std::string> TestHost::guest_errors() const {
    const std::scoped_lock guard(lock_);
    return guest_errors_;
}

}  // namespace skald::card::test
