// SPDX-License-Identifier: MIT
// QEMU's command line.
#include "vm/host/machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "vm/protocol.hpp"

namespace skald::vm {
namespace {

namespace fs = std::filesystem;

std::string needed(const fs::path& file) {
    if (!fs::exists(file))
        throw UsageError(fmt::format("{} is not there; 'make build' makes it", file.string()));
    return file.string();
}

// A comma in a value of QEMU's options is written twice.
std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text)
        out.append(c == ',' ? 2 : 1, c);
    return out;
}

class Arguments {
  public:
    template <typename... Strings>
    void add(Strings&&... strings) {
        (list_.emplace_back(std::forward<Strings>(strings)), ...);
    }
    void device(std::string text) { add("-device", std::move(text)); }
    std::vector<std::string> take() { return std::move(list_); }

  private:
    std::vector<std::string> list_;
};

// What the kernel is told. The watchdogs measure time, and a guest on a busy host gets little of
// it.
std::string kernel_command_line(const Options& options) {
    std::string line =
        "console=ttyS0 loglevel=7 panic=-1 mitigations=off random.trust_cpu=on no_timer_check "
        "tsc=reliable "
        "8250.nr_uarts=1 i8042.noaux i8042.nokbd rcupdate.rcu_cpu_stall_timeout=120 "
        "watchdog_thresh=60 "
        "printk.devkmsg=on";
    if (options.kernel.starts_with("debug"))
        line += " kmemleak=on";
    return line;
}

void add_board(Arguments& out, const Options& options, bool kvm) {
    out.add("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-d",
            "guest_errors");
    out.add("-L", needed(options.build / "qemu/share"));
    out.add("-machine", "q35,usb=off,sata=off,smbus=off,vmport=off,i8042=off,hpet=off");
    // Translated string instructions are slower than the loops they replace. With tables of five
    // levels KASAN takes an interrupt's memory for wild while Linux identifies the processor, whose
    // features it has just forgotten.
    // Time that counts instructions is QEMU's own, and takes one thread for all processors.
    const bool counts = std::ranges::find(options.qemu, "-icount") != options.qemu.end();
    if (kvm && !counts)
        out.add("-accel", "kvm", "-cpu", "host");
    else
        out.add("-accel", counts ? "tcg" : "tcg,thread=multi", "-cpu", "max,-erms,-fsrm,-la57");
    out.add("-smp", std::to_string(options.smp), "-m", fmt::format("{}M", options.memory_mib));
    out.add("-kernel", needed(options.build / "guest" / ("vmlinuz-" + options.kernel)));
    out.add("-initrd", needed(options.build / "guest" / ("initramfs-" + options.kernel + ".img")));
    out.add("-append", kernel_command_line(options));
}

void add_port(Arguments& out, int socket, std::string_view name) {
    out.add("-chardev", fmt::format("socket,id={},fd={}", name, socket));
    out.device(fmt::format("virtserialport,chardev={0},name={0}", name));
}

void add_streams(Arguments& out, const MachineSockets& sockets) {
    out.add("-chardev", fmt::format("socket,id=console,fd={}", sockets.console), "-serial",
            "chardev:console");
    out.device("virtio-serial-pci,max_ports=8");
    add_port(out, sockets.control, kControlPort);
    add_port(out, sockets.standard_input, kStdinPort);
    add_port(out, sockets.standard_output, kStdoutPort);
    add_port(out, sockets.standard_error, kStderrPort);
}

void add_files(Arguments& out, const Options& options) {
    for (std::size_t i = 0; i < options.shares.size(); ++i) {
        out.add("-fsdev",
                fmt::format("local,id=share{},path={},security_model=none,multidevs=remap", i,
                            escaped(options.shares[i].string())));
        out.device(fmt::format("virtio-9p-pci,fsdev=share{0},mount_tag=share{0}", i));
    }
    for (std::size_t i = 0; i < options.disks.size(); ++i) {
        out.add("-blockdev", fmt::format("driver=file,node-name=disk{},read-only=on,filename={}", i,
                                         escaped(options.disks[i].string())));
        out.device(fmt::format("virtio-blk-pci,drive=disk{},queue-size=256", i));
    }
}

std::string memory_of_card(const Options& options) {
    std::string memory = kDefaultCardMemory;
    for (const auto& [key, value] : options.card)
        if (key == "memory-size")
            memory = value;
    return memory;
}

void add_cards(Arguments& out, const Options& options) {
    const std::string memory = memory_of_card(options);
    const std::uint64_t size = parse_size(memory);
    if (!std::has_single_bit(size) || size < kMiB)
        throw UsageError(fmt::format(
            "--card memory-size={}: card memory is a power of two, 1M at least", memory));
    for (unsigned i = 0; i < options.cards; ++i) {
        // Twice the memory: room for a second card to be plugged into the same port's window.
        out.device(fmt::format("pcie-root-port,id=port{0},chassis={1},slot={1},pref64-reserve={2}",
                               i, i + 1, 2 * size));
        std::string card = fmt::format("skald,id=card{0},bus=port{0},memory-size={1}", i, size);
        for (const auto& [key, value] : options.card)
            if (key != "memory-size")
                card += fmt::format(",{}={}", escaped(key), escaped(value));
        out.device(card);
    }
}

}  // namespace

std::vector<std::string> qemu_arguments(const Options& options, const MachineSockets& sockets,
                                        bool kvm) {
    Arguments out;
    out.add(needed(options.build / "qemu/qemu-system-x86_64"));
    add_board(out, options, kvm);
    add_streams(out, sockets);
    add_files(out, options);
    add_cards(out, options);
    if (!options.qmp.empty())
        out.add("-qmp", fmt::format("unix:{},server=on,wait=off", escaped(options.qmp.string())));
    for (const std::string& argument : options.qemu)
        out.add(argument);
    return out.take();
}

}  // namespace skald::vm
