// SPDX-License-Identifier: MIT
// Where crt0.S arrives.
#include "firmware/firmware.hpp"
#include "firmware/hw.hpp"

namespace {

constinit skald::fw::Firmware firmware;

}  // namespace

int main() {
    firmware.boot();
    for (;;) {
        firmware.turn();
        skald::fw::hw::wait();
    }
}
