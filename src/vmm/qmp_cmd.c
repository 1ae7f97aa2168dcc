/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp_cmd.c - what is asked of QEMU, and what its answers and events mean
 *
 * Layer: vmm.
 * In:    answers and events, parsed.
 * Out:   facts; what to ask next.
 *
 * An error costs only the figure that was asked for. An answer of the wrong shape
 * costs the connection, because nothing else in it can then be trusted.
 */
#include "vmm/qmp.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* QEMU cuts a target down to the memory there is, hot-plugged memory included. */
#define TARGET_ALL ((uint64_t)INT64_MAX)

static const char query_status[] = "{\"execute\":\"query-status\"}\n";

static struct vm_facts *facts_of(struct qmp *q)
{
	return &q->conn.facts;
}

/* Tells the owner once UP was told; before that, UP itself tells it. */
static void emit_up(struct qmp *q, enum vmm_event event)
{
	if (q->state == QMP_UP)
		conn_emit(&q->conn, event);
}

static void become(struct qmp *q, enum vm_state state)
{
	q->vm_state = state;
	if (q->state != QMP_UP || facts_of(q)->state == state)
		return;
	facts_of(q)->state = state;
	emit_up(q, VMM_EVENT_STATE);
}

static int on_nothing(struct qmp *q, const struct qmp_asked *asked, struct json_object *body,
		      uint64_t now_us)
{
	(void)q, (void)asked, (void)now_us;
	return json_object_is_type(body, json_type_object) ? 0 : -EPROTO;
}

static int on_status(struct qmp *q, const struct qmp_asked *asked, struct json_object *body,
		     uint64_t now_us)
{
	const char *status = qmp_get_text(body, "status");

	(void)asked, (void)now_us;
	if (!status)
		return -EPROTO;
	become(q, strcmp(status, "running") == 0 ? VM_STATE_RUNNING : VM_STATE_PAUSED);
	return 0;
}

static int on_name(struct qmp *q, const struct qmp_asked *asked, struct json_object *body,
		   uint64_t now_us)
{
	const char *name = qmp_get_text(body, "name");

	(void)asked, (void)now_us;
	conn_tidy(name ? name : "", q->conn.name, sizeof(q->conn.name));
	return json_object_is_type(body, json_type_object) ? 0 : -EPROTO;
}

void qmp_forget_device(struct qmp *q)
{
	free(q->path);
	free(q->ask_stats);
	q->path = q->ask_stats = NULL;
}

