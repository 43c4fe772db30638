// SPDX-License-Identifier: MIT
#include "worker.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sync_file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "payload.hpp"
#include "skald/ring.h"

namespace skald::test {
namespace {

constexpr std::int64_t kPatienceMs = 180000;  // of a job: watchdogs and resets are over long before

// The worker's own memory, read by the card where it lies.
class HostWords {
  public:
    HostWords()
        : map_(::mmap(nullptr, kHostWords * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0),
               kHostWords * 8) {
        Random random(static_cast<std::uint64_t>(::getpid()));
        for (std::uint64_t& word : words())
            word = random();
    }
    std::span<std::uint64_t> words() const {
        return {reinterpret_cast<std::uint64_t*>(map_.bytes().data()), kHostWords};
    }

  private:
    Mapping map_;
};

// What a worker has of the card, until it is hurt.
struct Client {
    explicit Client(const HostWords& host) : context(device) {
        std::uint32_t handle = 0;
        const auto words = host.words();
        if (device.userptr(words.data(), words.size_bytes(), &handle) != 0 ||
            device.map_va(context.vm(), handle, kHostVa, words.size_bytes(),
                          DRM_SKALD_BIND_READONLY) != 0)
            throw std::runtime_error("BO_USERPTR");
    }
    Device device;
    Context context;
};

// What a signalled fence ended with: 0 or an errno; that of a card that is gone where it cannot be
// asked any more, as Device::syncobj_error() has to be able to.
int ended_with(const Device& device, std::uint32_t fence) {
    drm_syncobj_handle args{};
    args.handle = fence;
    args.flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
    args.fd = -1;
    if (const int error = device.call(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &args))
        return error;
    const Fd file(args.fd);
    sync_file_info info{};
    return ::ioctl(file.get(), SYNC_IOC_FILE_INFO, &info) != 0 ? errno
           : info.status < 0                                   ? -info.status
                                                               : 0;
}

class Work {
  public:
    Report carry_out(const Order& order) {
        report_ = {};
        vanishing_ = order.vanishing;
        if (order.fresh)
            client_.reset();
        Random random(order.seed);
        for (std::uint32_t i = 0; i < order.submissions && report_.wrong[0] == 0; ++i)
            submit(random);
        return report_;
    }

  private:
    void submit(Random& random);
    void judge(const std::vector<Payload>& payloads, std::uint32_t fence);
    void hurt(std::uint32_t jobs, int error);
    void broken(std::string_view what) { tell(report_.wrong, what); }
    static void tell(std::span<char> where, std::string_view what) {
        where[what.copy(where.data(), where.size() - 1)] = 0;
    }

    const HostWords host_;
    std::unique_ptr<Client> client_;
    bool vanishing_ = false;
    Report report_;
};

void Work::submit(Random& random) {
    const auto jobs = 1 + static_cast<unsigned>(random() % kSlots);
    try {
        if (!client_)
            client_ = std::make_unique<Client>(host_);
    } catch (const std::runtime_error& what) {
        // No card at the moment, or it is being reset: nothing of ours is on it.
        report_.injured += jobs;
        tell(report_.refused, what.what());
        return;
    }
    const Context& context = client_->context;
    context.data(kGate) = 0;
    std::vector<Payload> payloads;
    std::vector<drm_skald_job> descriptors;
    for (unsigned slot = 0; slot < jobs; ++slot) {
        payloads.emplace_back(context, host_.words(), slot, random);
        descriptors.push_back(context.load(payloads.back().program(), slot));
    }
    drm_syncobj_create create{};
    if (const int error = client_->device.call(DRM_IOCTL_SYNCOBJ_CREATE, &create))
        return hurt(jobs, error);
    const drm_skald_sync signal = signal_binary(create.handle);
    if (const int error = client_->device.submit(context.queue(), descriptors, {&signal, 1}))
        return hurt(jobs, error);
    context.data(kGate) = 1;
    judge(payloads, create.handle);
    if (client_) {
        drm_syncobj_destroy destroy{create.handle, 0};
        client_->device.call(DRM_IOCTL_SYNCOBJ_DESTROY, &destroy);
    }
}

void Work::judge(const std::vector<Payload>& payloads, std::uint32_t fence) {
    const auto jobs = static_cast<std::uint32_t>(payloads.size());
    const int waited = client_->device.syncobj_wait(fence, kPatienceMs);
    if (waited == ETIME)
        return broken(fmt::format("a fence did not signal in {} s", kPatienceMs / 1000));
    if (waited != 0)
        return hurt(jobs, waited);
    if (const int error = ended_with(client_->device, fence))
        return hurt(jobs, error);
    for (std::size_t i = 0; i < payloads.size(); ++i) {
        const auto found = payloads[i].wrong(client_->context);
        // Done in time, but the card's memory cannot be read any more.
        if (found && vanishing_ && *found == ~std::uint64_t{0})
            return hurt(jobs, ENODEV);
        if (found)
            return broken(fmt::format("job {} of {} ended without an error, and a word is {:#x}", i,
                                      jobs, *found));
    }
    report_.right += jobs;
}

void Work::hurt(std::uint32_t jobs, int error) {
    drm_skald_vm_query query{};
    query.vm_id = client_->context.vm();
    // Not Device::vm_query(), which takes an error for a failure: a card that is gone has no
    // answer.
    const int asked = client_->device.call(DRM_IOCTL_SKALD_VM_QUERY, &query);
    report_.injured += jobs;
    ++report_.wounds;
    report_.error = error;
    report_.reason = asked == 0 ? query.reason : 0;
    if (asked == 0 && query.banned == 0 && error == ENOTRECOVERABLE)
        broken("a context that is said to be lost is not banned");
    client_.reset();
}

template <typename T>
bool write_all(int fd, const T& item) {
    return ::write(fd, &item, sizeof(item)) == static_cast<ssize_t>(sizeof(item));
}
template <typename T>
bool read_all(int fd, T& item) {
    ssize_t n = 0;
    do
        n = ::read(fd, &item, sizeof(item));
    while (n < 0 && errno == EINTR);
    return n == static_cast<ssize_t>(sizeof(item));
}

[[noreturn]] void live(int orders, int reports) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    Work work;
    Order order{};
    while (read_all(orders, order))
        if (!write_all(reports, work.carry_out(order)))
            break;
    ::_exit(0);
}

}  // namespace

void Worker::start() {
    int orders[2], reports[2];
    if (::pipe2(orders, O_CLOEXEC) != 0 || ::pipe2(reports, O_CLOEXEC) != 0)
        throw std::runtime_error("pipe2");
    orders_ = Fd(orders[1]);
    reports_ = Fd(reports[0]);
    const Fd my_orders(orders[0]), my_reports(reports[1]);
    pid_ = ::fork();
    if (pid_ < 0)
        throw std::runtime_error("fork");
    if (pid_ == 0) {
        orders_.reset();
        reports_.reset();
        live(my_orders.get(), my_reports.get());
    }
}

std::string Worker::whereabouts() const {
    const std::string process = fmt::format("/proc/{}/", pid_);
    std::string stack = read_file(process + "stack");
    std::ranges::replace(stack, '\n', ' ');
    return fmt::format("process {} in {}: {}", pid_, read_file(process + "wchan"), stack);
}

void Worker::order(const Order& order) {
    write_all(orders_.get(), order);
}

std::optional<Report> Worker::report() {
    Report report;
    if (read_all(reports_.get(), report))
        return report;
    kill();
    return std::nullopt;
}

void Worker::kill() {
    if (pid_ <= 0)
        return;
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    signal_ = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    pid_ = -1;
}

}  // namespace skald::test
