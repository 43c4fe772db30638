// SPDX-License-Identifier: MIT
// Asks the processor and the device.
#include "vm/host/kvm.hpp"

#include <cpuid.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "vm/io.hpp"

namespace skald::vm {
namespace {

bool virtualises() {
    constexpr unsigned kVmx = 1u << 5;  // leaf 1, ECX
    constexpr unsigned kSvm = 1u << 2;  // leaf 0x80000001, ECX
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    return (__get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & kVmx) != 0) ||
           (__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) != 0 && (ecx & kSvm) != 0);
}

}  // namespace

bool kvm_usable(const std::filesystem::path& device) {
    if (!virtualises())
        return false;
    const Fd kvm(::open(device.c_str(), O_RDWR | O_CLOEXEC));
    return kvm && ::ioctl(kvm.get(), KVM_GET_API_VERSION, 0) == KVM_API_VERSION &&
           Fd(::ioctl(kvm.get(), KVM_CREATE_VM, 0));
}

}  // namespace skald::vm
