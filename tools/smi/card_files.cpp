// SPDX-License-Identifier: MIT
// Names and units are those of Documentation/hwmon/sysfs-interface.rst and
// Documentation/ABI/testing/sysfs-bus-pci{,-devices-aer}.
#include "smi/card_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string_view>

namespace skald::smi {
namespace {

namespace fs = std::filesystem;

fs::path device_of(const fs::path& sysfs, const std::string& address) {
    return sysfs / "bus/pci/devices" / address;
}

std::string line_of(const fs::path& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

// Of several names the first that is there; scale: of the unit in the file.
std::optional<double> sensor(const fs::path& folder, std::initializer_list<const char*> names,
                             double scale) {
    for (const char* name : names) {
        std::ifstream file(folder / name);
        if (double value = 0; file >> value)
            return value * scale;
    }
    return std::nullopt;
}

// Lines "RxErr 0", the last "TOTAL_ERR_COR 3".
std::optional<std::uint64_t> total_of(const fs::path& path) {
    std::ifstream file(path);
    std::string name;
    std::uint64_t count = 0;
    while (file >> name >> count)
        if (name.starts_with("TOTAL_"))
            return count;
    return std::nullopt;
}

}  // namespace

CardFiles read_card_files(const fs::path& sysfs, const std::string& pci_address) {
    const fs::path device = device_of(sysfs, pci_address);
    CardFiles files;
    std::error_code ignored;
    for (const fs::directory_entry& sensors : fs::directory_iterator(device / "hwmon", ignored)) {
        files.power_w = sensor(sensors.path(), {"power1_average", "power1_input"}, 1e-6);
        files.energy_j = sensor(sensors.path(), {"energy1_input"}, 1e-6);
        files.temperature_c = sensor(sensors.path(), {"temp1_input"}, 1e-3);
    }
    files.corrected = total_of(device / "aer_dev_correctable");
    files.nonfatal = total_of(device / "aer_dev_nonfatal");
    files.fatal = total_of(device / "aer_dev_fatal");
    files.link_speed = line_of(device / "current_link_speed");
    files.link_width = line_of(device / "current_link_width");
    return files;
}

int reset_card(const fs::path& sysfs, const std::string& pci_address) {
    const int fd = ::open((device_of(sysfs, pci_address) / "reset").c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    constexpr std::string_view kOn = "1";
    const int error = ::write(fd, kOn.data(), kOn.size()) < 0 ? errno : 0;
    ::close(fd);
    return error;
}

}  // namespace skald::smi
