/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - the command line of ballonet: options, the table of commands, help
 *
 * Layer: cli.
 * In:    argv, and BALLONET_SOCKET.
 * Out:   the exit code of a command.
 *
 * Options may stand before or after the command, because nobody remembers
 * which; the table says which a command knows.
 */
#include "base/num.h"
#include "cli/cli.h"
#include "cli/replay.h"
#include "cli/simulate.h"
#include "client/client.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_bit {
	OPT_ALL = 1 << 0,
	OPT_DRY_RUN = 1 << 1,
	OPT_NO_WAIT = 1 << 2,
	OPT_SOCKET = 1 << 3,
	OPT_JSON = 1 << 4,
	OPT_WORLD = 1 << 5, /* --seed and the others of simulate */
	OPT_COMMON = OPT_SOCKET | OPT_JSON,
};

struct command {
	const char *name;
	const char *argument; /* NULL: it takes none */
	unsigned int options; /* enum option_bit */
	int (*run)(const struct cli *cli);
	const char *help;
	const char *more; /* told by --help of the command */
};

static int run_replay(const struct cli *cli)
{
	return cmd_replay(cli->argument, cli->json);
}

static int run_simulate(const struct cli *cli)
{
	return cmd_simulate(&cli->simulate, cli->json);
}

static const struct command commands[] = {
	{ "status", NULL, OPT_COMMON, cmd_status, "the host, and a line for each VM",
	  "RESIDENT is what a VM takes of the host, USED what its guest uses, STALE what the "
	  "guest\n"
	  "has freed and the host still backs, COLD page cache that it does not come back for, "
	  "WON\n"
	  "what squeezes freed and did not come back within a minute." },
	{ "vm", "NAME", OPT_COMMON, cmd_vm, "all that is known of one VM",
	  "What is not known is left out (and null with --json)." },
	{ "why", "NAME", OPT_COMMON, cmd_why, "why the last decisions about a VM are what they are",
	  "The decision of now with the figures it came from, then those before it." },
	{ "squeeze", "NAME", OPT_COMMON | OPT_DRY_RUN | OPT_NO_WAIT, cmd_squeeze,
	  "squeeze a VM now, and tell until its balloon is back at 0",
	  "Asking lifts what asks whether a squeeze is worth it, never what asks whether it is "
	  "safe." },
	{ "release", "NAME", OPT_COMMON | OPT_ALL, cmd_release,
	  "bring the balloon of a VM, or of all VMs, to 0 at once",
	  "Also where somebody else inflated it. With --all, a VM that refuses is named; the exit "
	  "code\n"
	  "is 0 all the same where nothing is known to be in its balloon." },
	{ "host", NULL, OPT_COMMON, cmd_host, "the host and the daemon", NULL },
	{ "replay", "FILE", OPT_JSON, run_replay,
	  "feed a journal to the policy, and fail at the first plan that differs",
	  "It needs no daemon. '-' is standard input." },
	{ "simulate", NULL, OPT_JSON | OPT_WORLD, run_simulate,
	  "a world of model machines under the policy, or under others",
	  "It needs no daemon and touches no machine. The same seed tells the same world. GIB x H "
	  "is\n"
	  "the integral of resident memory; docs/policy.md says what the models do." },
};

struct option_row {
	const char *name; /* as it is typed, with its argument */
	unsigned int bit;
	const char *help;
};

static const struct option_row option_rows[] = {
	{ "--all", OPT_ALL, "all VMs" },
	{ "--dry-run", OPT_DRY_RUN, "only say what would be done (exit code 1: nothing)" },
	{ "--no-wait", OPT_NO_WAIT, "leave as soon as the daemon has accepted it" },
	{ "--json", OPT_JSON, "print JSON instead of text" },
	{ "--scenario NAME", OPT_WORLD, "a built-in world, or a file (else mixed)" },
	{ "--controller NAME", OPT_WORLD, "who manages it, or all (else ballonet)" },
	{ "--seed N", OPT_WORLD, "tells all that is drawn" },
	{ "--vms N", OPT_WORLD, "machines in all" },
	{ "--hours H", OPT_WORLD, "virtual time" },
	{ "--host-memory SIZE", OPT_WORLD, "memory of each host" },
	{ "--socket PATH", OPT_SOCKET,
	  "the daemon's control socket (else $BALLONET_SOCKET, else\n"
	  "                      " CLIENT_SOCKET_DEFAULT ")" },
};

static void print_options(unsigned int bits)
{
	size_t i;

	(void)puts("\noptions:");
	for (i = 0; i < ARRAY_SIZE(option_rows); i++)
		if (option_rows[i].bit & bits)
			(void)printf("  %-18s  %s\n", option_rows[i].name, option_rows[i].help);
	(void)printf("  %-18s  %s\n", "--help", "this text");
}

static void print_exit_codes(void)
{
	(void)puts("\nexit codes:\n"
		   "  0  done\n"
		   "  1  refused, or a replay differs\n"
		   "  2  called wrongly, or a file cannot be read\n"
		   "  3  the daemon is not there, or may not be asked\n"
		   "  4  there is no such VM\n"
		   "  5  what answers is not this daemon");
}

