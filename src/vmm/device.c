/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device.c - the connection to one ballonet-device
 *
 * Layer: vmm.
 * In:    lines of its control socket; wishes of vmm.c.
 * Out:   commands; facts and events.
 *
 * Targets are leased and renewed from the loop. When the daemon dies or hangs,
 * nothing is renewed and the device deflates by itself. So no guardian is needed.
 */
#include "vmm/device.h"

#include "vmm/conn.h"

#include "base/log.h"
#include "base/num.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST_US (250 * USEC_PER_MSEC)
#define RETRY_MAX_US (30 * USEC_PER_SEC)
/* A guest answers in 0.2 ms; one that does not in this time does not run. */
#define FRESH_MAX_US (1500 * USEC_PER_MSEC)
#define RENEW_US (DEVICE_LEASE_S * USEC_PER_SEC / 3)
/* Commands that wait to be sent: the longest has 40 bytes, and one a second is many. */
#define OUT_MAX 4096

struct device {
	struct vmm_conn conn;
	struct buf in, out;
	bool up;	   /* UP was told: the device has a hypervisor */
	uint64_t retry_us; /* not connected: the next attempt */
	uint64_t wait_us;  /* how long the last wait was */
	uint64_t renew_us; /* DUE_NEVER: the balloon is wanted at 0 */
	uint64_t want_b;   /* the balloon that is wanted */
	uint64_t asked_us; /* statistics; DUE_NEVER: nobody waits for some */
	uint32_t boots;	   /* of the device */
	uint32_t pressed;  /* the last press that was asked for before ours */
	char told[CONN_TROUBLE_MAX];
};

static struct device *device_of(struct vmm_conn *conn)
{
	return (struct device *)conn; /* its first member */
}

static uint64_t due_us(const struct device *d)
{
	if (d->conn.fd < 0)
		return d->conn.removed ? DUE_NEVER : d->retry_us;
	return u64_min(d->renew_us,
		       d->asked_us == DUE_NEVER ? DUE_NEVER : d->asked_us + FRESH_MAX_US);
}

static void go_down(struct device *d, uint64_t now_us, const char *why)
{
	bool was_up = d->up;

	conn_trouble(&d->conn, "%s", why);
	conn_close(&d->conn);
	buf_clear(&d->in);
	buf_clear(&d->out);
	d->up = false;
	d->renew_us = d->asked_us = DUE_NEVER;
	d->want_b = 0;
	d->wait_us = u64_clamp(2 * d->wait_us, RETRY_FIRST_US, RETRY_MAX_US);
	d->retry_us = now_us + d->wait_us;
	d->conn.facts.state = VM_STATE_DOWN;
	d->conn.facts.pressing = 0;
	if (!d->conn.removed && strcmp(d->told, d->conn.trouble) != 0) {
		memcpy(d->told, d->conn.trouble, sizeof(d->told));
		log_warning("vmm-down address=%s trouble=\"%s\"", d->conn.address, d->told);
	}
	conn_due(&d->conn, due_us(d));
	if (was_up)
		conn_emit(&d->conn, VMM_EVENT_DOWN);
}

static void settle(struct device *d, uint64_t now_us)
{
	if (d->conn.fd >= 0 && conn_flush(&d->conn, &d->out) < 0)
		d->retry_us = now_us; /* the socket is readable then, and says what is wrong */
	conn_due(&d->conn, due_us(d));
}

static void go_up(struct device *d)
{
	d->up = true;
	d->told[0] = '\0';
	d->wait_us = 0;
	conn_trouble(&d->conn, "%s", "");
	log_info("vmm-up address=%s pid=%d balloon=ballonet-device", d->conn.address,
		 (int)d->conn.pid);
	conn_emit(&d->conn, VMM_EVENT_UP);
}

/* Statistics came, or will not come. The first ones are what UP waits for. */
static void end_refresh(struct device *d)
{
	if (d->asked_us == DUE_NEVER)
		return;
	d->asked_us = DUE_NEVER;
	if (d->up)
		conn_emit(&d->conn, VMM_EVENT_STATS);
	else
		go_up(d);
}

static void ask_stats(struct device *d, uint64_t now_us)
{
	if (d->asked_us == DUE_NEVER && buf_printf(&d->out, "stats\n") == 0)
		d->asked_us = now_us;
}

