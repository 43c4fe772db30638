// SPDX-License-Identifier: MIT
// Mounts, modules, log and power of the guest.
#include "vm/guest/system.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "vm/io.hpp"

namespace skald::vm::guest {
namespace {

struct Mount {
    const char* source;
    const char* target;
    const char* type;
    unsigned long flags;
    const char* options;
};

constexpr std::array kMounts = {
    Mount{"proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
    Mount{"sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
    Mount{"devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755"},
    Mount{"devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666"},
    Mount{"tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"},
    Mount{"tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"},
    Mount{"tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"},
    Mount{"debugfs", "/sys/kernel/debug", "debugfs", 0, ""},
    Mount{"tracefs", "/sys/kernel/tracing", "tracefs", 0, ""},
};

struct Link {
    const char* target;
    const char* path;
};

constexpr std::array kLinks = {
    Link{"/proc/self/fd", "/dev/fd"},
    Link{"/proc/self/fd/0", "/dev/stdin"},
    Link{"/proc/self/fd/1", "/dev/stdout"},
    Link{"/proc/self/fd/2", "/dev/stderr"},
};

constexpr std::string_view kHostName = "skald";

// Largest message a 9p transport over virtio takes.
constexpr const char* kShareOptions = "trans=virtio,version=9p2000.L,cache=loose,msize=512000";

}  // namespace

void mount_kernel_file_systems() {
    for (const Mount& mount : kMounts) {
        ::mkdir(mount.target, 0755);
        if (::mount(mount.source, mount.target, mount.type, mount.flags, mount.options) != 0)
            log(std::string("cannot mount ") + mount.target + ": " + std::strerror(errno));
    }
    ::sethostname(kHostName.data(), kHostName.size());
    for (const Link& link : kLinks)
        if (::symlink(link.target, link.path) != 0 && errno != EEXIST)
            log(std::string("cannot make ") + link.path + ": " + std::strerror(errno));
}

void load_boot_modules() {
    std::ifstream list("/etc/skald/modules");
    std::string path;
    while (std::getline(list, path)) {
        const Fd file(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), path));
        if (::syscall(SYS_finit_module, file.get(), "", 0) != 0 && errno != EEXIST)
            throw std::system_error(errno, std::generic_category(), "loading " + path);
    }
}

bool load_module(const std::string& name) {
    const pid_t pid = check(::fork(), "fork");
    if (pid == 0) {
        ::execl("/usr/sbin/modprobe", "modprobe", name.c_str(), nullptr);
        ::_exit(127);
    }
    int status = 0;
    check(::waitpid(pid, &status, 0), "waitpid");
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void mount_share(const std::string& tag, const std::string& path) {
    std::filesystem::create_directories(path);
    check(::mount(tag.c_str(), path.c_str(), "9p", MS_NOSUID | MS_NODEV, kShareOptions),
          "mounting the shared directory " + path);
}

void unmount_share(const std::string& path) {
    if (::umount2(path.c_str(), 0) != 0)
        log("cannot unmount " + path + ": " + std::strerror(errno));
}

void log(std::string_view text) {
    const Fd kmsg(::open("/dev/kmsg", O_WRONLY | O_CLOEXEC));
    const std::string line = "<3>skald-init: " + std::string(text) + "\n";
    if (kmsg && ::write(kmsg.get(), line.data(), line.size()) < 0)
        return;  // no log, and nowhere to say so
}

void power_off() {
    ::sync();
    ::reboot(RB_POWER_OFF);
    for (;;)
        ::pause();
}

}  // namespace skald::vm::guest
