/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * learned.c - what was learned, by key, in memory and on disk
 *
 * Layer: learned.
 * In:    texts, each of a VM (by its UUID) or of the host.
 * Out:   the same texts after a restart.
 *
 * Theory of operation: the loop and the thread share a tree of entries under one lock. The loop
 * replaces texts and puts their entries on a list; the thread copies a few entries at a time and
 * writes without the lock. So neither holds it for longer than a few copies take.
 */
#include "learned/learned.h"

#include "learned/store.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"

#include <errno.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WRITE_EVERY_S 60
/* Copied at a time, while the lock is held. */
#define BATCH 32

struct item {
	struct store_row row;
	struct item *next; /* on the list of what is to be written */
	bool waits;	   /* it is on the list */
};

struct learned {
	pthread_mutex_t lock; /* of all that follows, down to the thread's own */
	pthread_cond_t wake;
	void *by_key; /* a tree of tsearch(3) */
	size_t n;
	struct item *first, **last; /* to be written, the oldest first */
	bool ending;

	/* the thread's own */
	pthread_t thread;
	bool runs;
	struct store *store; /* NULL: there is no disk to use */
	bool failed;	     /* to write, the last time; it was said */

	char boot[STORE_BOOT_MAX];
	char *found; /* the text that learned_find() returned last; the loop's own */
};

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->row.key, ((const struct item *)b)->row.key);
}

static struct item *find(const struct learned *l, const char *key)
{
	struct item wanted;
	void *node;

	(void)snprintf(wanted.row.key, sizeof(wanted.row.key), "%s", key);
	node = tfind(&wanted, &l->by_key, by_key);
	return node ? *(struct item **)node : NULL;
}

static void forget(struct learned *l, struct item *e)
{
	(void)tdelete(e, &l->by_key, by_key);
	l->n--;
	free(e->row.text);
	free(e);
}

static void find_oldest(const void *node, VISIT which, void *userdata)
{
	struct item *e = *(struct item *const *)node, **oldest = userdata;

	if ((which == postorder || which == leaf) && !e->waits &&
	    (!*oldest || e->row.mark.wall_us < (*oldest)->row.mark.wall_us))
		*oldest = e;
}

/* An entry for @key, in the place of the one that was kept longest ago where there are many. */
static struct item *add(struct learned *l, const char *key)
{
	struct item *oldest = NULL, *e;

	if (l->n == STORE_ROWS_MAX) {
		twalk_r(l->by_key, find_oldest, &oldest);
		if (!oldest)
			return NULL;
		forget(l, oldest);
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	(void)snprintf(e->row.key, sizeof(e->row.key), "%s", key);
	if (!tsearch(e, &l->by_key, by_key)) {
		free(e);
		return NULL;
	}
	l->n++;
	return e;
}

static void on_row(void *userdata, const struct store_row *row)
{
	struct learned *l = userdata;
	char *text = strdup(row->text);
	struct item *e = text ? add(l, row->key) : NULL;

	if (!e) {
		free(text);
		return;
	}
	e->row = *row;
	e->row.text = text;
}

/* ------------------------------------------------------------------ the thread */

/* Takes up to BATCH copies from the list. */
static size_t take(struct learned *l, struct store_row *rows)
{
	struct item *e;
	size_t n = 0;

	(void)pthread_mutex_lock(&l->lock);
	while (n < BATCH && (e = l->first)) {
		l->first = e->next;
		if (!l->first)
			l->last = &l->first;
		e->waits = false;
		rows[n] = e->row;
		rows[n].text = strdup(e->row.text);
		n += rows[n].text != NULL;
	}
	(void)pthread_mutex_unlock(&l->lock);
	return n;
}

/* One transaction with all that waits. */
static void write_all(struct learned *l)
{
	struct store_row rows[BATCH] = { 0 };
	size_t n = take(l, rows), i;
	int r;

	if (n == 0)
		return;
	r = store_begin(l->store);
	do {
		for (i = 0; i < n; i++) {
			r = r < 0 ? r : store_put(l->store, &rows[i]);
			free(rows[i].text);
		}
		n = take(l, rows);
	} while (n);
	r = r < 0 ? r : store_end(l->store, clock_us(CLOCK_REALTIME));
	if (r < 0 && !l->failed)
		log_warning("learned-not-written error=\"%s\" effect=\"tried again every minute\"",
			    store_trouble(l->store));
	if (r < 0)
		store_undo(l->store);
	else if (l->failed)
		log_info("learned-written effect=\"what is learned outlives a restart again\"");
	l->failed = r < 0;
}

static void wait_a_minute(struct learned *l, bool *ret_ending)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += WRITE_EVERY_S;
	(void)pthread_mutex_lock(&l->lock);
	while (!l->ending && pthread_cond_timedwait(&l->wake, &l->lock, &until) == 0)
		;
	*ret_ending = l->ending;
	(void)pthread_mutex_unlock(&l->lock);
}