/* A guest that began anew: what it said before is of the boot before. */
static void forget_boot(struct device *d, uint32_t boots)
{
	d->conn.facts.boots += d->boots != 0;
	d->conn.facts.stats.known = 0;
	d->conn.facts.pressing = 0;
	d->boots = boots;
}

static void take_state(struct device *d, const struct device_state *s, uint64_t now_us)
{
	struct vm_facts *f = &d->conn.facts;
	enum vm_state state = s->driver ? VM_STATE_RUNNING : VM_STATE_PAUSED;
	uint64_t actual_b = u64_sub_sat(s->ram_b, s->balloon_b);
	bool boot = s->boots != d->boots, moved = f->actual_b.value != actual_b;
	bool other = f->state != state, pressed;

	if (boot)
		forget_boot(d, s->boots);
	if (!s->front) {
		if (d->up)
			go_down(d, now_us, "the hypervisor disconnected from ballonet-device");
		else
			conn_trouble(&d->conn, "no hypervisor is connected to ballonet-device");
		return;
	}
	d->conn.pid = s->pid;
	f->device = TRI_YES;
	f->reporting = s->features >> BALLOON_F_REPORTING & 1 ? TRI_YES : TRI_NO;
	f->ram_b = fact_of(s->ram_b, now_us);
	f->actual_b = fact_of(actual_b, now_us);
	f->state = state;
	f->press = s->features >> BALLOON_F_PRESS & 1;
	pressed = f->pressing && s->press_seq != d->pressed && s->pressed_seq == s->press_seq;
	if (pressed)
		f->pressing = 0;
	if (!f->pressing)
		d->pressed = s->press_seq;
	if (!d->up) {
		ask_stats(d, now_us);
	} else if (boot || other) {
		conn_emit(&d->conn, VMM_EVENT_STATE);
	} else if (moved || pressed) {
		conn_emit(&d->conn, VMM_EVENT_ACTUAL);
	}
}

static void take_stats(struct device *d, const struct guest_stats *s)
{
	d->conn.facts.stats = *s;
	if (d->asked_us != DUE_NEVER && s->taken_us >= d->asked_us)
		end_refresh(d);
}

static void take_error(struct device *d, const char *text)
{
	log_warning("vmm-refused address=%s error=\"%s\"", d->conn.address, text);
	d->conn.facts.pressing = 0;
	if (d->asked_us != DUE_NEVER)
		end_refresh(d);
	else
		d->conn.facts.target_error = EINVAL;
}

/* 0 or -EPROTO. */
static int take_line(struct device *d, const char *line, uint64_t now_us)
{
	struct device_state state;
	struct guest_stats stats;

	if (strncmp(line, "state ", 6) == 0) {
		if (device_parse_state(line + 6, &state) < 0)
			return -EPROTO;
		take_state(d, &state, now_us);
	} else if (strncmp(line, "stats ", 6) == 0) {
		if (device_parse_stats(line + 6, &stats) < 0)
			return -EPROTO;
		take_stats(d, &stats);
	} else if (strncmp(line, "error ", 6) == 0) {
		take_error(d, line + 6);
	} else {
		return -EPROTO;
	}
	return 0;
}

/* Takes all whole lines that came. 0 or -EPROTO. */
static int take_lines(struct device *d, uint64_t now_us)
{
	char line[DEVICE_LINE_MAX];
	const char *end;
	size_t n;

	while (d->conn.fd >= 0 && d->in.len && (end = memchr(d->in.data, '\n', d->in.len))) {
		n = (size_t)(end - d->in.data);
		memcpy(line, d->in.data, n); /* the limit of d->in is that of a line */
		line[n] = '\0';
		buf_consume(&d->in, n + 1);
		if (take_line(d, line, now_us) < 0) {
			log_debug("vmm-line address=%s line=\"%.200s\"", d->conn.address, line);
			return -EPROTO;
		}
	}
	return 0;
}

