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

#include "daemon/apply.h"
#include "config/config.h"
#include "api/control.h"
#include "fleet/fleet.h"
#include "guardian/guardian.h"
#include "fleet/reserve.h"
#include "daemon/discovery.h"
#include "daemon/tick.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "host/facts.h"
#include "host/footprint.h"
#include "host/hostgroup.h"
#include "host/psi.h"
#include "journal/writer.h"
#include "vmm/vmm.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>

/* The guardian and systemd hear from us this often. */
#define BEAT_US (500 * USEC_PER_MSEC)
/* A guardian that died or does not start is started again after this. */
#define GUARDIAN_AGAIN_US USEC_PER_SEC
/* Is the control socket still there? Somebody may clean up /run. */
#define CONTROL_CHECK_US (5 * USEC_PER_SEC)
/* The host is under pressure when some task stalled for 100 ms within 2 s. */
#define PSI_STALL_US (100 * USEC_PER_MSEC)
#define PSI_WINDOW_US (2 * USEC_PER_SEC)
/* Balloons get this long to come down when the daemon is stopped; then it is the guardian's turn.
 */
#define STOP_MAX_US (10 * USEC_PER_SEC)
/* While room is held for VMs that are to start: are there new ones, and what did they take of it?
 */
#define RESERVE_LOOK_US (500 * USEC_PER_MSEC)
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
	struct control_view view;
	struct vmm *vmm;
	struct journal *journal;
	struct control *control;
	struct guardian *guardian;
	int psi;

	sd_event *loop;
	sd_event_source *psi_source;
	uint64_t group_changes; /* of the cgroup that stands for the host, when triggers were set */
	bool group_troubled;	/* it was told that this cgroup is not there */
	sd_event_source *guardian_source;
	uint64_t beat_us;      /* next heartbeat */
	uint64_t control_us;   /* next look at the control socket */
	int control_error;     /* of the last look, so that it is told once */
	uint64_t discovery_us; /* next look around */
	uint64_t reserve_us;   /* next look at reservations; UINT64_MAX: there are none */
	uint64_t guardian_us;  /* next attempt to start the guardian; UINT64_MAX: it runs */
	uint64_t stop_us;      /* when to leave at the latest; 0: not stopping */
};

/* ---- the guardian ---- */

static int on_guardian(sd_event_source *source, int fd, uint32_t events, void *userdata);

/* The guardian's program lies beside this one, or where it was installed to. */
static void guardian_path(char *path, size_t size)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		*slash = '\0';
		if ((size_t)snprintf(path, size, "%s/ballonet-guardian", self) < size &&
		    access(path, X_OK) == 0)
			return;
	}
	(void)snprintf(path, size, "%s/ballonet-guardian", BALLONET_LIBEXECDIR);
}

/* Tells a new guardian of every balloon that the old one may have known of. */
static void guardian_retell(struct daemon *d)
{
	size_t i;

	for (i = 0; i < d->fleet.n; i++) {
		struct vm *vm = d->fleet.vm[i];

		if (vm->held)
			(void)apply_retell(vm, d->guardian);
	}
}

static void guardian_begin(struct daemon *d, uint64_t now)
{
	char path[PATH_MAX];
	int r;

	guardian_path(path, sizeof(path));
	r = guardian_start(path, d->config.guardian_after_us, &d->guardian);
	if (r >= 0)
		r = sd_event_add_io(d->loop, &d->guardian_source, guardian_fd(d->guardian), EPOLLIN,
				    on_guardian, d);
	if (r < 0) {
		log_error("guardian path=%s error=%s effect=\"nothing is inflated\"", path,
			  strerror(-r));
		guardian_stop(take_ptr(d->guardian));
		d->guardian_us = now + GUARDIAN_AGAIN_US;
	} else {
		d->guardian_us = UINT64_MAX;
		guardian_retell(d);
	}
	d->tick.guardian = d->guardian;
	d->figures.guardian = d->guardian != NULL;
}

static int on_guardian(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct daemon *d = userdata;

	(void)source;
	(void)fd;
	(void)events; /* it never speaks: readable means that it is gone */
	log_warning("guardian-died effect=\"nothing is inflated until it is started again\"");
	d->guardian_source = sd_event_source_disable_unref(d->guardian_source);
	guardian_stop(take_ptr(d->guardian));
	d->tick.guardian = NULL;
	d->figures.guardian = false;
	d->guardian_us =
		monotonic_us() + GUARDIAN_AGAIN_US; /* one that dies at once is no busy loop */
	return 0;
}

/* ---- VMs ---- */

