/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay.c - feeds a journal through the policy and compares the plans
 *
 * Layer: cli (may include journal, policy, model, base).
 * In:    a journal file.
 * Out:   whether the policy decides the same again; if not, the first plan that
 *        differs.
 *
 * It stops at the first difference: from there on the VM's history differs too,
 * and with it everything that follows.
 */
#include "cli/replay.h"

#include "base/cleanup.h"
#include "base/num.h"
#include "journal/reader.h"
#include "policy/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

/* One VM as the journal tells it. */
struct replay_vm {
	uint64_t id; /* the key of the tree */
	char *name;
	struct settings settings;
	struct history history;
	uint64_t seen_line; /* the last snapshot it was in */
};

struct replay {
	struct reader reader;
	struct settings settings; /* of the host */
	struct host_history host;
	bool host_known;
	void *vms; /* tsearch() tree of struct replay_vm */
	bool begun;
	struct record snapshot; /* its plan has not come yet; kind RECORD_SNAPSHOT then */
	bool pending;
	struct replay_report *report;
};

static int vm_compare(const void *a, const void *b)
{
	uint64_t x = ((const struct replay_vm *)a)->id, y = ((const struct replay_vm *)b)->id;

	return (x > y) - (x < y);
}

static void vm_free(void *p)
{
	struct replay_vm *vm = p;

	free(vm->name);
	free(vm);
}

static struct replay_vm *vm_find(const struct replay *p, uint64_t id)
{
	struct replay_vm key = { .id = id }, **node;

	node = tfind(&key, &p->vms, vm_compare);
	return node ? *node : NULL;
}

/* Says what is wrong with the current line. Always -EBADMSG. */
#define bad(p, ...) \
	((void)snprintf((p)->report->trouble, REPLAY_TROUBLE_MAX, __VA_ARGS__), -EBADMSG)

/* A part begins: whatever was known is void. */
static int take_journal(struct replay *p, const struct record_journal *r)
{
	if (r->version != RECORD_VERSION)
		return bad(p,
			   "the journal has version %llu, but this program reads version %d: use "
			   "the ballonet that wrote it",
			   (unsigned long long)r->version, RECORD_VERSION);
	tdestroy(p->vms, vm_free);
	p->vms = NULL;
	p->begun = true;
	p->host_known = false;
	p->report->parts++;
	return 0;
}

/* The VM @id, new where it is not known. NULL: no memory. */
static struct replay_vm *vm_get(struct replay *p, uint64_t id)
{
	cleanup_free struct replay_vm *vm = NULL;
	struct replay_vm **node;

	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return NULL;
	vm->id = id;
	node = tsearch(vm, &p->vms, vm_compare);
	if (!node)
		return NULL;
	if (*node == vm)
		return take_ptr(vm); /* the tree has it now */
	return *node;
}

static int take_vm(struct replay *p, struct record_vm *r)
{
	struct replay_vm *vm = vm_get(p, r->id);

	if (!vm)
		return -ENOMEM;
	free(vm->name);
	vm->name = take_ptr(r->name);
	vm->settings = r->settings;
	vm->history = r->history;
	return 0;
}

/* One that was never told of may be gone, too: nothing depends on it. */
static void take_gone(struct replay *p, const struct record_gone *r)
{
	struct replay_vm *vm = vm_find(p, r->id);

	if (!vm)
		return;
	policy_vm_gone(&p->host, &vm->history);
	(void)tdelete(vm, &p->vms, vm_compare);
	vm_free(vm);
}

static void take_host(struct replay *p, const struct record_host *r)
{
	p->settings = r->settings;
	p->host = r->history;
	p->host_known = true;
}

/* Keeps the snapshot until its plan comes. */
static int take_snapshot(struct replay *p, struct record *rec)
{
	struct replay_vm *vm;
	uint64_t id;
	size_t i;

	if (!p->host_known)
		return bad(p, "the host was not introduced");
	for (i = 0; i < rec->snapshot.nvm; i++) {
		id = rec->snapshot.vm[i].id;
		vm = vm_find(p, id);
		if (!vm)
			return bad(p, "VM %llu was not introduced", (unsigned long long)id);
		if (vm->seen_line == p->reader.line)
			return bad(p, "VM %llu is there twice", (unsigned long long)id);
		vm->seen_line = p->reader.line;
	}
	p->snapshot = *rec;
	p->pending = true;
	memset(rec, 0, sizeof(*rec)); /* moved */
	return 0;
}

