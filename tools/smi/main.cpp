// SPDX-License-Identifier: MIT
// skald-smi: the cards of this machine, their firmware, memory and clients.
#include <exception>

#include "console/standard_streams.hpp"
#include "libskald/os.hpp"
#include "smi/monitor.hpp"

int main(int argc, char** argv) {
    using namespace skald;
    console::fill_standard_streams();
    int status = smi::kExitDone;
    try {
        if (const auto options = smi::parse_options(argc, argv, status)) {
            smi::Monitor monitor(rt::linux_os(), *options);
            status = options->reset.empty() ? monitor.run() : monitor.reset();
        }
    } catch (const std::exception& error) {
        console::say("skald-smi: {}\n", error.what());
        status = smi::kExitFailed;
    }
    return console::finish("skald-smi", status);
}
