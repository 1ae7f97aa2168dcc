/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon.c - the running daemon: one loop, and what it serves
 *
 * Layer: daemon.
 * In:    options of the command line; signals; fds that become ready.
 * Out:   an exit status.
 *
 * sd-event reports fds and signals. Deadlines are looked at once per round,
 * because a thousand timers would cost more than a thousand comparisons.
 */
#include "daemon/daemon.h"

#include "config/config.h"
#include "daemon/apply.h"
#include "daemon/discovery.h"
#include "daemon/guardian_watch.h"
#include "daemon/operators.h"
#include "daemon/pressure.h"
#include "daemon/privileges.h"
#include "daemon/remember.h"
#include "daemon/tick.h"
#include "fleet/fleet.h"
#include "fleet/reserve.h"

#include "base/clock.h"
#include "base/fds.h"
#include "base/log.h"
#include "base/num.h"
#include "host/hostgroup.h"
#include "journal/writer.h"
#include "vmm/vmm.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

/* The guardian and systemd hear from us this often. */
#define BEAT_US (500 * USEC_PER_MSEC)
/* Balloons get this long to come down when the daemon is stopped; then it is the guardian's turn.
 */
#define STOP_MAX_US (10 * USEC_PER_SEC)
/* While room is held for VMs that are to start: are there new ones, and what did they take of it?
 */
#define RESERVE_LOOK_US (500 * USEC_PER_MSEC)
/* That descriptors lack is told this often. */
#define SHORTAGE_AGAIN_US (3600 * USEC_PER_SEC)
#define PROGRAM "ballonetd " BALLONET_VERSION

struct daemon {
	const struct daemon_options *options;
	struct config config;
	struct fleet fleet;
	struct host_roots roots;
	struct discovery discovery;
	struct tick tick;
	struct daemon_figures figures;
	struct reserve reserve;
	struct operators operators;
	struct guardian_watch guardian;
	struct pressure pressure;
	struct vmm *vmm;
	struct journal *journal;
	struct learned *learned;

	sd_event *loop;
	uint64_t shortage_us;  /* when a lack of descriptors may be told of again */
	uint64_t beat_us;      /* next heartbeat */
	uint64_t discovery_us; /* next look around */
	uint64_t reserve_us;   /* next look at reservations; UINT64_MAX: there are none */
	uint64_t stop_us;      /* when to leave at the latest; 0: not stopping */
};

/* ---- VMs ---- */

static void on_vm(void *userdata, struct vmm_conn *conn, enum vmm_event event)
{
	struct vm *vm = vmm_conn_userdata(conn);
	struct daemon *d = userdata;

	switch (event) {
	case VMM_EVENT_UP:
		vm->was_up = true;
		apply_gone(vm, d->roots.proc, d->tick.guardian); /* this may be another process */
		vm->attach = true;
		if (!vm->named && *vmm_conn_name(conn) &&
		    fleet_rename(&d->fleet, vm, vmm_conn_name(conn)))
			log_warning("two-vms-of-one-name name=%s this=%s", vmm_conn_name(conn),
				    vm->name);
		if (!d->stop_us)
			discovery_settings(&d->discovery, vm);
		log_info("vm-up vm=%s pid=%d", vm->name, (int)vmm_conn_pid(conn));
		break;
	case VMM_EVENT_DOWN:
		log_info("vm-down vm=%s why=\"%s\"", vm->name, vmm_conn_trouble(conn));
		vm->pid = 0;
		vm->attach = true;
		d->discovery_us = 0;
		break;
	case VMM_EVENT_ACTUAL:
		if (vm->history.phase.is != PHASE_DEFLATING)
			return; /* the next statistics tell it in good time */
		break;
	case VMM_EVENT_STATS:
	case VMM_EVENT_STATE:
	case VMM_EVENT_SHUTDOWN:
		break;
	}
	tick_due(&d->tick, vm, monotonic_us());
}

