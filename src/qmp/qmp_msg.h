/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp_msg.h - what one line of QMP says
 *
 * Layer: qmp.
 * In:    one line, from a QEMU that may be broken or hostile.
 * Out:   its kind, and figures that were checked.
 *
 * Every number that a hypervisor sends is checked here. If an object has a key
 * twice, the last one counts.
 */
#ifndef BALLONET_QMP_QMP_MSG_H
#define BALLONET_QMP_QMP_MSG_H

#include "ballonet/virtio_balloon.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum qmp_msg_type {
	QMP_MSG_GREETING, /* body: the "QMP" object */
	QMP_MSG_RETURN,	  /* body: what was returned */
	QMP_MSG_ERROR,	  /* word: the class; text: the description */
	QMP_MSG_EVENT,	  /* word: its name; body: its data, NULL where it has none */
};

struct qmp_msg {
	enum qmp_msg_type type;
	const char *word; /* these three live as long as root */
	const char *text;
	struct json_object *body;
	struct json_object *root;
};

/* The figures of guest-stats as they came. */
struct qmp_stats {
	uint64_t last_update_s; /* QEMU's wall clock; 0: no driver ever answered */
	uint32_t known;		/* bit N: tag[N] was sent */
	uint64_t tag[BALLOON_STAT_COUNT];
};

/* A parser that is strict, checks UTF-8 and nests no deeper than QMP does; NULL: no memory. */
struct json_tokener *qmp_tokener_new(void);

/* Parses one line. 0, or -EBADMSG where it is not a message of QMP. qmp_msg_fini() ends it. */
int qmp_msg_parse(struct json_tokener *tok, const char *line, size_t len, struct qmp_msg *ret);
void qmp_msg_fini(struct qmp_msg *msg);

/*
 * A whole number in [0, 2^64-1]; larger ones in the text count as 2^64-1.
 * 0, or -EPROTO: not there, not a whole number, or negative.
 */
int qmp_u64(struct json_object *o, uint64_t *ret);
int qmp_get_u64(struct json_object *object, const char *key, uint64_t *ret);

/* The text of @key, or NULL. */
const char *qmp_get_text(struct json_object *object, const char *key);

/*
 * Reads what guest-stats returned: 2^64-1 and what is missing is not known;
 * statistics that are not in the table are passed over. Before a driver ever
 * answered nothing is known. 0 or -EPROTO.
 */
int qmp_stats_parse(struct json_object *body, struct qmp_stats *ret);

/*
 * The first balloon device among what qom-list returned. The name lives as
 * long as @body; NULL where there is none. 0 or -EPROTO.
 */
int qmp_find_balloon(struct json_object *body, const char **ret_name);

/*
 * What query-memory-size-summary returned: the memory there is, with what was
 * plugged in; and what query-balloon did. 0 or -EPROTO.
 */
int qmp_memory_parse(struct json_object *body, uint64_t *ret_ram_b);
int qmp_actual_parse(struct json_object *body, uint64_t *ret_actual_b);

/* More virtual processors than this no machine type of QEMU has (4096 at most). */
#define QMP_CPUS_MAX 65536

/* How many virtual processors query-cpus-fast tells of. 0 or -EPROTO. */
int qmp_cpus_parse(struct json_object *body, uint32_t *ret);

/*
 * What query-uuid returned, in lower case; "" for the UUID of zeroes, of a VM that was given
 * none. 0, or -EPROTO; *ret_uuid then means nothing.
 */
#define QMP_UUID_MAX 37
int qmp_uuid_parse(struct json_object *body, char ret_uuid[QMP_UUID_MAX]);

/* Does an error say that there is no balloon device? */
bool qmp_is_no_device(const struct qmp_msg *msg);

#endif
