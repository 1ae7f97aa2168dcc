/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * release.c - "ballonet release NAME|--all": brings balloons to 0
 *
 * Layer: cli.
 * In:    POST /v1/vms/NAME/release, for one VM or each of them.
 * Out:   a line per VM, or {"released":[...],"refused":[...]}.
 *
 * With --all, a VM that cannot be reached and has an empty balloon is no error:
 * in an emergency only the other VMs matter.
 */
#include "cli/cli.h"
#include "cli/output.h"

#include <stdio.h>
#include <string.h>

/* What was answered, for --json; both are NULL without it. */
struct answers {
	struct json_object *released;
	struct json_object *refused;
};

/* Is something in its balloon, or on its way there, as far as is known? */
static bool holds_balloon(struct json_object *vm)
{
	static const char *const phases[] = { "inflating", "holding", "deflating", "sizing",
					      "sized" };
	const char *phase = out_string(vm, "phase");
	size_t i;

	for (i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
		if (strcmp(phase, phases[i]) == 0)
			return true;
	return out_number(vm, "balloon_b", 0) > 0;
}

/* @vm is what was known of it before. */
static void note_released(const char *name, struct json_object *vm, struct json_object *o,
			  struct answers *a)
{
	if (a->released) {
		(void)json_object_array_add(a->released, o);
		return;
	}
	out_text(stdout, name);
	if (holds_balloon(vm))
		(void)puts(": its balloon goes to 0");
	else if (out_number(vm, "balloon_b", UINT64_MAX) == 0)
		(void)puts(": its balloon is at 0 already");
	else
		(void)puts(": nothing is known to be in its balloon");
	json_object_put(o);
}

static void note_refused(const char *name, const char *why, bool holds, struct answers *a)
{
	struct json_object *o;

	(void)cli_fail(EXIT_REFUSED, "%s: %s%s", name, why,
		       holds ? "" : " Nothing is known to be in its balloon.");
	if (!a->refused)
		return;
	o = json_object_new_object();
	(void)json_object_object_add(o, "name", json_object_new_string(name));
	(void)json_object_object_add(o, "error", json_object_new_string(why));
	(void)json_object_object_add(o, "holds", json_object_new_boolean(holds));
	(void)json_object_array_add(a->refused, o);
}

static int release_one(const struct cli *cli, struct answers *a)
{
	struct json_object *vm, *o;
	int code;

	code = cli_ask_vm(cli, "GET", cli->argument, "", NULL, &vm);
	if (code != EXIT_OK)
		return code;
	code = cli_ask_vm(cli, "POST", cli->argument, "/release", NULL, &o);
	if (code == EXIT_OK)
		note_released(cli->argument, vm, o, a);
	json_object_put(vm);
	return code;
}

/* Asks for one of all; an exit code, which is EXIT_OK too where there was nothing to release. */
static int release_next(const struct cli *cli, struct json_object *vm, struct answers *a)
{
	const char *name = out_string(vm, "name");
	struct json_object *o;
	struct cli_why why = { .text = "" };
	bool holds;
	int code;

	code = cli_try_vm(cli, "POST", name, "/release", NULL, &o, &why);
	if (code == EXIT_OK) {
		note_released(name, vm, o, a);
		return EXIT_OK;
	}
	if (code == EXIT_NO_VM) /* it went away since the list was made */
		return EXIT_OK;
	holds = code != EXIT_REFUSED || holds_balloon(vm);
	note_refused(name, why.text, holds, a);
	return holds ? code : EXIT_OK;
}

/* Asks for every VM, whatever the others answered; the first failure is the exit code. */
static int release_all(const struct cli *cli, struct answers *a)
{
	struct json_object *vms, *list;
	int code, one;
	size_t i;

	code = cli_ask(cli, "GET", "/v1/vms", NULL, &vms);
	if (code != EXIT_OK)
		return code;
	list = out_array(vms, "vms");
	if (!list)
		code = cli_fail(EXIT_BAD_REPLY, "the answer has no list of VMs.");
	for (i = 0; list && i < json_object_array_length(list); i++) {
		one = release_next(cli, json_object_array_get_idx(list, i), a);
		code = code == EXIT_OK ? one : code;
		if (one == EXIT_NO_DAEMON)
			break;
	}
	json_object_put(vms);
	return code;
}

int cmd_release(const struct cli *cli)
{
	struct answers a = { 0 };
	struct json_object *o;
	int code;

	if (cli->json) {
		a.released = json_object_new_array();
		a.refused = json_object_new_array();
	}
	code = cli->all ? release_all(cli, &a) : release_one(cli, &a);
	if (cli->json) {
		o = json_object_new_object();
		(void)json_object_object_add(o, "released", a.released);
		(void)json_object_object_add(o, "refused", a.refused);
		(void)cli_print_json(o);
		json_object_put(o);
	}
	return code;
}
