// SPDX-License-Identifier: MIT
// What a program can do to the driver: every ioctl of ours, those of DRM that reach it, mappings.
#pragma once

#include <span>

namespace skald::test {

class Client;

struct Call {
    void (*make)(Client& client);
    unsigned weight;
};

std::span<const Call> calls();

}  // namespace skald::test
