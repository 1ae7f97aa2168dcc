/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu_cmd.c - what QEMU is asked, and what its answers and events mean
 *
 * Layer: vmm.
 * In:    answers and events, parsed.
 * Out:   facts; what to ask next.
 *
 * An error costs only the figure that was asked for. An answer of the wrong shape
 * costs the connection, because nothing else in it can then be trusted.
 */
#include "vmm/qemu.h"

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void qemu_fail(struct qemu *q, const char *fmt, ...)
{
	char text[2 * CONN_TROUBLE_MAX];
	va_list ap;

	if (q->failed)
		return; /* the first cause is the one to tell */
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	conn_trouble(&q->conn, "%s", text);
	q->failed = true;
}

static struct vm_facts *facts_of(struct qemu *q)
{
	return &q->conn.facts;
}

/* Tells the owner once UP was told; before that, UP itself tells it. */
static void emit_up(struct qemu *q, enum vmm_event event)
{
	if (q->state == QEMU_UP)
		conn_emit(&q->conn, event);
}

static void become(struct qemu *q, enum vm_state state)
{
	q->vm_state = state;
	if (q->state != QEMU_UP || facts_of(q)->state == state)
		return;
	facts_of(q)->state = state;
	emit_up(q, VMM_EVENT_STATE);
}

static int on_nothing(struct qemu *q, const struct qmp_asked *asked, struct json_object *body,
		      uint64_t now_us)
{
	(void)q, (void)asked, (void)now_us;
	return json_object_is_type(body, json_type_object) ? 0 : -EPROTO;
}

static int on_status(struct qemu *q, const struct qmp_asked *asked, struct json_object *body,
		     uint64_t now_us)
{
	const char *status = qmp_get_text(body, "status");

	(void)asked, (void)now_us;
	if (!status)
		return -EPROTO;
	become(q, strcmp(status, "running") == 0 ? VM_STATE_RUNNING : VM_STATE_PAUSED);
	return 0;
}

static int on_name(struct qemu *q, const struct qmp_asked *asked, struct json_object *body,
		   uint64_t now_us)
{
	const char *name = qmp_get_text(body, "name");

	(void)asked, (void)now_us;
	conn_tidy(name ? name : "", q->conn.name, sizeof(q->conn.name));
	return json_object_is_type(body, json_type_object) ? 0 : -EPROTO;
}

static int on_cpus(struct qemu *q, const struct qmp_asked *asked, struct json_object *body,
		   uint64_t now_us)
{
	(void)asked, (void)now_us;
	return qmp_cpus_parse(body, &facts_of(q)->vcpus);
}

static int on_uuid(struct qemu *q, const struct qmp_asked *asked, struct json_object *body,
		   uint64_t now_us)
{
	(void)asked, (void)now_us;
	_Static_assert(CONN_UUID_MAX == QMP_UUID_MAX, "one size");
	return qmp_uuid_parse(body, q->conn.uuid);
}

void qemu_forget_device(struct qemu *q)
{
	free(q->path);
	q->path = NULL;
}

