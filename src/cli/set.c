/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * set.c - "ballonet set NAME KEY=VALUE...": settings of a VM until the daemon ends
 *
 * Layer: cli.
 * In:    keys and values as the configuration writes them.
 * Out:   PATCH /v1/vms/NAME; what is set for it now.
 *
 * The daemon checks keys and values, because it knows the VM's other settings.
 */
#include "cli/cli.h"
#include "cli/output.h"

#include <stdio.h>
#include <string.h>

/* Adds KEY=VALUE to @patch. 0 or an exit code. */
static int add_word(struct json_object *patch, const char *word)
{
	const char *equals = strchr(word, '=');
	char key[64];
	size_t n;

	n = equals ? (size_t)(equals - word) : 0;
	if (n == 0 || n >= sizeof(key))
		return cli_fail(EXIT_USAGE, "'%s' is not of the form KEY=VALUE.", word);
	memcpy(key, word, n);
	key[n] = '\0';
	if (json_object_object_get_ex(patch, key, NULL))
		return cli_fail(EXIT_USAGE, "%s is given twice.", key);
	(void)json_object_object_add(patch, key,
				     equals[1] ? json_object_new_string(equals + 1) : NULL);
	return EXIT_OK;
}

static void print_set(struct json_object *vm)
{
	struct json_object *set = out_object(vm, "set");
	bool first = true;

	out_text(stdout, out_string(vm, "name"));
	if (!set || json_object_object_length(set) == 0) {
		(void)puts(": nothing is set; the configuration applies");
		return;
	}
	(void)fputs(": until the daemon ends ", stdout);
	json_object_object_foreach(set, key, value)
	{
		(void)fputs(first ? "" : ", ", stdout);
		out_text(stdout, key);
		(void)fputs("=", stdout);
		out_text(stdout, value ? json_object_get_string(value) : "");
		first = false;
	}
	(void)putchar('\n');
}

int cmd_set(const struct cli *cli)
{
	struct json_object *patch, *vm;
	char **word;
	int code = EXIT_OK;

	if (!cli->more[0] && !cli->reset)
		return cli_fail(EXIT_USAGE,
				"'set' needs KEY=VALUE or --reset; see 'ballonet set --help'.");
	patch = json_object_new_object();
	if (cli->reset)
		(void)json_object_object_add(patch, "reset", json_object_new_boolean(true));
	for (word = cli->more; code == EXIT_OK && *word; word++)
		code = add_word(patch, *word);
	if (code == EXIT_OK)
		code = cli_ask_vm(cli, "PATCH", cli->argument, "",
				  json_object_to_json_string_ext(patch, JSON_C_TO_STRING_PLAIN),
				  &vm);
	json_object_put(patch);
	if (code != EXIT_OK)
		return code;
	if (cli->json)
		code = cli_print_json(vm);
	else
		print_set(vm);
	json_object_put(vm);
	return code;
}
