/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * release.c - "ballonet release NAME|--all": brings balloons to 0
 *
 * Layer: cli.
 * In:    POST /v1/vms/NAME/release, for one VM or each of them.
 * Out:   a line per VM.
 */
#include "cli/cli.h"
#include "cli/output.h"

#include <stdio.h>

/* Asks for one VM; what was answered is added to @answers, where that is not NULL. */
static int release_one(const struct cli *cli, const char *name, struct json_object *answers)
{
	struct json_object *o;
	int code;

	code = cli_ask_vm(cli, "POST", name, "/release", NULL, &o);
	if (code != EXIT_OK)
		return code;
	if (answers) {
		(void)json_object_array_add(answers, o);
		return EXIT_OK;
	}
	out_text(stdout, name);
	(void)puts(": its balloon goes to 0");
	json_object_put(o);
	return EXIT_OK;
}

/* Asks for every VM, whatever the others answered; the first failure is the exit code. */
static int release_all(const struct cli *cli, struct json_object *answers)
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
		struct json_object *vm = json_object_array_get_idx(list, i);

		one = release_one(cli, out_string(vm, "name"), answers);
		code = code == EXIT_OK ? one : code;
		if (one == EXIT_NO_DAEMON)
			break;
	}
	json_object_put(vms);
	return code;
}

int cmd_release(const struct cli *cli)
{
	struct json_object *answers = cli->json ? json_object_new_array() : NULL, *o;
	int code;

	code = cli->all ? release_all(cli, answers) : release_one(cli, cli->argument, answers);
	if (answers) {
		o = json_object_new_object();
		(void)json_object_object_add(o, "released", answers);
		(void)cli_print_json(o);
		json_object_put(o);
	}
	return code;
}
