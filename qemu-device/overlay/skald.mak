# The devices of our qemu-system-x86_64: a q35 machine with what a Skald guest uses and what
# testing a PCIe device needs. Built with --without-default-devices, so all else stays out.
CONFIG_Q35=y
CONFIG_VTD=y
CONFIG_PCIE_PORT=y
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_BLK=y
CONFIG_VIRTIO_SERIAL=y
CONFIG_VIRTIO_RNG=y
CONFIG_VIRTIO_9P=y
CONFIG_SERIAL_ISA=y
CONFIG_ISA_DEBUG=y
CONFIG_NVME_PCI=y
CONFIG_SKALD=y
