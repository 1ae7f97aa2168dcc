/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp_msg.c - what one line of QMP says
 *
 * Layer: qmp.
 * In:    one line, from a QEMU that may be broken or hostile.
 * Out:   its kind, and figures that were checked.
 *
 * json-c, because it keeps 2^64-1 intact, which is QEMU's "unknown".
 */
#include "qmp/qmp_msg.h"

#include "base/num.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

/* The deepest reply asked for, the greeting, nests 4 deep; some events 6. */
#define QMP_DEPTH_MAX 16

struct stat_name {
	const char *name;
	enum balloon_stat tag;
};

/* QEMU's names, qapi and hw/virtio/virtio-balloon.c; the last six since QEMU 9.2. */
static const struct stat_name stat_names[] = {
	{ "stat-swap-in", BALLOON_STAT_SWAP_IN },
	{ "stat-swap-out", BALLOON_STAT_SWAP_OUT },
	{ "stat-major-faults", BALLOON_STAT_MAJFLT },
	{ "stat-minor-faults", BALLOON_STAT_MINFLT },
	{ "stat-free-memory", BALLOON_STAT_MEMFREE },
	{ "stat-total-memory", BALLOON_STAT_MEMTOT },
	{ "stat-available-memory", BALLOON_STAT_AVAIL },
	{ "stat-disk-caches", BALLOON_STAT_CACHES },
	{ "stat-htlb-pgalloc", BALLOON_STAT_HTLB_PGALLOC },
	{ "stat-htlb-pgfail", BALLOON_STAT_HTLB_PGFAIL },
	{ "stat-oom-kills", BALLOON_STAT_OOM_KILL },
	{ "stat-alloc-stalls", BALLOON_STAT_ALLOC_STALL },
	{ "stat-async-scans", BALLOON_STAT_ASYNC_SCAN },
	{ "stat-direct-scans", BALLOON_STAT_DIRECT_SCAN },
	{ "stat-async-reclaims", BALLOON_STAT_ASYNC_RECLAIM },
	{ "stat-direct-reclaims", BALLOON_STAT_DIRECT_RECLAIM },
};

struct json_tokener *qmp_tokener_new(void)
{
	struct json_tokener *tok = json_tokener_new_ex(QMP_DEPTH_MAX);

	if (tok)
		json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	return tok;
}

static struct json_object *parse_object(struct json_tokener *tok, const char *line, size_t len)
{
	struct json_object *o;

