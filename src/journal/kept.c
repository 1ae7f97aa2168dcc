/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kept.c - what of a history outlives the daemon, as text
 *
 * Layer: journal (may include model, base).
 * In:    the history of a VM, or of the host.
 * Out:   an object of JSON, with the keys of the journal.
 */
#include "journal/kept.h"

#include "journal/table.h"

int kept_encode_vm(struct buf *b, const struct history *h)
{
	return table_encode(b, &kept_table, h);
}

int kept_encode_host(struct buf *b, const struct host_history *h)
{
	return table_encode(b, &kept_host_table, h);
}

int kept_decode_vm(const char *text, size_t len, struct history *h)
{
	struct history read = *h;
	int r = table_decode(text, len, &kept_table, &read);

	if (r == 0)
		*h = read;
	return r;
}

int kept_decode_host(const char *text, size_t len, struct host_history *h)
{
	struct host_history read = *h;
	int r = table_decode(text, len, &kept_host_table, &read);

	if (r == 0)
		*h = read;
	return r;
}