static void *work(void *userdata)
{
	struct learned *l = userdata;
	bool ending = false;

	while (!ending) {
		wait_a_minute(l, &ending);
		write_all(l);
	}
	return NULL;
}

/* Signals are for the loop. */
static int start_thread(struct learned *l)
{
	sigset_t all, before;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&l->thread, NULL, work, l);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	l->runs = r == 0;
	return r;
}

/* --------------------------------------------------------------------- the loop */

static void read_boot(struct learned *l, int proc)
{
	char text[STORE_BOOT_MAX] = "";

	if (file_read_at(proc, "sys/kernel/random/boot_id", text, sizeof(text), NULL) < 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	memcpy(l->boot, text, sizeof(l->boot));
}

static int init_wake(struct learned *l)
{
	pthread_condattr_t attr;
	int r;

	r = pthread_condattr_init(&attr);
	if (r != 0)
		return -r;
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	r = pthread_cond_init(&l->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	return -r;
}

int learned_open(const char *folder, int proc, struct learned **ret)
{
	struct learned *l = calloc(1, sizeof(*l));
	char why[160] = "";
	int r;

	if (!l)
		return -ENOMEM;
	(void)pthread_mutex_init(&l->lock, NULL);
	l->last = &l->first;
	read_boot(l, proc);
	r = init_wake(l);
	if (r < 0) {
		free(l);
		return r;
	}
	r = store_open(folder, why, sizeof(why), &l->store);
	if (r == 0 && store_load(l->store, on_row, l) < 0)
		log_warning("learned-not-read error=\"%s\"", store_trouble(l->store));
	else if (r < 0)
		log_warning("learned-not-kept folder=%s error=\"%s\" effect=\"what is learned is "
			    "forgotten with this process\"",
			    folder, why);
	r = l->store ? start_thread(l) : 0;
	if (r < 0) {
		learned_close(l);
		return r;
	}
	*ret = l;
	return 0;
}

static void free_entry(void *node)
{
	struct item *e = node;

	free(e->row.text);
	free(e);
}

void learned_close(struct learned *l)
{
	if (!l)
		return;
	if (l->runs) {
		(void)pthread_mutex_lock(&l->lock);
		l->ending = true;
		(void)pthread_cond_signal(&l->wake);
		(void)pthread_mutex_unlock(&l->lock);
		(void)pthread_join(l->thread, NULL);
	}
	store_close(l->store);
	tdestroy(l->by_key, free_entry);
	(void)pthread_cond_destroy(&l->wake);
	(void)pthread_mutex_destroy(&l->lock);
	free(l->found);
	free(l);
}

bool learned_find(struct learned *l, const char *key, const struct learned_process *p,
		  struct learned_text *ret)
{
	struct store_mark mark;
	struct item *e;

	free(l->found);
	l->found = NULL;
	(void)pthread_mutex_lock(&l->lock);
	e = find(l, key);
	if (e) {
		mark = e->row.mark;
		l->found = strdup(e->row.text);
	}
	(void)pthread_mutex_unlock(&l->lock);
	if (!l->found)
		return false;
	*ret = (struct learned_text){
		.text = l->found,
		.kept_us = mark.mono_us,
		.ago_us = u64_sub_sat(clock_us(CLOCK_REALTIME), mark.wall_us),
		.same = *l->boot && strcmp(l->boot, mark.boot) == 0 && mark.start_ticks &&
			p->pid == mark.pid && p->start_ticks == mark.start_ticks,
	};
	return true;
}

static void enlist(struct learned *l, struct item *e)
{
	if (e->waits || !l->runs)
		return;
	e->waits = true;
	e->next = NULL;
	*l->last = e;
	l->last = &e->next;
}

int learned_keep(struct learned *l, const char *key, const struct learned_process *p,
		 const char *text)
{
	struct store_mark mark = { .wall_us = clock_us(CLOCK_REALTIME),
				   .mono_us = monotonic_us(),
				   .pid = p->pid,
				   .start_ticks = p->start_ticks };
	char *fresh = strdup(text);
	struct item *e;

	if (!fresh)
		return -ENOMEM;
	memcpy(mark.boot, l->boot, sizeof(mark.boot));
	(void)pthread_mutex_lock(&l->lock);
	e = find(l, key);
	e = e ? e : add(l, key);
	if (e) {
		free(e->row.text);
		e->row.text = take_ptr(fresh);
		e->row.mark = mark;
		enlist(l, e);
	}
	(void)pthread_mutex_unlock(&l->lock);
	free(fresh);
	return e ? 0 : -ENOMEM;
}
