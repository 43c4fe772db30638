// SPDX-License-Identifier: MIT
#include "client.hpp"

#include <sys/ioctl.h>

#include <cerrno>

#include "calls.hpp"
#include "context.hpp"

namespace skald::test {

void Client::make(const Step& step) {
    choose = Choices(step);
    calls()[step.call].make(*this);
}

void Client::begin() {
    std::uint32_t buffer = 0, space = 0, queue = 0;
    if (device.bo_create(kBig, DRM_SKALD_BO_CARD, &buffer) == 0) {
        buffers.push_back(buffer);
        sizes[buffer] = kBig;
        if (Mapping mapping = device.map(buffer, kBig))
            mappings.push_back(std::move(mapping));
    }
    if (device.vm_create(&space) != 0)
        return;
    spaces.push_back(space);
    device.map_va(space, buffer, kBase, kBig);
    if (device.queue_create(space, &queue) == 0)
        queues.push_back(queue);
}

int Client::ioctl(std::string_view name, unsigned long request, void* argument) {
    return ioctl(name, request, reinterpret_cast<std::uint64_t>(argument));
}

int Client::ioctl(std::string_view name, unsigned long request, std::uint64_t address) {
    const int error = ::ioctl(device.fd(), request, address) < 0 ? errno : 0;
    count(name, error);
    return error;
}

}  // namespace skald::test
