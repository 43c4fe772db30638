// SPDX-License-Identifier: MIT
// Starting, watching and ending QEMU.
#include "vm/host/qemu.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "vm/host/kvm.hpp"
#include "vm/host/machine.hpp"

namespace skald::vm {
namespace {

constexpr int kGraceMs = 5000;

struct SocketPair {
    Fd ours;
    Fd theirs;
};

SocketPair make_sockets() {
    int ends[2];
    check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
    SocketPair pair{Fd(ends[0]), Fd(ends[1])};
    set_nonblocking(pair.ours.get());
    return pair;
}

}  // namespace

Qemu::Qemu(const Options& options, const std::filesystem::path& log) {
    std::vector<Fd> theirs;
    const auto connect = [&theirs](Fd& ours) {
        SocketPair pair = make_sockets();
        ours = std::move(pair.ours);
        theirs.push_back(std::move(pair.theirs));
        return theirs.back().get();
    };
    MachineSockets sockets;
    sockets.console = connect(console_);
    sockets.control = connect(control_);
    sockets.standard_input = connect(input_);
    sockets.standard_output = connect(output_);
    sockets.standard_error = connect(error_);
    start(qemu_arguments(options, sockets, kvm_usable()), log, theirs);  // ours end with this scope
}

void Qemu::start(const std::vector<std::string>& arguments, const std::filesystem::path& log,
                 const std::vector<Fd>& theirs) {
    const Fd output(::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!output)
        throw UsageError("cannot write the QEMU log " + log.string());
    const Fd nothing(check(::open("/dev/null", O_RDONLY | O_CLOEXEC), "/dev/null"));
    std::vector<char*> argv;
    for (const std::string& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const pid_t parent = ::getpid();
    pid_ = check(::fork(), "fork");
    if (pid_ == 0) {
        // A session of its own: keys typed for the guest's command do not signal the machine. And
        // it ends with us, however we end.
        ::setsid();
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent)
            ::_exit(1);
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        for (const Fd& socket : theirs)
            ::fcntl(socket.get(), F_SETFD, 0);
        ::dup2(nothing.get(), STDIN_FILENO);
        ::dup2(output.get(), STDOUT_FILENO);
        ::dup2(output.get(), STDERR_FILENO);
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }
    process_ = Fd(static_cast<int>(
        check(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)), "pidfd_open")));
}

Qemu::~Qemu() {
    stop();
}

std::optional<std::string> Qemu::ended() {
    int status = 0;
    if (!end_ && pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_)
        end_ = WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                   : fmt::format("exit status {}", WEXITSTATUS(status));
    return end_;
}

void Qemu::stop() {
    if (pid_ <= 0 || ended())
        return;
    ::kill(pid_, SIGTERM);
    pollfd end{process_.get(), POLLIN, 0};
    if (::poll(&end, 1, kGraceMs) != 1)
        ::kill(pid_, SIGKILL);
    while (::poll(&end, 1, -1) < 0)
        continue;
    ended();
}

}  // namespace skald::vm