static bool is_free(void *userdata, struct vm *vm)
{
	struct daemon *d = userdata;

	apply_gone(vm, d->roots.proc, d->tick.guardian);
	return !vm->held;
}

static void on_gone(void *userdata, struct vm *vm)
{
	struct daemon *d = userdata;

	tick_forget(&d->tick, vm);
	if (d->journal)
		journal_gone(d->journal, vm->id);
}

static int on_vmm(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct daemon *d = userdata;

	(void)source;
	(void)fd;
	(void)events;
	vmm_dispatch(d->vmm, monotonic_us());
	return 0;
}

/* How often guests tell their statistics: twice as often as a calm one is looked at. */
static uint64_t poll_s(const struct daemon *d)
{
	return u64_max(d->config.defaults.interval_us / USEC_PER_SEC / 2, 1);
}

static void reload(struct daemon *d)
{
	struct config fresh;
	char waiting[256];
	size_t i;

	if (configure(d->options, &fresh) < 0) {
		d->figures.reload_errors++;
		log_warning("reload-failed effect=\"the settings stay as they were\"");
		return;
	}
	if (config_keep_started(&fresh, &d->config, waiting, sizeof(waiting)))
		log_warning("reload keys=\"%s\" effect=\"these are obeyed only after a restart\"",
			    waiting);
	config_fini(&d->config);
	d->config = fresh;
	if (d->journal)
		journal_host(d->journal, &d->config.defaults, &d->tick.host_history);
	(void)vmm_set_poll(d->vmm, poll_s(d), monotonic_us());
	for (i = 0; i < d->fleet.n; i++)
		discovery_settings(&d->discovery, d->fleet.vm[i]);
	d->discovery_us = 0;
	d->figures.reloads++;
	log_info("reloaded");
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	struct daemon *d = userdata;
	size_t i;

	(void)source;
	if (si->ssi_signo == SIGHUP && d->stop_us)
		return 0; /* on the way out nothing new begins */
	if (si->ssi_signo == SIGHUP) {
		(void)sd_notify(0, "RELOADING=1");
		reload(d);
		(void)sd_notify(0, "READY=1");
		return 0;
	}
	if (d->stop_us) /* asked twice: leave the rest to the guardian */
		d->stop_us = 1;
	else
		d->stop_us = monotonic_us() + STOP_MAX_US;
	d->operators.ending = true;
	(void)sd_notify(0, "STOPPING=1\nSTATUS=Bringing balloons to 0");
	for (i = 0; i < d->fleet.n; i++) {
		struct vm *vm = d->fleet.vm[i];

		vm->settings.mode = MODE_OFF; /* nothing new begins, and what is under way ends */
		vm->announced = false;
		if (vm->held)
			operators_request(&d->operators, vm, REQUEST_RELEASE);
	}
	return 0;
}

/* Brings what is held up to date. With @d->reserve empty there is nothing to do. */
static void look_at_reservations(struct daemon *d, uint64_t now)
{
	struct host_facts facts = { 0 };
	size_t i;

	reserve_update(&d->reserve, &d->fleet, now);
	reserve_facts(&d->reserve, now, &facts);
	d->tick.reserved_b = facts.reserved_b;
	d->tick.reserved_by_us = facts.reserved_by_us;
	if (reserve_changed(&d->reserve))
		tick_hurry(&d->tick);
	for (i = 0; d->reserve.n && i < d->fleet.n; i++)
		if (reserve_watches(&d->reserve, d->fleet.vm[i], now)) {
			d->fleet.vm[i]->measure = true;
			tick_due(&d->tick, d->fleet.vm[i], now);
		}
	d->reserve_us = d->reserve.n ? now + RESERVE_LOOK_US : UINT64_MAX;
	if (d->reserve.n) /* a VM that starts is to be found soon */
		d->discovery_us = u64_min(d->discovery_us, now + RESERVE_LOOK_US);
}

/* ---- the loop ---- */

