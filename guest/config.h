/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.h - the device's configuration space
 *
 * Layer: guest.
 * In:    a virtio device; an offset, BALLOON_CONFIG_*.
 * Out:   32-bit fields.
 */
#ifndef BALLONET_CONFIG_H
#define BALLONET_CONFIG_H

#include <linux/virtio.h>

/* How many bytes of it there are, as far as the device tells. */
unsigned int config_len(struct virtio_device *vdev);
u32 config_read(struct virtio_device *vdev, unsigned int offset);
void config_write(struct virtio_device *vdev, unsigned int offset, u32 value);

#endif
