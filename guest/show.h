/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * show.h - what the balloon is and has done, for people
 *
 * Layer: guest.
 * In:    struct ballonet.
 * Out:   debugfs ballonet/DEVICE; sysfs "press".
 */
#ifndef BALLONET_SHOW_H
#define BALLONET_SHOW_H

#include "ballonet.h"

extern const struct attribute_group *show_groups[];
void show_init(void);
void show_exit(void);
void show_add(struct ballonet *b);
void show_remove(struct ballonet *b);

#endif