/* Which connections and files are refused by that changes all the time: one line for all. */
static void tell_shortage(struct daemon *d, uint64_t now)
{
	if (now < d->shortage_us || !fds_short())
		return;
	log_warning("descriptors-short effect=\"some VMs cannot be connected to or measured\" "
		    "why=\"Too many open files: raise LimitNOFILE (ulimit -n)\"");
	d->shortage_us = now + SHORTAGE_AGAIN_US;
}

static void beat(struct daemon *d, uint64_t now)
{
	(void)sd_notify(0, "WATCHDOG=1");
	fds_open();
	guardian_watch_beat(&d->guardian, now);
	fds_close();
	tell_shortage(d, now);
	d->beat_us = now + BEAT_US;
}

static void work(struct daemon *d, uint64_t now)
{
	if (d->beat_us <= now)
		beat(d, now);
	if (d->discovery_us <= now && !d->stop_us) {
		bool over = discovery_update(&d->discovery, now);

		tick_adopt(&d->tick);
		d->discovery_us = over ? now + d->config.discover_every_us : now;
	}
	if (vmm_deadline(d->vmm) <= now)
		vmm_timeout(d->vmm, now);
	if (d->reserve_us <= now || d->reserve.changed)
		look_at_reservations(d, now);
	if (tick_next(&d->tick) <= now)
		tick_run(&d->tick, now);
	pressure_follow(&d->pressure);
	operators_work(&d->operators);
}

static uint64_t until_next(const struct daemon *d, uint64_t now)
{
	uint64_t next = u64_min(u64_min(d->beat_us, tick_next(&d->tick)), vmm_deadline(d->vmm));

	if (!d->stop_us)
		next = u64_min(next, d->discovery_us);
	next = d->reserve.changed ? now : u64_min(next, d->reserve_us);
	return u64_min(u64_sub_sat(next, now), operators_timeout_us(&d->operators));
}

/* Stopping is over when no balloon is out, or the time for it is. */
static bool is_over(const struct daemon *d, uint64_t now)
{
	size_t i;

	if (!d->stop_us)
		return false;
	if (now >= d->stop_us)
		return true;
	for (i = 0; i < d->fleet.n; i++)
		if (d->fleet.vm[i]->held)
			return false;
	return true;
}

static int loop(struct daemon *d)
{
	int r;

	(void)sd_notifyf(0, "READY=1\nSTATUS=Watching\nMAINPID=%d", (int)getpid());
	for (;;) {
		work(d, monotonic_us());
		if (is_over(d, monotonic_us()))
			return 0;
		r = sd_event_run(d->loop, until_next(d, monotonic_us()));
		if (r < 0)
			return r;
	}
}

/* ---- birth and death ---- */

static void begin_journal_part(struct journal *j, void *userdata)
{
	const struct daemon *d = userdata;
	size_t i;

	journal_host(j, &d->config.defaults, &d->tick.host_history);
	for (i = 0; i < d->fleet.n; i++) {
		struct vm *vm = d->fleet.vm[i];

		journal_vm(j, vm->id, vm->name, &vm->settings, &vm->history);
		vm->announced = true;
	}
}

static int open_journal(struct daemon *d)
{
	if (!*d->config.journal)
		return 0;
	return journal_open(d->config.journal, d->config.journal_max_b,
			    (unsigned int)d->config.journal_files, PROGRAM, begin_journal_part, d,
			    monotonic_us(), &d->journal);
}

