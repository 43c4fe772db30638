// SPDX-License-Identifier: MIT
// A handler of a signal can reach nothing but what is static: the list of mappings. Its entries are
// taken and given back with single writes, and are never freed, so that the handler may walk it at
// any time and in any thread.
#include "files/guarded_mapping.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <utility>

namespace skald::rt {

struct GuardedMapping::Watch {
    std::atomic<std::uintptr_t> begin = 0;  // 0: watches nothing
    std::atomic<std::uintptr_t> end = 0;    // of the last page
    std::atomic<bool> failed = false;
    std::atomic<bool> taken = true;
    Watch* next = nullptr;
};

namespace {

using Watch = GuardedMapping::Watch;

std::atomic<Watch*> watches = nullptr;
struct sigaction handler_before;
static_assert(std::atomic<Watch*>::is_always_lock_free &&
                  std::atomic<std::uintptr_t>::is_always_lock_free,
              "needed in a signal handler");

std::size_t page_size() {
    static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return size;
}

Watch* watch_of(std::uintptr_t address) {
    for (Watch* watch = watches; watch != nullptr; watch = watch->next)
        if (const std::uintptr_t begin = watch->begin; begin != 0 && address >= begin)
            if (address < watch->end)
                return watch;
    return nullptr;
}

// Not through mmap(): a library may have put something else in its place. Two threads may do it at
// once. What is behind the page goes, too: the result is lost already, and the next page is likely
// to be as bad and takes long to say so.
bool become_zeros(std::uintptr_t page, std::uintptr_t end) {
    constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    return ::syscall(SYS_mmap, page, end - page, PROT_READ, kFlags, -1, 0) != -1;
}

// Not ours: to who handled it before. Without such a one the access is made again and ends the
// program; a signal that somebody sent has to be sent again for that.
void pass_on(int number, siginfo_t* info, void* context) {
    if ((handler_before.sa_flags & SA_SIGINFO) != 0)
        return handler_before.sa_sigaction(number, info, context);
    if (handler_before.sa_handler != SIG_DFL && handler_before.sa_handler != SIG_IGN)
        return handler_before.sa_handler(number);
    ::signal(number, SIG_DFL);
    if (info->si_code <= 0)
        ::raise(number);
}

extern "C" void on_bus_error(int number, siginfo_t* info, void* context) {
    const int saved = errno;
    const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
    Watch* const watch = info->si_code > 0 ? watch_of(address) : nullptr;  // else: sent by kill()
    if (watch != nullptr)
        watch->failed = true;  // first, so that nobody sees zeros without it
    if (watch == nullptr || !become_zeros(address & ~(page_size() - 1), watch->end))
        pass_on(number, info, context);
    errno = saved;
}

void install_handler() {
    static std::once_flag once;
    std::call_once(once, [] {
        static_cast<void>(page_size());
        struct sigaction action{};
        action.sa_sigaction = on_bus_error;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
        ::sigaction(SIGBUS, &action, &handler_before);
    });
}

Watch* take_watch() {
    for (Watch* watch = watches; watch != nullptr; watch = watch->next)
        if (!watch->taken.exchange(true))
            return watch;
    auto* const watch = new Watch;  // for good
    watch->next = watches;
    while (!watches.compare_exchange_weak(watch->next, watch))
        continue;
    return watch;
}

}  // namespace

GuardedMapping::GuardedMapping(int fd, std::size_t bytes) {
    void* const data = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return;
    install_handler();
    bytes_ = {static_cast<const std::byte*>(data), bytes};
    const auto begin = reinterpret_cast<std::uintptr_t>(data);
    watch_ = take_watch();
    watch_->failed = false;
    watch_->end = begin + (bytes + page_size() - 1) / page_size() * page_size();
    watch_->begin = begin;
}

GuardedMapping::~GuardedMapping() {
    if (watch_ == nullptr)
        return;
    watch_->begin = 0;
    ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
    watch_->taken = false;
}

GuardedMapping::GuardedMapping(GuardedMapping&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), watch_(std::exchange(other.watch_, nullptr)) {}

GuardedMapping& GuardedMapping::operator=(GuardedMapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(watch_, other.watch_);
    return *this;
}

bool GuardedMapping::failed() const {
    return watch_ != nullptr && watch_->failed;
}

}  // namespace skald::rt
