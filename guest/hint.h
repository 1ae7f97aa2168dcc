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

/* 0 or -ENOMEM; hint_fini() either way. */
int hint_init(struct ballonet *b);
void hint_fini(struct ballonet *b);
void hint_start(struct ballonet *b);
/* After the reset. */
void hint_stop(struct ballonet *b);
/* Any context. */
void hint_config_changed(struct ballonet *b);
/* The guest needs @want pages of those held, and a round under way ends. Returns how many. */
unsigned long hint_release(struct ballonet *b, unsigned long want);

#endif
