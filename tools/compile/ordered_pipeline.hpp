// SPDX-License-Identifier: MIT
// Work on numbered pieces by several threads, results taken up in order: output does not depend on
// the number of threads, memory is bounded by a window of pieces.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace skald::compiler {

// Calls produce(i) for i in 0 .. count from `threads` threads, and consume(i, result) in ascending
// order on this one. The first exception of either ends the work and is thrown here.
template <typename Result>
void ordered_pipeline(std::size_t count, unsigned threads,
                      const std::function<Result(std::size_t)>& produce,
                      const std::function<void(std::size_t, Result&&)>& consume) {
    const std::size_t window = std::size_t{threads} * 3;
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::unique_ptr<Result>> ready(window);
    std::size_t next = 0, consumed = 0;
    std::exception_ptr error;

    const auto worker = [&] {
        std::unique_lock lock(mutex);
        while (true) {
            changed.wait(lock, [&] { return error || next >= count || next < consumed + window; });
            if (error || next >= count)
                return;
            const std::size_t mine = next++;
            lock.unlock();
            std::unique_ptr<Result> result;
            std::exception_ptr failed;
            try {
                result = std::make_unique<Result>(produce(mine));
            } catch (...) {
                failed = std::current_exception();
            }
            lock.lock();
            if (failed && !error)
                error = failed;
            ready[mine % window] = std::move(result);
            changed.notify_all();
        }
    };
    std::vector<std::jthread> pool;
    for (unsigned i = 0; i < threads; ++i)
        pool.emplace_back(worker);

    std::unique_lock lock(mutex);
    while (consumed < count && !error) {
        changed.wait(lock, [&] { return error || ready[consumed % window]; });
        if (error)
            break;
        const std::unique_ptr<Result> result = std::move(ready[consumed % window]);
        lock.unlock();
        std::exception_ptr failed;
        try {
            consume(consumed, std::move(*result));
        } catch (...) {
            failed = std::current_exception();
        }
        lock.lock();
        if (failed)
            error = failed;
        ++consumed;
        changed.notify_all();
    }
    lock.unlock();
    pool.clear();  // joins
    if (error)
        std::rethrow_exception(error);
}

}  // namespace skald::compiler
