/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h - how each struct of a record is written: key, place and type
 *
 * Layer: journal (may include model, base).
 * In:    nothing.
 * Out:   one table per kind of record, for the encoder and the decoder.
 *
 * Private to journal/. Adding a key means adding a row here, and nothing else.
 */
#ifndef BALLONET_JOURNAL_TABLE_H
#define BALLONET_JOURNAL_TABLE_H

#include "journal/record.h"

#include <stddef.h>
#include <stdint.h>

enum field_type {
	FIELD_U64,	/* uint64_t; limit: the largest legal value, 0 for any */
	FIELD_U32,	/* uint32_t */
	FIELD_I32,	/* int32_t */
	FIELD_WORD32,	/* an enum, as its word; limit: how many there are */
	FIELD_WORD64,	/* an enum kept in a uint64_t */
	FIELD_FACT,	/* struct fact: null, or [value, taken_us] */
	FIELD_STATS,	/* struct guest_stats: null, or an object of the tags that are known */
	FIELD_ARRAY,	/* limit times uint64_t */
	FIELD_STRING,	/* char *, owned */
	FIELD_STRUCT,	/* an embedded struct: sub */
	FIELD_SETTINGS, /* struct settings, by settings_table() */
	FIELD_LIST,	/* a pointer to structs (sub), owned, and a size_t at count */
};

struct table;

struct field {
	const char *key;
	const char *lead; /* as it is written: ,"key": */
	size_t lead_len;
	enum field_type type;
	size_t offset;
	size_t count; /* FIELD_LIST: offset of how many */
	uint64_t limit;
	const char *(*word)(uint64_t value);
	const struct table *sub;
};

struct table {
	const struct field *field;
	size_t n;
	size_t size; /* of the struct */
};

/* The word of a kind and the table of its body. */
struct record_type {
	const char *word;
	const struct table *table;
};

extern const struct record_type record_types[RECORD_KIND_COUNT];

/* The decisions' tables, to find where two differ. */
extern const struct table decision_table;
extern const struct table host_decision_table;

/* What of a VM's and of the host's history outlives the daemon. */
extern const struct table kept_table;
extern const struct table kept_host_table;

/* Appends a struct as an object of JSON. 0, -EMSGSIZE, -EINVAL or -ENOMEM; then @b is as it was. */
int table_encode(struct buf *b, const struct table *t, const void *base);

/*
 * Reads such an object into @base, which must own nothing. A member that is missing stays as it
 * is, a key that is not known is passed over: another version may have written it. 0, -ENOMEM, or
 * -EBADMSG for anything else that is wrong; @base is then half written.
 */
int table_decode(const char *text, size_t len, const struct table *t, void *base);

/* The key of each statistics tag, by tag. */
extern const char *const stats_keys[BALLOON_STAT_COUNT];

/* The key of when statistics were taken. */
#define STATS_TAKEN "taken_us"

/* The body of @r: where the table's offsets begin. */
static inline void *record_body(const struct record *r)
{
	return (void *)(uintptr_t)&r->journal;
}

#endif
