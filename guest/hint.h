/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hint.h - free pages that a migration need not copy
 *
 * Layer: guest.
 * In:    the device's command id.
 * Out:   all large free blocks, held until the device is done with them.
 */
#ifndef BALLONET_HINT_H
#define BALLONET_HINT_H

#include "ballonet.h"

void hint_init(struct ballonet *b);
void hint_start(struct ballonet *b);
/* Any context. */
void hint_config_changed(struct ballonet *b);
/* Frees what is held. Returns how many pages. */
unsigned long hint_release(struct ballonet *b);

#endif