static void device_readable(struct vmm_conn *conn, uint64_t now_us)
{
	struct device *d = device_of(conn);
	const char *chunk;
	ssize_t n = conn_read(conn, &chunk);
	size_t part;

	if (n == -EAGAIN)
		return;
	if (n < 0) {
		go_down(d, now_us, "ballonet-device closed the connection");
		return;
	}
	for (; n > 0 && conn->fd >= 0; n -= (ssize_t)part, chunk += part) {
		part = u64_min((uint64_t)n, DEVICE_LINE_MAX - 1 - d->in.len);
		if (part == 0 || buf_add(&d->in, chunk, part) < 0 || take_lines(d, now_us) < 0) {
			go_down(d, now_us,
				"the peer does not speak the protocol of ballonet-device");
			return;
		}
	}
	settle(d, now_us);
}

static void device_writable(struct vmm_conn *conn, uint64_t now_us)
{
	settle(device_of(conn), now_us);
}

static void device_start(struct vmm_conn *conn, uint64_t now_us)
{
	struct device *d = device_of(conn);
	int r = conn_connect(conn);

	if (r < 0)
		go_down(d, now_us, strerror(-r));
	else
		settle(d, now_us); /* it says its state unasked */
}

static void renew(struct device *d, uint64_t now_us)
{
	d->renew_us = d->want_b ? now_us + RENEW_US : DUE_NEVER;
	(void)buf_printf(&d->out, "balloon %llu %d\n", (unsigned long long)d->want_b,
			 DEVICE_LEASE_S);
}

static void device_timeout(struct vmm_conn *conn, uint64_t now_us)
{
	struct device *d = device_of(conn);

	if (conn->fd < 0) {
		if (now_us >= d->retry_us && !conn->removed)
			device_start(conn, now_us);
		return;
	}
	if (now_us >= d->renew_us)
		renew(d, now_us);
	if (d->asked_us != DUE_NEVER && now_us >= d->asked_us + FRESH_MAX_US)
		end_refresh(d);
	settle(d, now_us);
}

static int device_refresh(struct vmm_conn *conn, uint64_t now_us)
{
	struct device *d = device_of(conn);

	if (!d->up)
		return -ENOTCONN;
	ask_stats(d, now_us); /* or joins the one that is under way */
	settle(d, now_us);
	return 0;
}

static void device_calm(struct vmm_conn *conn, uint64_t now_us)
{
	(void)conn, (void)now_us; /* nothing was set for the fast part */
}

static int device_set_target(struct vmm_conn *conn, uint64_t target_b, uint64_t now_us)
{
	struct device *d = device_of(conn);

	if (!d->up)
		return -ENOTCONN;
	d->want_b = u64_sub_sat(conn->facts.ram_b.value, target_b);
	conn->facts.target_error = 0;
	renew(d, now_us);
	settle(d, now_us);
	return 0;
}

static int device_press(struct vmm_conn *conn, uint64_t press_b, uint64_t now_us)
{
	struct device *d = device_of(conn);

	if (!d->up)
		return -ENOTCONN;
	if (!conn->facts.press)
		return -EOPNOTSUPP;
	conn->facts.target_error = 0;
	conn->facts.pressing = 1;
	(void)buf_printf(&d->out, "press %llu\n", (unsigned long long)press_b);
	settle(d, now_us);
	return 0;
}

static void device_leave(struct vmm_conn *conn, uint64_t now_us)
{
	struct device *d = device_of(conn);

	d->renew_us = d->asked_us = DUE_NEVER; /* a balloon that is left goes by its lease */
	settle(d, now_us);
	if (d->out.len == 0)
		conn_close(conn);
}

static bool device_unanswered(const struct vmm_conn *conn)
{
	return conn->fd >= 0 && ((const struct device *)conn)->out.len > 0;
}

static void device_free(struct vmm_conn *conn)
{
	struct device *d = device_of(conn);

	conn_close(conn);
	buf_fini(&d->in);
	buf_fini(&d->out);
	free(d);
}

static struct vmm_conn *device_new(void)
{
	struct device *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->conn.fd = -EBADF;
	d->renew_us = d->asked_us = DUE_NEVER;
	buf_init(&d->in, DEVICE_LINE_MAX - 1);
	buf_init(&d->out, OUT_MAX);
	return &d->conn;
}

const struct vmm_ops device_ops = {
	.new = device_new,
	.free = device_free,
	.start = device_start,
	.readable = device_readable,
	.writable = device_writable,
	.timeout = device_timeout,
	.poll = device_refresh,
	.refresh = device_refresh,
	.calm = device_calm,
	.set_target = device_set_target,
	.press = device_press,
	.leave = device_leave,
	.unanswered = device_unanswered,
};