static void on_vm(void *userdata, struct vmm_conn *conn, enum vmm_event event)
{
	struct vm *vm = vmm_conn_userdata(conn);
	struct daemon *d = userdata;

	switch (event) {
	case VMM_EVENT_UP:
		vm->was_up = true;
		apply_gone(vm, d->roots.proc, d->guardian); /* this may be another process */
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
		if (vm->history.phase != PHASE_DEFLATING)
			return; /* the next statistics tell it in good time */
		break;
	case VMM_EVENT_STATS:
	case VMM_EVENT_STATE:
	case VMM_EVENT_SHUTDOWN:
		break;
	}
	tick_due(&d->tick, vm, monotonic_us());
}

static void on_gone(void *userdata, struct vm *vm)
{
	struct daemon *d = userdata;

	tick_forget(&d->tick, vm);
	apply_gone(vm, d->roots.proc, d->guardian);
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

/* ---- operators ---- */

static int op_request(void *userdata, struct vm *vm, enum vm_request request)
{
	struct daemon *d = userdata;

	vm->request = request;
	tick_due(&d->tick, vm, monotonic_us());
	return 0;
}

static uint64_t op_now(void *userdata)
{
	(void)userdata;
	return monotonic_us();
}

static const char *op_set(void *userdata, struct vm *vm, const struct control_change *change)
{
	struct daemon *d = userdata;
	const char *conflict;

	if (d->stop_us)
		return "The daemon is about to end.";
	conflict = discovery_set(&d->discovery, vm, change);
	if (!conflict)
		tick_due(&d->tick, vm, monotonic_us());
	return conflict;
}

static const struct control_ops control_ops = {
	.request = op_request,
	.set = op_set,
	.now = op_now,
};

static int on_control(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct daemon *d = userdata;

	(void)source;
	(void)fd;
	(void)events;
	control_dispatch(d->control);
	return 0;
}

static void check_control(struct daemon *d, uint64_t now)
{
	int r = control_check(d->control);

	if (r > 0)
		log_warning("control effect=\"its socket was gone and was made anew\"");
	else if (r < 0 && r != d->control_error)
		log_error("control error=%s effect=\"its socket is gone\"", strerror(-r));
	d->control_error = r;
	d->control_us = now + CONTROL_CHECK_US;
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

	if (daemon_configure(d->options, &fresh) < 0) {
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
		check_control(d, monotonic_us());
		(void)sd_notify(0, "READY=1");
		return 0;
	}
	if (d->stop_us) /* asked twice: leave the rest to the guardian */
		d->stop_us = 1;
	else
		d->stop_us = monotonic_us() + STOP_MAX_US;
	(void)sd_notify(0, "STOPPING=1\nSTATUS=Bringing balloons to 0");
	for (i = 0; i < d->fleet.n; i++) {
		struct vm *vm = d->fleet.vm[i];

		vm->settings.mode = MODE_OFF; /* nothing new begins, and what is under way ends */
		vm->announced = false;
		if (vm->held)
			(void)op_request(d, vm, REQUEST_RELEASE);
	}
	return 0;
}

static int on_psi(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct daemon *d = userdata;

	(void)fd;
	if (events & EPOLLERR) { /* the file is gone: with a cgroup, say */
		log_warning("psi-trigger-lost");
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	log_debug("host-pressure");
	d->tick.pressure_us = monotonic_us();
	tick_hurry(&d->tick);
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

/* The host's pressure, where its kernel tells of it; that of its cgroup where that stands for it.
 */
static int watch_pressure(struct daemon *d)
{
	const char *path;
	int dir, r;

	d->psi_source = sd_event_source_disable_unref(d->psi_source);
	cleanup_closep(&d->psi);
	d->psi = -EBADF;
	path = host_pressure_path(&d->roots, &dir);
	r = psi_trigger_open(dir, path, PSI_STALL_US, PSI_WINDOW_US, &d->psi);
	if (r < 0) {
		log_info("no-pressure-triggers error=%s", strerror(-r));
		return 0;
	}
	return sd_event_add_io(d->loop, &d->psi_source, d->psi, EPOLLPRI, on_psi, d);
}

/* The cgroup that stands for the host may come and go: its triggers are set anew, and it is told.
 */
static void follow_hostgroup(struct daemon *d)
{
	const char *trouble;
	int r;

	if (!d->roots.host)
		return;
	trouble = hostgroup_trouble(d->roots.host);
	if (*trouble && !d->group_troubled)
		log_warning("host-cgroup why=\"%s\"", trouble);
	d->group_troubled = *trouble;
	if (hostgroup_changes(d->roots.host) == d->group_changes)
		return;
	d->group_changes = hostgroup_changes(d->roots.host);
	if (!*trouble)
		log_info("host-cgroup path=%s", hostgroup_path(d->roots.host));
	r = watch_pressure(d);
	if (r < 0)
		log_warning("no-pressure-triggers error=%s", strerror(-r));
}

/* ---- the loop ---- */

static void beat(struct daemon *d, uint64_t now)
{
	(void)sd_notify(0, "WATCHDOG=1");
	if (d->guardian)
		(void)guardian_alive(d->guardian);
	else if (d->guardian_us <= now)
		guardian_begin(d, now);
	d->beat_us = now + BEAT_US;
}

static void work(struct daemon *d, uint64_t now)
{
	if (d->beat_us <= now)
		beat(d, now);
	if (d->control_us <= now)
		check_control(d, now);
	if (d->discovery_us <= now && !d->stop_us) {
		discovery_update(&d->discovery, now);
		tick_adopt(&d->tick);
		d->discovery_us = now + d->config.discover_every_us;
	}
	if (vmm_deadline(d->vmm) <= now)
		vmm_timeout(d->vmm, now);
	if (d->reserve_us <= now || d->reserve.changed)
		look_at_reservations(d, now);
	if (tick_next(&d->tick) <= now)
		tick_run(&d->tick, now);
	follow_hostgroup(d);
	if (control_timeout_us(d->control) == 0)
		control_dispatch(d->control);
}

static uint64_t until_next(const struct daemon *d, uint64_t now)
{
	uint64_t next = u64_min(u64_min(d->beat_us, tick_next(&d->tick)), vmm_deadline(d->vmm));

	if (!d->stop_us)
		next = u64_min(next, d->discovery_us);
	next = d->reserve.changed ? now : u64_min(next, d->reserve_us);
	return u64_min(u64_sub_sat(next, now), control_timeout_us(d->control));
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

int daemon_configure(const struct daemon_options *o, struct config *ret)
{
	const char *file = o->config_file ? o->config_file : DAEMON_CONFIG_FILE;
	const char *dir = o->config_dir ? o->config_dir : DAEMON_CONFIG_DIR;
	char error[512];
	int r;

	/* a file that was asked for must be there; the default one need not */
	if (!o->config_file && access(file, F_OK) != 0)
		file = NULL;
	/* whoever names a file means that file, and no others behind their back */
	if (o->config_file && !o->config_dir)
		dir = NULL;
	r = config_load(file, dir, ret, error, sizeof(error));
	if (r < 0)
		log_error("configuration error=\"%s\"", error);
	return r;
}

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

static int open_control(struct daemon *d)
{
	const char *path = d->options->control ? d->options->control : d->config.control;
	int r;

	d->view = (struct control_view){
		.fleet = &d->fleet,
		.host = &d->tick.host,
		.history = &d->tick.host_history,
		.decision = &d->tick.host_decision,
		.defaults = &d->config.defaults,
		.hostgroup = d->roots.host,
		.figures = &d->figures,
		.reserve = &d->reserve,
	};
	r = control_new(path, d->config.control_group, &d->view, &control_ops, d, &d->control);
	if (r < 0)
		log_error("control path=%s error=%s", path, strerror(-r));
	return r;
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

/* A VM takes up to five descriptors, and the usual soft limit is 1024. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warning("descriptors error=%s", strerror(errno));
}

static int start(struct daemon *d)
{
	int r;

	allow_descriptors();
	r = daemon_configure(d->options, &d->config);
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
	d->discovery = (struct discovery){
		.fleet = &d->fleet,
		.vmm = d->vmm,
		.config = &d->config,
		.roots = &d->roots,
		.dry_run = d->options->dry_run,
		.gone = on_gone,
		.userdata = d,
	};
	r = open_control(d);
	if (r < 0)
		return r;
	r = open_journal(d);
	if (r < 0)
		return r;
	d->tick.journal = d->journal;
	r = sd_event_add_io(d->loop, NULL, vmm_fd(d->vmm), EPOLLIN, on_vmm, d);
	if (r < 0)
		return r;
	r = sd_event_add_io(d->loop, NULL, control_fd(d->control), EPOLLIN, on_control, d);
	if (r < 0)
		return r;
	guardian_begin(d, monotonic_us());
	return watch_pressure(d);
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
	control_free(d->control);
	if (d->vmm) {
		discovery_close(&d->discovery);
		vmm_free(d->vmm);
	}
	guardian_stop(d->guardian); /* with balloons out, our end is what tells it to act */
	journal_close(d->journal);
	tick_fini(&d->tick);
	fleet_fini(&d->fleet);
	sd_event_source_unref(d->psi_source);
	if (d->psi >= 0)
		(void)close(d->psi);
	sd_event_source_unref(d->guardian_source);
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
		.psi = -EBADF,
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