/* Compares the plan @now with the one that is recorded. 0, or -EDOM where it differs. */
static int compare(struct replay *p, const struct plan *then, const struct plan *now)
{
	struct replay_report *report = p->report;
	struct replay_vm *vm;
	size_t i;

	if (record_host_differs(&then->host, &now->host, &report->difference))
		return -EDOM;
	for (i = 0; i < now->nvm; i++) {
		if (!record_decision_differs(&then->vm[i], &now->vm[i], &report->difference))
			continue;
		report->vm_id = now->vm[i].vm_id;
		vm = vm_find(p, report->vm_id);
		(void)snprintf(report->vm_name, sizeof(report->vm_name), "%s", vm ? vm->name : "");
		return -EDOM;
	}
	report->plans++;
	report->decisions += now->nvm;
	return 0;
}

static int decide(struct replay *p, const struct plan *then)
{
	const struct snapshot *snap = &p->snapshot.snapshot;
	cleanup_free const struct settings **settings = calloc(snap->nvm + 1, sizeof(*settings));
	cleanup_free struct history **history = calloc(snap->nvm + 1, sizeof(*history));
	cleanup_free struct decision *decisions = calloc(snap->nvm + 1, sizeof(*decisions));
	const struct policy_host host = { .settings = &p->settings, .history = &p->host };
	struct plan now = { .now_us = snap->now_us, .nvm = snap->nvm, .vm = decisions };
	size_t i;

	if (!settings || !history || !decisions)
		return -ENOMEM;
	for (i = 0; i < snap->nvm; i++) {
		struct replay_vm *vm = vm_find(p, snap->vm[i].id);

		settings[i] = &vm->settings;
		history[i] = &vm->history;
	}
	policy_fold(snap, &host, settings, history);
	policy_decide(snap, &host, settings, history, &now);
	return compare(p, then, &now);
}

static int take_plan(struct replay *p, const struct plan *then)
{
	const struct snapshot *snap = &p->snapshot.snapshot;
	int r;

	if (then->now_us != snap->now_us || then->nvm != snap->nvm)
		return bad(p, "the plan is not that of the snapshot before it");
	r = decide(p, then);
	record_fini(&p->snapshot);
	p->pending = false;
	return r;
}

/* 0; -EDOM where the plan differs; -EBADMSG or -ENOMEM. */
static int take(struct replay *p, struct record *rec)
{
	if (!p->begun && rec->kind != RECORD_JOURNAL)
		return bad(p, "it does not begin as a journal does");
	if (p->pending && rec->kind != RECORD_PLAN)
		return bad(p, "a snapshot has no plan");
	switch (rec->kind) {
	case RECORD_JOURNAL:
		return take_journal(p, &rec->journal);
	case RECORD_HOST:
		take_host(p, &rec->host);
		return 0;
	case RECORD_VM:
		return take_vm(p, &rec->vm);
	case RECORD_GONE:
		take_gone(p, &rec->gone);
		return 0;
	case RECORD_SNAPSHOT:
		return take_snapshot(p, rec);
	case RECORD_PLAN:
		if (!p->pending)
			return bad(p, "a plan has no snapshot");
		return take_plan(p, &rec->plan);
	case RECORD_ASKED: /* for people: what came of it is in the facts */
		return 0;
	case RECORD_KIND_COUNT:
		break;
	}
	return -EBADMSG;
}

/* Takes record after record until the end, an error, or a difference. 0 or as take(). */
static int run(struct replay *p)
{
	struct record rec;
	int r;

	while ((r = reader_next(&p->reader, &rec)) == 1) {
		r = take(p, &rec);
		record_fini(&rec);
		if (r < 0)
			return r;
	}
	if (r == -EBADMSG)
		return bad(p, "%s", p->reader.trouble);
	if (r == 0 && !p->begun)
		return bad(p, "it has no records");
	return r;
}