	while (len && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	if (len > INT_MAX)
		return NULL;
	json_tokener_reset(tok);
	o = json_tokener_parse_ex(tok, line, (int)len);
	if (json_object_is_type(o, json_type_object) && json_tokener_get_parse_end(tok) == len)
		return o;
	json_object_put(o);
	return NULL;
}

const char *qmp_get_text(struct json_object *object, const char *key)
{
	struct json_object *o;

	if (!json_object_object_get_ex(object, key, &o) ||
	    !json_object_is_type(o, json_type_string))
		return NULL;
	return json_object_get_string(o);
}

/* Exactly one of the four may stand in a message. */
static int classify(struct json_object *root, struct qmp_msg *msg)
{
	struct json_object *o;
	int n = 0;

	if (json_object_object_get_ex(root, "return", &o)) {
		msg->type = QMP_MSG_RETURN;
		msg->body = o;
		n++;
	}
	if (json_object_object_get_ex(root, "error", &o)) {
		msg->type = QMP_MSG_ERROR;
		msg->word = qmp_get_text(o, "class");
		msg->text = qmp_get_text(o, "desc");
		n += msg->word && msg->text ? 1 : 2;
	}
	if (json_object_object_get_ex(root, "event", &o)) {
		msg->type = QMP_MSG_EVENT;
		msg->word = qmp_get_text(root, "event");
		msg->body = json_object_object_get(root, "data");
		n += msg->word ? 1 : 2;
	}
	if (json_object_object_get_ex(root, "QMP", &o)) {
		msg->type = QMP_MSG_GREETING;
		msg->body = o;
		n++;
	}
	return n == 1 ? 0 : -EBADMSG;
}

int qmp_msg_parse(struct json_tokener *tok, const char *line, size_t len, struct qmp_msg *ret)
{
	struct json_object *root = parse_object(tok, line, len);
	struct qmp_msg msg = { .root = root };

	if (!root)
		return -EBADMSG;
	if (classify(root, &msg) < 0) {
		json_object_put(root);
		return -EBADMSG;
	}
	*ret = msg;
	return 0;
}

void qmp_msg_fini(struct qmp_msg *msg)
{
	json_object_put(msg->root);
	*msg = (struct qmp_msg){ 0 };
}

int qmp_u64(struct json_object *o, uint64_t *ret)
{
	if (!json_object_is_type(o, json_type_int) || json_object_get_int64(o) < 0)
		return -EPROTO;
	*ret = json_object_get_uint64(o);
	return 0;
}

int qmp_get_u64(struct json_object *object, const char *key, uint64_t *ret)
{
	struct json_object *o;

	if (!json_object_object_get_ex(object, key, &o))
		return -EPROTO;
	return qmp_u64(o, ret);
}

int qmp_stats_parse(struct json_object *body, struct qmp_stats *ret)
{
	struct qmp_stats s = { 0 };
	struct json_object *stats, *o;
	size_t i;

	if (qmp_get_u64(body, "last-update", &s.last_update_s) < 0 ||
	    !json_object_object_get_ex(body, "stats", &stats) ||
	    !json_object_is_type(stats, json_type_object))
		return -EPROTO;
	for (i = 0; i < ARRAY_SIZE(stat_names); i++) {
		uint64_t v;

		if (!json_object_object_get_ex(stats, stat_names[i].name, &o))
			continue;
		if (qmp_u64(o, &v) < 0)
			return -EPROTO;
		if (v == UINT64_MAX || s.last_update_s == 0)
			continue;
		s.tag[stat_names[i].tag] = v;
		s.known |= UINT32_C(1) << stat_names[i].tag;
	}
	*ret = s;
	return 0;
}

int qmp_find_balloon(struct json_object *body, const char **ret_name)
{
	static const char prefix[] = "child<virtio-balloon-";
	size_t i, n;

	if (!json_object_is_type(body, json_type_array))
		return -EPROTO;
	*ret_name = NULL;
	n = json_object_array_length(body);
	for (i = 0; i < n && !*ret_name; i++) {
		struct json_object *o = json_object_array_get_idx(body, i);
		const char *type = qmp_get_text(o, "type");

		if (!type || !qmp_get_text(o, "name"))
			return -EPROTO;
		if (strncmp(type, prefix, sizeof(prefix) - 1) == 0)
			*ret_name = qmp_get_text(o, "name");
	}
	return 0;
}

int qmp_memory_parse(struct json_object *body, uint64_t *ret_ram_b)
{
	uint64_t base_b, plugged_b = 0;

	if (qmp_get_u64(body, "base-memory", &base_b) < 0)
		return -EPROTO;
	if (json_object_object_get_ex(body, "plugged-memory", NULL) &&
	    qmp_get_u64(body, "plugged-memory", &plugged_b) < 0)
		return -EPROTO;
	*ret_ram_b = u64_add_sat(base_b, plugged_b);
	return 0;
}

int qmp_actual_parse(struct json_object *body, uint64_t *ret_actual_b)
{
	return qmp_get_u64(body, "actual", ret_actual_b);
}

int qmp_cpus_parse(struct json_object *body, uint32_t *ret)
{
	size_t n;

	if (!json_object_is_type(body, json_type_array))
		return -EPROTO;
	n = json_object_array_length(body);
	if (n == 0 || n > QMP_CPUS_MAX)
		return -EPROTO;
	*ret = (uint32_t)n;
	return 0;
}

int qmp_uuid_parse(struct json_object *body, char ret_uuid[QMP_UUID_MAX])
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	const char *text = qmp_get_text(body, "UUID");
	bool given = false;
	size_t i;

	if (!text || strlen(text) != sizeof(shape) - 1)
		return -EPROTO;
	for (i = 0; i < sizeof(shape) - 1; i++) {
		if (shape[i] == '-' ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return -EPROTO;
		ret_uuid[i] = (char)tolower((unsigned char)text[i]);
		given |= text[i] != '-' && text[i] != '0';
	}
	ret_uuid[given ? i : 0] = '\0';
	return 0;
}

bool qmp_is_no_device(const struct qmp_msg *msg)
{
	return msg->type == QMP_MSG_ERROR && strcmp(msg->word, "DeviceNotActive") == 0;
}