static int print_help(void)
{
	char call[64];
	size_t i;

	(void)puts("usage: ballonet [--socket PATH] [--json] COMMAND [ARGUMENT]\n\n"
		   "Looks at and steers ballonetd, which gives a host back the memory that its\n"
		   "virtual machines are not using.\n\ncommands:");
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		(void)snprintf(call, sizeof(call), "%s %s%s", commands[i].name,
			       commands[i].argument ? commands[i].argument : "",
			       commands[i].options & OPT_ALL ? "|--all" : "");
		(void)printf("  %-20s  %s\n", call, commands[i].help);
	}
	(void)printf("  %-20s  %s\n  %-20s  %s\n", "help [COMMAND]",
		     "this text, or that of a command", "version", "print the version");
	print_options(OPT_COMMON);
	(void)printf("  %-18s  %s\n", "--version", "print the version");
	print_exit_codes();
	return EXIT_OK;
}

static int print_command_help(const struct command *c)
{
	(void)printf("usage: ballonet %s", c->name);
	if (c->options & OPT_DRY_RUN)
		(void)printf(" [--dry-run | --no-wait]");
	if (c->argument)
		(void)printf(" %s%s", c->argument, c->options & OPT_ALL ? " | --all" : "");
	(void)printf("\n\n%s%s%s\n", c->help, c->more ? "\n\n" : "", c->more ? c->more : "");
	print_options(c->options);
	print_exit_codes();
	return EXIT_OK;
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int print_version(void)
{
	(void)puts("ballonet " BALLONET_VERSION);
	return EXIT_OK;
}

#define SEE_HELP "; see 'ballonet --help'."

/* The words behind the options: COMMAND [ARGUMENT]. */
static int run_words(struct cli *cli, unsigned int given, bool help, int n, char **words)
{
	const struct command *c;

	if (n == 0)
		return help ? print_help() : cli_fail(EXIT_USAGE, "no command" SEE_HELP);
	if (strcmp(words[0], "help") == 0) {
		if (n == 1)
			return print_help();
		words++;
		n--;
		help = true;
	}
	if (strcmp(words[0], "version") == 0)
		return print_version();
	c = find_command(words[0]);
	if (!c)
		return cli_fail(EXIT_USAGE, "there is no command '%s'" SEE_HELP, words[0]);
	if (help)
		return print_command_help(c);
	if (given & ~c->options)
		return cli_fail(EXIT_USAGE,
				"'%s' does not know one of the options given; see "
				"'ballonet %s --help'.",
				c->name, c->name);
	if (cli->all && n > 1)
		return cli_fail(EXIT_USAGE, "either --all or a NAME, not both" SEE_HELP);
	if (n > 1 + (c->argument != NULL))
		return cli_fail(EXIT_USAGE, "'%s' takes %s" SEE_HELP, c->name,
				c->argument ? "one argument only" : "no argument");
	if (c->argument && n < 2 && !cli->all)
		return cli_fail(EXIT_USAGE, "'%s' needs a %s%s" SEE_HELP, c->name, c->argument,
				c->options & OPT_ALL ? " or --all" : "");
	cli->argument = words[1]; /* NULL where there is none */
	return c->run(cli);
}

/* Is it an option of simulate? Then its text is kept. */
static bool take_world(struct simulate *ask, int option)
{
	const struct {
		int option;
		const char **into;
	} texts[] = {
		{ 's', &ask->scenario }, { 'c', &ask->controller }, { 'r', &ask->seed },
		{ 'n', &ask->vms },	 { 't', &ask->hours },	    { 'm', &ask->host_memory },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].option == option) {
			*texts[i].into = optarg;
			return true;
		}
	return false;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, OPT_ALL },
		{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
		{ "no-wait", no_argument, NULL, OPT_NO_WAIT },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "socket", required_argument, NULL, OPT_SOCKET },
		{ "scenario", required_argument, NULL, 's' },
		{ "controller", required_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 'r' },
		{ "vms", required_argument, NULL, 'n' },
		{ "hours", required_argument, NULL, 't' },
		{ "host-memory", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	const char *env = getenv("BALLONET_SOCKET");
	struct cli cli = { .socket = env && *env ? env : CLIENT_SOCKET_DEFAULT };
	unsigned int given = 0;
	bool help = false;
	int o;

	while ((o = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		if (o == '?')
			return EXIT_USAGE;
		if (o == 'V')
			return print_version();
		if (o == 'h') {
			help = true;
			continue;
		}
		if (take_world(&cli.simulate, o)) {
			given |= OPT_WORLD;
			continue;
		}
		given |= (unsigned int)o;
		if (o == OPT_SOCKET)
			cli.socket = optarg;
	}
	cli.json = given & OPT_JSON;
	cli.all = given & OPT_ALL;
	cli.dry_run = given & OPT_DRY_RUN;
	cli.no_wait = given & OPT_NO_WAIT;
	o = run_words(&cli, given, help, argc - optind, argv + optind);
	/* output that was not written must not look like success */
	if (fflush(stdout) != 0 || ferror(stdout))
		return cli_fail(EXIT_USAGE, "standard output cannot be written.");
	return o;
}
