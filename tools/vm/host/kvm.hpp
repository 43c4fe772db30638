// SPDX-License-Identifier: MIT
// Whether to run guests with KVM.
#pragma once

#include <filesystem>

namespace skald::vm {

// Whether this user can, and the processor helps. A KVM without VMX or SVM (inside of another
// virtual machine there may be one) emulates the kernels of guests that do not know of it: slowly,
// and not every instruction that Debian's executes, so that they do not boot.
bool kvm_usable(const std::filesystem::path& device = "/dev/kvm");

}  // namespace skald::vm
