/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * features.h - what the device can do, and the queues that come of it
 *
 * Layer: guest.
 * In:    a virtio device of type 5.
 * Out:   negotiated features, queues.
 */
#ifndef BALLONET_FEATURES_H
#define BALLONET_FEATURES_H

#include "ballonet.h"

#define FEATURES_COUNT 9

/* All that this driver knows. */
void features_list(unsigned int features[FEATURES_COUNT]);
/* Takes back what cannot be used. 0, or -EINVAL when the device cannot be driven at all. */
int features_validate(struct virtio_device *vdev);
/* Notes in @b what was negotiated, and finds the queues. 0 or -errno. */
int features_start(struct ballonet *b);
/* After the reset. */
void features_stop(struct ballonet *b);

#endif
