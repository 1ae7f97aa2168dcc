/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pfnq.h - a queue of page numbers for the device, several buffers at a time
 *
 * Layer: guest.
 * In:    slots that the balloon has filled.
 * Out:   the same slots, after the device has seen them, to done().
 */
#ifndef BALLONET_PFNQ_H
#define BALLONET_PFNQ_H

#include "ballonet.h"

void pfnq_init(struct pfnq *q, struct ballonet *owner, struct queue *queue, pfnq_done_fn done);
/* Makes slots of @pfns each, as many as the ring can hold. 0 or -ENOMEM; pfnq_fini() either way. */
int pfnq_start(struct pfnq *q, unsigned int pfns);
void pfnq_fini(struct pfnq *q);
/* An idle slot; NULL if the device returned none within @timeout jiffies. */
struct slot *pfnq_get(struct pfnq *q, unsigned long timeout);
void pfnq_put(struct pfnq *q, struct slot *slot);
/* Notes the numbers of @page and the pages after it; there must be room. */
void pfnq_add(struct pfnq *q, struct slot *slot, struct page *page, unsigned int pages);
/* Hands a slot to the device. When it is acked, done() gets it with its pages; with keep it stays
 * with the sender, who waits for pfnq_acked() and takes it back.
 */
void pfnq_send(struct pfnq *q, struct slot *slot);
bool pfnq_acked(struct pfnq *q, struct slot *slot);
void pfnq_take_back(struct pfnq *q, struct slot *slot);
/* True when nothing is in flight. */
bool pfnq_quiet(struct pfnq *q);
/* After a reset: what was in flight goes to done() as if acked, and the queue is no more. */
void pfnq_abandon(struct pfnq *q);

#endif
