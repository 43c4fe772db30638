// SPDX-License-Identifier: MIT
// A machine's state on its way into another one: through a snapshot in a disk image, a file, or a
// socket while it runs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "machine.hpp"

namespace skald::qtest {

// Gone with the test.
class Folder {
  public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string file(const std::string& name) const {
        return (path_ / name).string();
    }

  private:
    std::filesystem::path path_;
};

// A qcow2 image of its own node that holds nothing but snapshots; QEMU itself makes it.
void create_disk(Machine& machine, const std::string& file);
// Arguments of the machine that loads from it.
[[nodiscard]] std::vector<std::string> with_disk(const std::string& file);
// As the monitor's savevm and loadvm. They throw with QEMU's sentence.
void save_snapshot(Machine& machine, const std::string& tag);
void load_snapshot(Machine& machine, const std::string& tag);

// "unix:..." or "file:...": sends until the state is complete; the machine has stopped then.
void migrate(Machine& machine, const std::string& uri);
// Takes it in, in a machine started with "-incoming defer". Throws when it is refused.
void receive(Machine& machine, const std::string& uri);

}  // namespace skald::qtest