static int remember_device(struct qmp *q, const char *folder, const char *name)
{
	struct json_object *text;
	char path[QMP_DEVICE_NAME_MAX + 64];
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	text = json_object_new_string(path);
	if (!text)
		return -ENOMEM;
	q->path = strdup(json_object_to_json_string_ext(text, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(text);
	if (!q->path)
		return -ENOMEM;
	r = asprintf(&q->ask_stats,
		     "{\"execute\":\"qom-get\",\"arguments\":{\"path\":%s,"
		     "\"property\":\"guest-stats\"}}\n",
		     q->path);
	if (r < 0) {
		q->ask_stats = NULL;
		qmp_forget_device(q);
		return -ENOMEM;
	}
	return 0;
}

static int on_list(struct qmp *q, const struct qmp_asked *asked, struct json_object *body,
		   uint64_t now_us)
{
	const char *folder =
		asked->cmd == CMD_LIST ? "/machine/peripheral" : "/machine/peripheral-anon";
	const char *name;

	(void)now_us;
	if (qmp_find_balloon(body, &name) < 0)
		return -EPROTO;
	if (!name || q->path)
		return 0;
	if (strlen(name) > QMP_DEVICE_NAME_MAX)
		return -EPROTO;
	return remember_device(q, folder, name);
}

static int on_memory(struct qmp *q, const struct qmp_asked *asked, struct json_object *body,
		     uint64_t now_us)
{
	uint64_t base_b, plugged_b = 0;

	(void)now_us;
	if (qmp_get_u64(body, "base-memory", &base_b) < 0)
		return -EPROTO;
	if (json_object_object_get_ex(body, "plugged-memory", NULL) &&
	    qmp_get_u64(body, "plugged-memory", &plugged_b) < 0)
		return -EPROTO;
	facts_of(q)->ram_b = fact_of(u64_add_sat(base_b, plugged_b), asked->at_us);
	return 0;
}

static int on_actual(struct qmp *q, const struct qmp_asked *asked, struct json_object *body,
		     uint64_t now_us)
{
	uint64_t actual_b;

	(void)now_us;
	if (qmp_get_u64(body, "actual", &actual_b) < 0)
		return -EPROTO;
	facts_of(q)->actual_b = fact_of(actual_b, asked->at_us);
	return 0;
}

static int on_reporting(struct qmp *q, const struct qmp_asked *asked, struct json_object *body,
			uint64_t now_us)
{
	(void)asked, (void)now_us;
	if (!json_object_is_type(body, json_type_boolean))
		return -EPROTO;
	facts_of(q)->reporting = json_object_get_boolean(body) ? TRI_YES : TRI_NO;
	return 0;
}

static int on_interval(struct qmp *q, const struct qmp_asked *asked, struct json_object *body,
		       uint64_t now_us)
{
	uint64_t found_s;

	(void)asked;
	if (qmp_u64(body, &found_s) < 0)
		return -EPROTO;
	qmp_interval_found(q, found_s, now_us);
	return 0;
}

static int on_stats(struct qmp *q, const struct qmp_asked *asked, struct json_object *body,
		    uint64_t now_us)
{
	struct qmp_stats stats;

	if (qmp_stats_parse(body, &stats) < 0)
		return -EPROTO;
	qmp_stats_read(q, &stats, asked->at_us, now_us);
	return 0;
}

void qmp_ask_target(struct qmp *q, uint64_t target_b, uint64_t now_us)
{
	const struct fact *ram_b = &facts_of(q)->ram_b;

	if (q->target_asked) {
		q->target_next_b = target_b;
		return;
	}
	if (target_b > TARGET_ALL || (ram_b->known && target_b >= ram_b->value))
		target_b = TARGET_ALL;
	q->target_asked = true;
	q->target_next_b = 0;
	qmp_ask(q, CMD_TARGET, now_us, "{\"execute\":\"balloon\",\"arguments\":{\"value\":%llu}}\n",
		(unsigned long long)target_b);
}

static void target_answered(struct qmp *q, int error, const char *text, uint64_t now_us)
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
		qmp_ask_target(q, q->target_next_b, now_us);
}

static int on_target(struct qmp *q, const struct qmp_asked *asked, struct json_object *body,
		     uint64_t now_us)
{
	(void)asked;
	if (!json_object_is_type(body, json_type_object))
		return -EPROTO;
	target_answered(q, 0, "", now_us);
	return 0;
}

static const struct {
	const char *name;
	int (*on_return)(struct qmp *q, const struct qmp_asked *asked, struct json_object *body,
			 uint64_t now_us);
} commands[] = {
	[CMD_CAPABILITIES] = { "qmp_capabilities", on_nothing },
	[CMD_STATUS] = { "query-status", on_status },
	[CMD_NAME] = { "query-name", on_name },
	[CMD_LIST] = { "qom-list /machine/peripheral", on_list },
	[CMD_LIST_ANON] = { "qom-list /machine/peripheral-anon", on_list },
	[CMD_MEMORY] = { "query-memory-size-summary", on_memory },
	[CMD_ACTUAL] = { "query-balloon", on_actual },
	[CMD_REPORTING] = { "qom-get free-page-reporting", on_reporting },
	[CMD_GET_INTERVAL] = { "qom-get guest-stats-polling-interval", on_interval },
	[CMD_SET_INTERVAL] = { "qom-set guest-stats-polling-interval", on_nothing },
	[CMD_STATS] = { "qom-get guest-stats", on_stats },
	[CMD_TARGET] = { "balloon", on_target },
};
_Static_assert(ARRAY_SIZE(commands) == CMD_COUNT, "a row per command");

const char *qmp_cmd_name(enum qmp_cmd cmd)
{
	return commands[cmd].name;
}

int qmp_cmd_return(struct qmp *q, const struct qmp_asked *asked, struct json_object *body,
		   uint64_t now_us)
{
	return commands[asked->cmd].on_return(q, asked, body, now_us);
}

void qmp_cmd_error(struct qmp *q, const struct qmp_asked *asked, const struct qmp_msg *msg,
		   uint64_t now_us)
{
	switch (asked->cmd) {
	case CMD_CAPABILITIES:
		qmp_fail(q, "QEMU refused to talk: %s", msg->text);
		return;
	case CMD_TARGET:
		target_answered(q, strcmp(msg->word, "DeviceNotActive") == 0 ? ENODEV : EIO,
				msg->text, now_us);
		return;
	case CMD_REPORTING: /* before QEMU 5.1 there is none */
	case CMD_NAME:
		return;
	case CMD_LIST:
	case CMD_LIST_ANON:
		q->list_error = true;
		break;
	case CMD_STATUS: /* not known to run: nothing will be inflated */
		q->vm_state = VM_STATE_PAUSED;
		break;
	case CMD_ACTUAL:
		facts_of(q)->actual_b.known = false;
		if (facts_of(q)->device == TRI_NO || !q->path)
			return; /* as is to be expected */
		break;
	case CMD_SET_INTERVAL:
		q->interval_known = false; /* a property that cannot be set is left alone */
		break;
	default:
		break;
	}
	conn_trouble(&q->conn, "QEMU refused %s: %s", qmp_cmd_name(asked->cmd), msg->text);
	if (asked->cmd == CMD_STATS)
		qmp_stats_read(q, NULL, asked->at_us, now_us);
}

static void ask_machine(struct qmp *q, uint64_t now_us)
{
	qmp_ask_text(q, CMD_STATUS, query_status, now_us);
	qmp_ask_text(q, CMD_NAME, "{\"execute\":\"query-name\"}\n", now_us);
	qmp_ask_text(
		q, CMD_LIST,
		"{\"execute\":\"qom-list\",\"arguments\":{\"path\":\"/machine/peripheral\"}}\n",
		now_us);
	qmp_ask_text(q, CMD_LIST_ANON,
		     "{\"execute\":\"qom-list\",\"arguments\":"
		     "{\"path\":\"/machine/peripheral-anon\"}}\n",
		     now_us);
	qmp_ask_text(q, CMD_MEMORY, "{\"execute\":\"query-memory-size-summary\"}\n", now_us);
	qmp_ask_text(q, CMD_ACTUAL, "{\"execute\":\"query-balloon\"}\n", now_us);
}

static void ask_property(struct qmp *q, enum qmp_cmd cmd, const char *property, uint64_t now_us)
{
	qmp_ask(q, cmd, now_us,
		"{\"execute\":\"qom-get\",\"arguments\":{\"path\":%s,\"property\":\"%s\"}}\n",
		q->path, property);
}

bool qmp_setup_step(struct qmp *q, uint64_t now_us)
{
	struct vm_facts *facts = facts_of(q);

	switch (q->step++) {
	case 0:
		qmp_ask_text(q, CMD_CAPABILITIES, "{\"execute\":\"qmp_capabilities\"}\n", now_us);
		return true;
	case 1:
		ask_machine(q, now_us);
		return true;
	case 2:
		if (!facts->ram_b.known) /* before QEMU 2.11: right while the balloon is at 0 */
			facts->ram_b = facts->actual_b;
		facts->device = q->path ? TRI_YES : q->list_error ? TRI_UNKNOWN : TRI_NO;
		facts->reporting = TRI_UNKNOWN;
		if (!q->path)
			return false;
		ask_property(q, CMD_REPORTING, "free-page-reporting", now_us);
		ask_property(q, CMD_GET_INTERVAL, "guest-stats-polling-interval", now_us);
		qmp_ask_text(q, CMD_STATS, q->ask_stats, now_us);
		return true;
	default:
		return false;
	}
}

static int event_balloon(struct qmp *q, const struct qmp_msg *msg, uint64_t now_us)
{
	uint64_t actual_b;

	if (qmp_get_u64(msg->body, "actual", &actual_b) < 0)
		return -EPROTO;
	facts_of(q)->actual_b = fact_of(actual_b, now_us);
	emit_up(q, VMM_EVENT_ACTUAL);
	return 0;
}

static int event_pause(struct qmp *q, const struct qmp_msg *msg, uint64_t now_us)
{
	(void)msg, (void)now_us;
	become(q, VM_STATE_PAUSED);
	return 0;
}

static int event_resume(struct qmp *q, const struct qmp_msg *msg, uint64_t now_us)
{
	(void)msg, (void)now_us;
	become(q, VM_STATE_RUNNING);
	return 0;
}

/* A guest that woke up may be paused all the same, so QEMU is asked. */
static int event_wakeup(struct qmp *q, const struct qmp_msg *msg, uint64_t now_us)
{
	(void)msg;
	if (q->state == QMP_UP && !qmp_in_flight(q, CMD_STATUS))
		qmp_ask_text(q, CMD_STATUS, query_status, now_us);
	return 0;
}

/* A suspended guest that is reset is left paused, and no event says so. */
static int event_reset(struct qmp *q, const struct qmp_msg *msg, uint64_t now_us)
{
	(void)event_wakeup(q, msg, now_us);
	facts_of(q)->boots++;
	q->reset_us = now_us;
	facts_of(q)->stats.known = 0; /* QEMU keeps the figures of the boot before */
	emit_up(q, VMM_EVENT_STATE);
	return 0;
}

static int event_shutdown(struct qmp *q, const struct qmp_msg *msg, uint64_t now_us)
{
	(void)msg, (void)now_us;
	become(q, VM_STATE_PAUSED);
	emit_up(q, VMM_EVENT_SHUTDOWN);
	return 0;
}

static int event_deleted(struct qmp *q, const struct qmp_msg *msg, uint64_t now_us)
{
	const char *path = qmp_get_text(msg->body, "path");
	size_t n = path ? strlen(path) : 0;

	(void)now_us;
	if (q->path && strncmp(q->path + 1, path ? path : "", n) == 0 && q->path[1 + n] == '"')
		qmp_fail(q, "the balloon device was unplugged");
	return 0;
}

static const struct {
	const char *name;
	int (*handle)(struct qmp *q, const struct qmp_msg *msg, uint64_t now_us);
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

int qmp_event(struct qmp *q, const struct qmp_msg *msg, uint64_t now_us)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(events); i++)
		if (strcmp(events[i].name, msg->word) == 0)
			return events[i].handle(q, msg, now_us);
	return 0; /* POWERDOWN and many others change no fact */
}