void replay_fd(int fd, struct replay_report *ret)
{
	struct replay p = { .report = ret };
	int r;

	*ret = (struct replay_report){ .outcome = REPLAY_SAME };
	reader_init(&p.reader, fd);
	r = run(&p);
	if (r == 0)
		ret->line = p.reader.line - 1; /* the end was looked at as a line, too */
	else if (r == -EBADMSG || r == -EDOM)
		ret->line = p.reader.line;
	ret->torn = p.reader.torn;
	if (r == -EDOM) {
		ret->outcome = REPLAY_DIFFERS;
	} else if (r < 0) {
		ret->outcome = REPLAY_UNREADABLE;
		if (!*ret->trouble)
			(void)snprintf(ret->trouble, sizeof(ret->trouble), "%s", strerror(-r));
	}
	if (p.pending)
		record_fini(&p.snapshot);
	tdestroy(p.vms, vm_free);
	reader_fini(&p.reader);
}

void replay_file(const char *path, struct replay_report *ret)
{
	cleanup_close int fd = -EBADF;

	if (strcmp(path, "-") == 0) {
		replay_fd(STDIN_FILENO, ret);
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0) {
		replay_fd(fd, ret);
		return;
	}
	*ret = (struct replay_report){ .outcome = REPLAY_UNREADABLE };
	(void)snprintf(ret->trouble, sizeof(ret->trouble), "%s", strerror(errno));
}

static void print_text(const char *path, const struct replay_report *r)
{
	const struct record_difference *d = &r->difference;

	switch (r->outcome) {
	case REPLAY_SAME:
		printf("%s: %llu plans with %llu decisions: all the same\n", path,
		       (unsigned long long)r->plans, (unsigned long long)r->decisions);
		break;
	case REPLAY_DIFFERS:
		printf("%s:%llu: the plan differs for ", path, (unsigned long long)r->line);
		if (r->vm_id)
			printf("VM %s (id %llu)", r->vm_name, (unsigned long long)r->vm_id);
		else
			printf("the host");
		printf(": %s was %s and is now %s (%llu plans before it are the same)\n", d->key,
		       d->a, d->b, (unsigned long long)r->plans);
		break;
	case REPLAY_UNREADABLE:
		if (r->line)
			fprintf(stderr, "ballonet: %s:%llu: %s\n", path,
				(unsigned long long)r->line, r->trouble);
		else
			fprintf(stderr, "ballonet: %s: %s\n", path, r->trouble);
		break;
	}
	if (r->torn)
		printf("%s: the last line is incomplete, as after a crash, and was left out\n",
		       path);
}

static void add_u64(json_object *o, const char *key, uint64_t v)
{
	(void)json_object_object_add(o, key, json_object_new_uint64(v));
}

static void add_text(json_object *o, const char *key, const char *text)
{
	(void)json_object_object_add(o, key, json_object_new_string(text));
}

static void print_json(const char *path, const struct replay_report *r)
{
	static const char *const words[] = { "same", "differs", "unreadable" };
	json_object *o = json_object_new_object();

	add_text(o, "file", path);
	add_text(o, "outcome", words[r->outcome]);
	add_u64(o, "line", r->line);
	add_u64(o, "parts", r->parts);
	add_u64(o, "plans", r->plans);
	add_u64(o, "decisions", r->decisions);
	(void)json_object_object_add(o, "torn", json_object_new_boolean(r->torn));
	if (r->outcome == REPLAY_DIFFERS) {
		add_u64(o, "vm_id", r->vm_id);
		add_text(o, "vm", r->vm_name);
		add_text(o, "key", r->difference.key);
		add_text(o, "recorded", r->difference.a);
		add_text(o, "replayed", r->difference.b);
	}
	if (r->outcome == REPLAY_UNREADABLE)
		add_text(o, "trouble", r->trouble);
	printf("%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
								 JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

int cmd_replay(const char *path, bool json)
{
	struct replay_report report;

	replay_file(path, &report);
	if (json)
		print_json(path, &report);
	else
		print_text(path, &report);
	return (int)report.outcome;
}
