// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * config.c - the device's configuration space
 *
 * Layer: guest.
 * In:    a virtio device; an offset, BALLOON_CONFIG_*.
 * Out:   32-bit fields, little-endian at the device even on legacy ones.
 */
#include "config.h"

#include <linux/pci.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "ballonet/virtio_balloon.h"

/* A modern PCI device says how much it has, and its transport treats a read past the end as a bug
 * of the driver. Others are not asked.
 */
unsigned int config_len(struct virtio_device *vdev)
{
	struct pci_dev *pci;
	u8 type;
	u32 len;
	int at;

	if (!virtio_has_feature(vdev, VIRTIO_F_VERSION_1) || !vdev->dev.parent ||
	    !dev_is_pci(vdev->dev.parent))
		return BALLOON_CONFIG_SIZE;
	pci = to_pci_dev(vdev->dev.parent);
	for (at = pci_find_capability(pci, PCI_CAP_ID_VNDR); at > 0;
	     at = pci_find_next_capability(pci, at, PCI_CAP_ID_VNDR)) {
		pci_read_config_byte(pci, at + offsetof(struct virtio_pci_cap, cfg_type), &type);
		if (type != VIRTIO_PCI_CAP_DEVICE_CFG)
			continue;
		pci_read_config_dword(pci, at + offsetof(struct virtio_pci_cap, length), &len);
		return len;
	}
	return 0;
}

u32 config_read(struct virtio_device *vdev, unsigned int offset)
{
	__le32 value = 0;

	vdev->config->get(vdev, offset, &value, sizeof(value)); /* in one access */
	return le32_to_cpu(value);
}

void config_write(struct virtio_device *vdev, unsigned int offset, u32 number)
{
	__le32 value = cpu_to_le32(number);

	vdev->config->set(vdev, offset, &value, sizeof(value));
}
