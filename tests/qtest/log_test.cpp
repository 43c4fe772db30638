// SPDX-License-Identifier: MIT
// What a driver writer sees of the card in QEMU's log: guest errors and trace events.
#include <algorithm>

#include "log_file.hpp"
#include "rig.hpp"

namespace skald::qtest {
namespace {

TEST(GuestErrors, AreLoggedWithTheOffsetAndTheNameOfTheCard) {
    const LogFile log;
    Board board("memory-size=64M", {"-d", "guest_errors", "-D", log.path()});
    EXPECT_EQ(log.text(), "");
    const auto logged = [&](auto access, const char* offset) {
        const std::size_t before = log.text().size();
        access();
        const std::string line = log.text().substr(before);
        EXPECT_NE(line.find("card0"), std::string::npos) << line;
        EXPECT_NE(line.find(offset), std::string::npos) << line;
        EXPECT_EQ(std::ranges::count(line, '\n'), 1) << line;
    };
    logged([&] { board.set_reg(SKALD_REG_ID, 1); }, "0x0");
    logged([&] { board.set_reg(0x7f0, 1); }, "0x7f0");
    logged([&] { static_cast<void>(board.reg(0x7f4)); }, "0x7f4");
    logged([&] { static_cast<void>(board.machine.read(kRegs + SKALD_REG_STATUS, 2)); }, "0x104");
    logged([&] { board.machine.write(kDoorbells + 0x3004, 4, 1); }, "0x3004");
}

TEST(Trace, ShowsTheLifeOfAJobAndItsEnd) {
    const LogFile log;
    Board board("memory-size=64M", {"-trace", "skald_*", "-D", log.path()});
    board.enable_msix();
    board.boot();
    Rig rig(board);
    const std::array program{copy(kHostVa + kGuestData, kData, 4096), end()};
    EXPECT_EQ(rig.wait_completion(rig.submit(program)).status, SKALD_JOB_DONE);
    wait_until("the queue's message",
               [&] { return board.message(kQueueVector) == kMessageData + kQueueVector; });
    board.function_level_reset();

    const std::string text = log.text();
    for (const char* line :
         {"skald_boot card0", "skald_reg_write card0 BOOT_SIZE [0x0118]",
          "skald_reg_read card0 STATUS [0x0104] size 4 -> 0x00000003",
          "skald_doorbell card0 queue 9 tail 1", "skald_dma card0 write 0x800000 4096 bytes",
          "skald_irq card0 vector 3", "skald_stop card0 by reset", "skald_stopped card0",
          "skald_log card0"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line;
    }
}

}  // namespace
}  // namespace skald::qtest
