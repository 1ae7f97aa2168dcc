/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kept.h - what of a history outlives the daemon, as text
 *
 * Layer: journal (may include model, base).
 * In:    the history of a VM, or of the host.
 * Out:   an object of JSON, with the keys of the journal.
 *
 * Another version of the daemon can read it: what it does not know is passed over, and what it
 * misses stays as it is.
 */
#ifndef BALLONET_JOURNAL_KEPT_H
#define BALLONET_JOURNAL_KEPT_H

#include "base/buf.h"
#include "model/history.h"

#include <stddef.h>

/* Append to @b. 0, -EMSGSIZE, -EINVAL or -ENOMEM; then @b is as it was. */
int kept_encode_vm(struct buf *b, const struct history *h);
int kept_encode_host(struct buf *b, const struct host_history *h);

/* Read into *h, which the caller has initialized. 0, -ENOMEM, or -EBADMSG; then *h is as it was. */
int kept_decode_vm(const char *text, size_t len, struct history *h);
int kept_decode_host(const char *text, size_t len, struct host_history *h);

#endif
