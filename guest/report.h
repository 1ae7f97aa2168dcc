/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.h - free pages to the device, and back when it has seen them
 *
 * Layer: guest.
 * In:    pages that are nobody's.
 * Out:   the device has discarded what they held.
 */
#ifndef BALLONET_REPORT_H
#define BALLONET_REPORT_H

#include "ballonet.h"

/* The list of blocks. 0 or -ENOMEM; report_fini() either way. */
int report_init(struct ballonet *b);
void report_fini(struct ballonet *b);
int report_start(struct ballonet *b);
void report_stop(struct ballonet *b);
/* Hands @n pieces over and waits until the device has seen them, however long. 0 or -errno. */
int report_send(struct ballonet *b, struct scatterlist *sg, unsigned int n);
/* Has the kernel report now, until @want pages or all that are free. Returns how many. Sleeps. */
unsigned long report_now(struct ballonet *b, unsigned long want);

#endif
