// SPDX-License-Identifier: MIT
// A start line: threads spin until all are there, so that none is measured while it is created.
#include "bench/limits/threads.hpp"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace skald::bench {

double timed_together(unsigned threads, const std::function<void(unsigned thread)>& work) {
    std::atomic<unsigned> ready{0};
    std::atomic<bool> go{false};
    std::vector<std::jthread> others;
    for (unsigned t = 1; t < threads; ++t)
        others.emplace_back([&, t] {
            ready.fetch_add(1);
            while (!go.load()) {
            }
            work(t);
        });
    while (ready.load() + 1 < threads) {
    }
    const auto began = std::chrono::steady_clock::now();
    go.store(true);
    work(0);
    others.clear();  // joins
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

}  // namespace skald::bench
