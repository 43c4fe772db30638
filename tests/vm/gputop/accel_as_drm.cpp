// SPDX-License-Identifier: MIT
// For a reader of fdinfo that looks at DRM's own nodes and no others, as gputop does: preloaded, it
// has the nodes of accel take their place. Where output is no terminal there is room for a table.
#include <dlfcn.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdarg>

namespace {

constexpr unsigned kAccelMajor = 261, kDrmMajor = 226;  // include/drm of Linux

template <typename Function>
Function* original(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// NOLINTBEGIN(cert-dcl50-cpp,cppcoreguidelines-pro-type-vararg): they are the C library's.

extern "C" __attribute__((visibility("default"))) int fstatat64(int folder, const char* path,
                                                                struct stat64* out,
                                                                int flags) noexcept {
    static auto* const real = original<int(int, const char*, struct stat64*, int)>("fstatat64");
    const int status = real(folder, path, out, flags);
    if (status == 0 && S_ISCHR(out->st_mode) && major(out->st_rdev) == kAccelMajor)
        out->st_rdev = makedev(kDrmMajor, minor(out->st_rdev));
    return status;
}

extern "C" __attribute__((visibility("default"))) int ioctl(int file, unsigned long request,
                                                            ...) noexcept {
    static auto* const real = original<int(int, unsigned long, ...)>("ioctl");
    va_list rest;
    va_start(rest, request);
    void* const argument = va_arg(rest, void*);
    va_end(rest);
    const int status = real(file, request, argument);
    if (request != TIOCGWINSZ || status == 0)
        return status;
    *static_cast<winsize*>(argument) = {40, 140, 0, 0};
    return 0;
}

// NOLINTEND(cert-dcl50-cpp,cppcoreguidelines-pro-type-vararg)