static int watch_signals(struct daemon *d)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	sigset_t set;
	size_t i;
	int r;

	(void)sigemptyset(&set);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaddset(&set, signals[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	(void)signal(SIGPIPE, SIG_IGN); /* a peer that left is told by write() */
	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		r = sd_event_add_signal(d->loop, NULL, signals[i], on_signal, d);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What the rooms work on. */
static void lend(struct daemon *d)
{
	d->discovery = (struct discovery){
		.fleet = &d->fleet,
		.vmm = d->vmm,
		.config = &d->config,
		.roots = &d->roots,
		.dry_run = d->options->dry_run,
		.is_free = is_free,
		.gone = on_gone,
		.userdata = d,
	};
	d->guardian = (struct guardian_watch){
		.loop = d->loop,
		.config = &d->config,
		.tick = &d->tick,
	};
	d->pressure.loop = d->loop;
	d->pressure.roots = &d->roots;
	d->pressure.tick = &d->tick;
	d->operators = (struct operators){
		.loop = d->loop,
		.discovery = &d->discovery,
		.tick = &d->tick,
		.view = {
			.fleet = &d->fleet,
			.host = &d->tick.host,
			.history = &d->tick.host_history,
			.decision = &d->tick.host_decision,
			.defaults = &d->config.defaults,
			.hostgroup = d->roots.host,
			.figures = &d->figures,
			.reserve = &d->reserve,
		},
	};
}

static int start(struct daemon *d)
{
	const char *path;
	int r;

	privileges_prepare();
	r = configure(d->options, &d->config);
	if (r < 0)
		return r;
	r = host_roots_init(&d->roots);
	if (r < 0)
		return r;
	r = sd_event_new(&d->loop);
	if (r < 0)
		return r;
	r = watch_signals(d);
	if (r < 0)
		return r;
	if (*d->config.host_cgroup)
		r = hostgroup_new(d->roots.cgroup, d->config.host_cgroup, &d->roots.host);
	if (r < 0)
		return r;
	r = vmm_new(poll_s(d), on_vm, d, &d->vmm);
	if (r < 0)
		return r;
	lend(d);
	path = d->options->control ? d->options->control : d->config.control;
	r = operators_serve(&d->operators, path, d->config.control_group);
	if (r < 0)
		return r;
	privileges_drop();
	r = open_journal(d);
	if (r < 0)
		return r;
	d->tick.journal = d->journal;
	if (*d->config.state)
		r = learned_open(d->config.state, d->roots.proc, &d->learned);
	if (r < 0)
		return r;
	d->tick.learned = d->learned;
	remember_recall_host(d->learned, &d->tick.host_history);
	r = sd_event_add_io(d->loop, NULL, vmm_fd(d->vmm), EPOLLIN, on_vmm, d);
	if (r < 0)
		return r;
	guardian_watch_beat(&d->guardian, monotonic_us());
	return pressure_watch(&d->pressure);
}

/* Gives back all there is. Were balloons left to the guardian? */
static bool finish(struct daemon *d)
{
	bool held = false;
	size_t i;

	for (i = 0; i < d->fleet.n; i++)
		held |= d->fleet.vm[i]->held;
	if (held)
		log_warning("balloons-left effect=\"the guardian brings them to 0\"");
	operators_fini(&d->operators);
	remember_all(d->learned, &d->fleet, &d->tick.host_history);
	if (d->vmm) {
		discovery_close(&d->discovery);
		vmm_free(d->vmm);
	}
	guardian_watch_fini(&d->guardian);
	journal_close(d->journal);
	learned_close(d->learned);
	tick_fini(&d->tick);
	fleet_fini(&d->fleet);
	pressure_fini(&d->pressure);
	sd_event_unref(d->loop);
	host_roots_fini(&d->roots);
	config_fini(&d->config);
	return held;
}

int daemon_run(const struct daemon_options *o)
{
	struct daemon d = {
		.options = o,
		.roots = { .proc = -EBADF, .cgroup = -EBADF },
		.pressure = { .fd = -EBADF },
		.reserve_us = UINT64_MAX,
	};
	int r;

	fleet_init(&d.fleet);
	tick_init(&d.tick, &d.fleet, &d.roots, &d.config.defaults, &d.figures);
	d.tick.host.cpus = d.tick.cpus; /* for who asks before the first tick, too */
	d.figures.start_us = monotonic_us();
	d.figures.dry_run = o->dry_run;
	r = start(&d);
	if (r >= 0)
		r = loop(&d);
	if (finish(&d) && r >= 0)
		return 1;
	return r;
}