static int remember_device(struct qemu *q, const char *folder, const char *name)
{
	struct json_object *text;
	char path[QEMU_DEVICE_NAME_MAX + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	text = json_object_new_string(path);
	if (!text)
		return -ENOMEM;
	q->path = strdup(json_object_to_json_string_ext(text, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(text);
	return q->path ? 0 : -ENOMEM;
}

static int on_list(struct qemu *q, const struct qmp_asked *asked, struct json_object *body,
		   uint64_t now_us)
{
	const char *name;

	(void)now_us;
	if (qmp_find_balloon(body, &name) < 0)
		return -EPROTO;
	if (!name || q->path)
		return 0;
	if (strlen(name) > QEMU_DEVICE_NAME_MAX)
		return -EPROTO;
	return remember_device(q, qmp_cmd_folder(asked->cmd), name);
}

static int on_memory(struct qemu *q, const struct qmp_asked *asked, struct json_object *body,
		     uint64_t now_us)
{
	uint64_t ram_b;

	(void)now_us;
	if (qmp_memory_parse(body, &ram_b) < 0)
		return -EPROTO;
	facts_of(q)->ram_b = fact_of(ram_b, asked->at_us);
	q->ram_said = true;
	return 0;
}

/*
 * More than there is: memory was plugged, or somebody talks nonsense. Before QEMU 2.11
 * nobody says what there is, and the most that was seen is it.
 */
static bool is_possible(struct qemu *q, uint64_t actual_b)
{
	struct fact *ram_b = &facts_of(q)->ram_b;

	if (!ram_b->known || actual_b <= ram_b->value)
		return true;
	if (!q->ram_said)
		ram_b->value = actual_b;
	q->size_doubted = q->ram_said;
	return !q->size_doubted;
}

/*
 * A size that was read before all memory was acknowledged says nothing of what the
 * guest does next: it may not have begun with the target before. QEMU answers in
 * order, so one that comes after the acknowledgement is of after it.
 */
static void take_actual(struct qemu *q, uint64_t actual_b, uint64_t taken_us)
{
	if (is_possible(q, actual_b) && !q->all_wanted)
		facts_of(q)->actual_b = fact_of(actual_b, taken_us);
}

static int on_actual(struct qemu *q, const struct qmp_asked *asked, struct json_object *body,
		     uint64_t now_us)
{
	uint64_t actual_b;

	(void)now_us;
	if (qmp_actual_parse(body, &actual_b) < 0)
		return -EPROTO;
	take_actual(q, actual_b, asked->at_us);
	return 0;
}

static int on_reporting(struct qemu *q, const struct qmp_asked *asked, struct json_object *body,
			uint64_t now_us)
{
	(void)asked, (void)now_us;
	if (!json_object_is_type(body, json_type_boolean))
		return -EPROTO;
	facts_of(q)->reporting = json_object_get_boolean(body) ? TRI_YES : TRI_NO;
	return 0;
}

static int on_interval(struct qemu *q, const struct qmp_asked *asked, struct json_object *body,
		       uint64_t now_us)
{
	uint64_t found_s;

	(void)asked;
	if (qmp_u64(body, &found_s) < 0)
		return -EPROTO;
	qemu_interval_found(q, found_s, now_us);
	return 0;
}

static int on_stats(struct qemu *q, const struct qmp_asked *asked, struct json_object *body,
		    uint64_t now_us)
{
	struct qmp_stats stats;

	if (qmp_stats_parse(body, &stats) < 0)
		return -EPROTO;
	qemu_stats_read(q, &stats, asked->at_us, now_us);
	return 0;
}

void qemu_ask_target(struct qemu *q, uint64_t target_b, uint64_t now_us)
{
	const struct fact *ram_b = &facts_of(q)->ram_b;

	if (target_b > QMP_TARGET_ALL || (ram_b->known && target_b >= ram_b->value))
		target_b = QMP_TARGET_ALL;
	q->all_wanted = q->out && target_b == QMP_TARGET_ALL;
	if (q->target_asked) {
		q->target_next_b = target_b;
		return;
	}
	q->target_asked = true;
	q->target_all = target_b == QMP_TARGET_ALL;
	q->target_next_b = 0;
	q->out |= !q->target_all;
	qmp_ask_target(&q->qmp, target_b, now_us);
}

/* All memory is what its guest is to have: its balloon is read from now on. */
static void all_acknowledged(struct qemu *q, uint64_t now_us)
{
	q->out = q->all_wanted = false;
	qmp_ask(&q->qmp, QMP_ACTUAL, now_us);
}

static void target_answered(struct qemu *q, int error, const char *text, uint64_t now_us)
{
	int before = facts_of(q)->target_error;

	facts_of(q)->target_error = error;
	if (error && error != before) {
		conn_trouble(&q->conn, "QEMU refused a balloon target: %s", text);
		log_warning("target-refused address=%s error=\"%s\"", q->conn.address,
			    q->conn.trouble);
	} else if (!error && before) {
		conn_trouble(&q->conn, "%s", "");
	}
	q->target_asked = false;
	if (q->target_next_b)
		qemu_ask_target(q, q->target_next_b, now_us);
	else if (!error && q->target_all && q->out)
		all_acknowledged(q, now_us);
}

static int on_target(struct qemu *q, const struct qmp_asked *asked, struct json_object *body,
		     uint64_t now_us)
{
	(void)asked;
	if (!json_object_is_type(body, json_type_object))
		return -EPROTO;
	target_answered(q, 0, "", now_us);
	return 0;
}

static int (*const on_return[])(struct qemu *q, const struct qmp_asked *asked,
				struct json_object *body, uint64_t now_us) = {
	[QMP_CAPABILITIES] = on_nothing,
	[QMP_STATUS] = on_status,
	[QMP_NAME] = on_name,
	[QMP_CPUS] = on_cpus,
	[QMP_UUID] = on_uuid,
	[QMP_LIST] = on_list,
	[QMP_LIST_ANON] = on_list,
	[QMP_MEMORY] = on_memory,
	[QMP_ACTUAL] = on_actual,
	[QMP_REPORTING] = on_reporting,
	[QMP_GET_INTERVAL] = on_interval,
	[QMP_SET_INTERVAL] = on_nothing,
	[QMP_STATS] = on_stats,
	[QMP_TARGET] = on_target,
};
_Static_assert(ARRAY_SIZE(on_return) == QMP_CMD_COUNT, "a row per command");

int qemu_cmd_return(struct qemu *q, const struct qmp_asked *asked, struct json_object *body,
		    uint64_t now_us)
{
	return on_return[asked->cmd](q, asked, body, now_us);
}

void qemu_cmd_error(struct qemu *q, const struct qmp_asked *asked, const struct qmp_msg *msg,
		    uint64_t now_us)
{
	switch (asked->cmd) {
	case QMP_CAPABILITIES:
		qemu_fail(q, "QEMU refused to talk: %s", msg->text);
		return;
	case QMP_TARGET:
		target_answered(q, qmp_is_no_device(msg) ? ENODEV : EIO, msg->text, now_us);
		return;
	case QMP_REPORTING: /* before QEMU 5.1 there is none */
	case QMP_NAME:
	case QMP_UUID:
	case QMP_CPUS: /* before QEMU 2.12 there is none */
		return;
	case QMP_LIST:
	case QMP_LIST_ANON:
		q->list_error = true;
		break;
	case QMP_STATUS: /* not known to run: nothing will be inflated */
		q->vm_state = VM_STATE_PAUSED;
		break;
	case QMP_ACTUAL:
		facts_of(q)->actual_b.known = false;
		if (facts_of(q)->device == TRI_NO || !q->path)
			return; /* as is to be expected */
		break;
	case QMP_SET_INTERVAL:
		q->interval_known = false; /* a property that cannot be set is left alone */
		break;
	default:
		break;
	}
	conn_trouble(&q->conn, "QEMU refused %s: %s", qmp_cmd_name(asked->cmd), msg->text);
	if (asked->cmd == QMP_STATS)
		qemu_stats_read(q, NULL, asked->at_us, now_us);
}

static void ask_machine(struct qemu *q, uint64_t now_us)
{
	static const enum qmp_cmd cmds[] = { QMP_STATUS, QMP_NAME,	QMP_UUID,   QMP_CPUS,
					     QMP_LIST,	 QMP_LIST_ANON, QMP_MEMORY, QMP_ACTUAL };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cmds); i++)
		qmp_ask(&q->qmp, cmds[i], now_us);
}

bool qemu_setup_step(struct qemu *q, uint64_t now_us)
{
	struct vm_facts *facts = facts_of(q);

	switch (q->step++) {
	case 0:
		qmp_ask(&q->qmp, QMP_CAPABILITIES, now_us);
		return true;
	case 1:
		if (q->out) /* before its guest goes on with what the last connection asked */
			qemu_ask_target(q, QMP_TARGET_ALL, now_us);
		ask_machine(q, now_us);
		return true;
	case 2:
		if (!facts->ram_b.known) /* before QEMU 2.11: right while the balloon is at 0 */
			facts->ram_b = facts->actual_b;
		facts->device = q->path ? TRI_YES : q->list_error ? TRI_UNKNOWN : TRI_NO;
		facts->reporting = TRI_UNKNOWN;
		if (!q->path)
			return false;
		qmp_ask_get(&q->qmp, QMP_REPORTING, q->path, now_us);
		qmp_ask_get(&q->qmp, QMP_GET_INTERVAL, q->path, now_us);
		qmp_ask_get(&q->qmp, QMP_STATS, q->path, now_us);
		return true;
	default:
		return false;
	}
}

static int event_balloon(struct qemu *q, const struct qmp_msg *msg, uint64_t now_us)
{
	uint64_t actual_b;

	if (qmp_get_u64(msg->body, "actual", &actual_b) < 0)
		return -EPROTO;
	take_actual(q, actual_b, now_us);
	emit_up(q, VMM_EVENT_ACTUAL);
	return 0;
}

static int event_pause(struct qemu *q, const struct qmp_msg *msg, uint64_t now_us)
{
	(void)msg, (void)now_us;
	become(q, VM_STATE_PAUSED);
	return 0;
}

static int event_resume(struct qemu *q, const struct qmp_msg *msg, uint64_t now_us)
{
	(void)msg, (void)now_us;
	become(q, VM_STATE_RUNNING);
	return 0;
}

/* A guest that woke up may be paused all the same, so QEMU is asked. */
static int event_wakeup(struct qemu *q, const struct qmp_msg *msg, uint64_t now_us)
{
	(void)msg;
	if (q->state == QEMU_UP && !qmp_in_flight(&q->qmp, QMP_STATUS))
		qmp_ask(&q->qmp, QMP_STATUS, now_us);
	return 0;
}

/* A suspended guest that is reset is left paused, and no event says so. */
static int event_reset(struct qemu *q, const struct qmp_msg *msg, uint64_t now_us)
{
	(void)event_wakeup(q, msg, now_us);
	facts_of(q)->boots++;
	q->reset_us = now_us;
	facts_of(q)->stats.known = 0; /* QEMU keeps the figures of the boot before */
	emit_up(q, VMM_EVENT_STATE);
	return 0;
}

static int event_shutdown(struct qemu *q, const struct qmp_msg *msg, uint64_t now_us)
{
	(void)msg, (void)now_us;
	become(q, VM_STATE_PAUSED);
	emit_up(q, VMM_EVENT_SHUTDOWN);
	return 0;
}

static int event_deleted(struct qemu *q, const struct qmp_msg *msg, uint64_t now_us)
{
	const char *path = qmp_get_text(msg->body, "path");
	size_t n = path ? strlen(path) : 0;

	(void)now_us;
	if (q->path && strncmp(q->path + 1, path ? path : "", n) == 0 && q->path[1 + n] == '"')
		qemu_fail(q, "the balloon device was unplugged");
	return 0;
}

static const struct {
	const char *name;
	int (*handle)(struct qemu *q, const struct qmp_msg *msg, uint64_t now_us);
} events[] = {
	{ "BALLOON_CHANGE", event_balloon },
	{ "STOP", event_pause },
	{ "SUSPEND", event_pause },
	{ "SUSPEND_DISK", event_pause },
	{ "RESUME", event_resume },
	{ "WAKEUP", event_wakeup },
	{ "RESET", event_reset },
	{ "SHUTDOWN", event_shutdown },
	{ "DEVICE_DELETED", event_deleted },
};

int qemu_event(struct qemu *q, const struct qmp_msg *msg, uint64_t now_us)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(events); i++)
		if (strcmp(events[i].name, msg->word) == 0)
			return events[i].handle(q, msg, now_us);
	return 0; /* POWERDOWN and many others change no fact */
}
