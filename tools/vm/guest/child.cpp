// SPDX-License-Identifier: MIT
// Starting the command of the guest.
#include "vm/guest/child.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace skald::vm::guest {
namespace {

constexpr const char* kPath = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> out;
    for (std::string& string : strings)
        out.push_back(string.data());
    out.push_back(nullptr);
    return out;
}

[[noreturn]] void fail_exec(const std::string& program) {
    const int error = errno;
    const std::string text =
        "skald-vm: cannot run '" + program + "' in the guest: " + std::strerror(error) + "\n";
    if (::write(STDERR_FILENO, text.data(), text.size()) < 0)
        ::_exit(125);
    ::_exit(error == ENOENT ? 127 : 126);
}

// In the new process, after fork; standard streams are in place.
[[noreturn]] void become(const StartRequest& request) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    std::vector<std::string> variables = request.variables;
    variables.push_back(std::string("PATH=") + kPath);
    variables.emplace_back("HOME=/root");
    std::vector<std::string> command = request.command;
    if (command.empty())
        command = {"bash", "--login"};
    if (request.directory.empty() || ::chdir(request.directory.c_str()) != 0)
        if (::chdir("/root") != 0)
            fail_exec(command.front());
    ::setenv("PATH", kPath, 1);  // execvpe searches the caller's
    ::execvpe(command.front().c_str(), pointers(command).data(), pointers(variables).data());
    fail_exec(command.front());
}

void put_in_place(int in, int out, int err) {
    if (::dup2(in, STDIN_FILENO) < 0 || ::dup2(out, STDOUT_FILENO) < 0 ||
        ::dup2(err, STDERR_FILENO) < 0)
        ::_exit(125);
}

Child start_on_terminal(const StartRequest& request) {
    Fd master(check(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), "posix_openpt"));
    check(::grantpt(master.get()), "grantpt");
    check(::unlockpt(master.get()), "unlockpt");
    resize_terminal(master.get(), request.window);
    char name[64];
    check(-::ptsname_r(master.get(), name, sizeof(name)), "ptsname");
    Child child;
    child.pid = check(::fork(), "fork");
    if (child.pid == 0) {
        ::setsid();
        const int slave = ::open(name, O_RDWR);
        if (slave < 0 || ::ioctl(slave, TIOCSCTTY, 0) != 0)
            ::_exit(125);
        put_in_place(slave, slave, slave);
        if (slave > STDERR_FILENO)
            ::close(slave);
        become(request);
    }
    child.input = Fd(check(::fcntl(master.get(), F_DUPFD_CLOEXEC, 0), "dup"));
    child.output = std::move(master);
    return child;
}

Child start_on_pipes(const StartRequest& request) {
    Pipe in = make_pipe();
    Pipe out = make_pipe();
    Pipe err = make_pipe();
    Child child;
    child.pid = check(::fork(), "fork");
    if (child.pid == 0) {
        ::setsid();
        put_in_place(in.read.get(), out.write.get(), err.write.get());
        become(request);
    }
    child.input = std::move(in.write);
    child.output = std::move(out.read);
    child.error = std::move(err.read);
    return child;
}

}  // namespace

Child start_child(const StartRequest& request) {
    Child child = request.terminal ? start_on_terminal(request) : start_on_pipes(request);
    set_nonblocking(child.input.get());
    set_nonblocking(child.output.get());
    if (child.error)
        set_nonblocking(child.error.get());
    return child;
}

void resize_terminal(int master, const Window& window) {
    winsize size{};
    size.ws_row = window.rows;
    size.ws_col = window.columns;
    ::ioctl(master, TIOCSWINSZ, &size);
}

std::uint32_t shell_status(int wait_status) {
    if (WIFSIGNALED(wait_status))
        return 128u + static_cast<std::uint32_t>(WTERMSIG(wait_status));
    return static_cast<std::uint32_t>(WEXITSTATUS(wait_status));
}

}  // namespace skald::vm::guest
