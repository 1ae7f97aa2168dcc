/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - the command line of ballonet: options, the table of commands, help
 *
 * Layer: cli.
 * In:    argv, and BALLONET_SOCKET.
 * Out:   the exit code of a command.
 *
 * Options may come before or after the command, because nobody remembers the
 * order. The table says which options a command takes.
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
	OPT_RESET = 1 << 6,
	OPT_LIST = 1 << 7,
	OPT_CANCEL = 1 << 8,
	OPT_ROOM = 1 << 9, /* --within, --hold and --for of reserve */
	OPT_COMMON = OPT_SOCKET | OPT_JSON,
};

struct command {
	const char *name;
	const char *argument; /* NULL: it takes none */
	unsigned int options; /* enum option_bit */
	unsigned int instead; /* of these, which stand in the place of the argument */
	bool optional;	      /* the argument may be left out */
	const char *more;     /* what may follow the argument, any number of times */
	int (*run)(const struct cli *cli);
	const char *help;
	const char *details; /* told by --help of the command */
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
	{ "status", .options = OPT_COMMON, .run = cmd_status,
	  .help = "the host, and a line for each VM",
	  .details = "RESIDENT is what a VM takes of the host, USED what its guest uses, STALE "
		     "what the guest\n"
		     "has freed and the host still backs, COLD page cache that it does not come "
		     "back for, WON\n"
		     "what squeezes freed and did not come back within a minute. GUEST is how it "
		     "gives memory\n"
		     "back, as told by what it did." },
	{ "vm", "NAME", .options = OPT_COMMON, .run = cmd_vm, .help = "all that is known of one VM",
	  .details = "What is not known is left out (and null with --json)." },
	{ "why", "NAME", .options = OPT_COMMON, .optional = true, .run = cmd_why,
	  .help = "why the last decisions about a VM, or the host, are what they are",
	  .details = "The decision of now with the figures it came from, then those before it. "
		     "Without a NAME,\n"
		     "that of the host." },
	{ "set", "NAME", .options = OPT_COMMON | OPT_RESET, .more = "KEY=VALUE", .run = cmd_set,
	  .help = "change settings of a VM until the daemon ends",
	  .details = "On top of the configuration, also of one that is reloaded. 'KEY=' takes a "
		     "key back,\n"
		     "--reset all of them. ballonet.yaml(5) tells the keys." },
	{ "reserve", "SIZE", .options = OPT_COMMON | OPT_ROOM | OPT_NO_WAIT | OPT_LIST | OPT_CANCEL,
	  .instead = OPT_LIST | OPT_CANCEL, .run = cmd_reserve,
	  .help = "free room for a VM that is to start, and hold it",
	  .details = "Waits until the room is there. It is held until the VMs that start after "
		     "this have used\n"
		     "it, or its time is over. Where it cannot be had, or not in time, nothing is "
		     "held." },
	{ "headroom", .options = OPT_COMMON, .run = cmd_headroom,
	  .help = "memory that can be had within 1, 10 and 60 s",
	  .details = "As 95 of 100 squeezes of this host kept it." },
	{ "squeeze", "NAME", .options = OPT_COMMON | OPT_DRY_RUN | OPT_NO_WAIT, .run = cmd_squeeze,
	  .help = "squeeze a VM now, and tell until its balloon is back at 0",
	  .details = "Asking lifts what asks whether a squeeze is worth it, never what asks "
		     "whether it is safe." },
	{ "release", "NAME", .options = OPT_COMMON | OPT_ALL, .instead = OPT_ALL,
	  .run = cmd_release, .help = "bring the balloon of a VM, or of all VMs, to 0 at once",
	  .details =
		  "Also where somebody else inflated it. With --all, a VM that refuses is named; "
		  "the exit code\n"
		  "is 0 all the same where nothing is known to be in its balloon." },
	{ "host", .options = OPT_COMMON, .run = cmd_host, .help = "the host and the daemon" },
	{ "replay", "FILE", .options = OPT_JSON, .run = run_replay,
	  .help = "feed a journal to the policy, and fail at the first plan that differs",
	  .details = "It needs no daemon. '-' is standard input." },
	{ "simulate", .options = OPT_JSON | OPT_WORLD, .run = run_simulate,
	  .help = "a world of model machines under the policy, or under others",
	  .details =
		  "It needs no daemon and touches no machine. The same seed tells the same world. "
		  "GIB x H is\n"
		  "the integral of resident memory; docs/simulator.md says what the models do." },
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
	{ "--reset", OPT_RESET, "take back all that was set before" },
	{ "--within TIME", OPT_ROOM, "how soon it is to be there, such as 30s (else whenever)" },
	{ "--hold TIME", OPT_ROOM, "how long it is held after that (else 10min)" },
	{ "--for NAME", OPT_ROOM, "only the VM of this name may use it" },
	{ "--list", OPT_LIST, "the reservations that there are" },
	{ "--cancel ID", OPT_CANCEL, "hold this one no longer" },
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
		   "  4  there is no such VM or reservation\n"
		   "  5  what answers is not this daemon\n"
		   "  6  the room is not there in time");
}

/* Writes how the argument of @c is given: "NAME|--all", "[NAME]", "NAME [KEY=VALUE]...". */
static void argument_text(const struct command *c, char *text, size_t size)
{
	size_t len = 0, i;

	text[0] = '\0';
	if (!c->argument)
		return;
	len = (size_t)snprintf(text, size, c->optional ? "[%s]" : "%s", c->argument);
	if (c->more)
		len += (size_t)snprintf(text + len, size - len, " [%s]...", c->more);
	for (i = 0; i < ARRAY_SIZE(option_rows); i++)
		if (option_rows[i].bit & c->instead)
			len += (size_t)snprintf(text + len, size - len, "|%s", option_rows[i].name);
}

static int print_help(void)
{
	char call[64], argument[48];
	size_t i;

	(void)puts("usage: ballonet [--socket PATH] [--json] COMMAND [ARGUMENT]\n\n"
		   "Looks at and steers ballonetd, which gives a host back the memory that its\n"
		   "virtual machines are not using.\n\ncommands:");
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		argument_text(&commands[i], argument, sizeof(argument));
		(void)snprintf(call, sizeof(call), "%s %s", commands[i].name,
			       commands[i].more || commands[i].instead & OPT_LIST
				       ? commands[i].argument
				       : argument);
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
	char argument[48];

	argument_text(c, argument, sizeof(argument));
	(void)printf("usage: ballonet %s%s%s%s", c->name, c->options ? " [OPTION]..." : "",
		     argument[0] ? " " : "", argument);
	(void)printf("\n\n%s%s%s\n", c->help, c->details ? "\n\n" : "",
		     c->details ? c->details : "");
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

/* The first of the options in @bits, as it is typed; "" for none. */
static const char *option_name(unsigned int bits)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(option_rows); i++)
		if (option_rows[i].bit & bits)
			return option_rows[i].name;
	return "";
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
	if (given & c->instead && n > 1)
		return cli_fail(EXIT_USAGE, "either %s or a %s, not both" SEE_HELP,
				option_name(given & c->instead), c->argument);
	if (n > 1 + (c->argument != NULL) && !c->more)
		return cli_fail(EXIT_USAGE, "'%s' takes %s" SEE_HELP, c->name,
				c->argument ? "one argument only" : "no argument");
	if (c->argument && n < 2 && !c->optional && !(given & c->instead))
		return cli_fail(EXIT_USAGE, "'%s' needs a %s%s%s" SEE_HELP, c->name, c->argument,
				c->instead ? " or " : "", option_name(c->instead));
	cli->argument = words[1]; /* NULL where there is none */
	cli->more = n > 1 ? words + 2 : words + 1;
	return c->run(cli);
}

/* An option with a text, and where that is kept. */
struct text_option {
	int option;
	unsigned int bit;
	const char **into;
};

/* Is it such an option? Then its text is kept. Returns its bit, or 0. */
static unsigned int take_text(struct cli *cli, int option)
{
	const struct text_option texts[] = {
		{ 's', OPT_WORLD, &cli->simulate.scenario },
		{ 'c', OPT_WORLD, &cli->simulate.controller },
		{ 'r', OPT_WORLD, &cli->simulate.seed },
		{ 'n', OPT_WORLD, &cli->simulate.vms },
		{ 't', OPT_WORLD, &cli->simulate.hours },
		{ 'm', OPT_WORLD, &cli->simulate.host_memory },
		{ 'w', OPT_ROOM, &cli->reserve.within },
		{ 'o', OPT_ROOM, &cli->reserve.hold },
		{ 'f', OPT_ROOM, &cli->reserve.name },
		{ OPT_CANCEL, OPT_CANCEL, &cli->reserve.cancel },
		{ OPT_SOCKET, OPT_SOCKET, &cli->socket },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].option == option) {
			*texts[i].into = optarg;
			return texts[i].bit;
		}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, OPT_ALL },
		{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
		{ "no-wait", no_argument, NULL, OPT_NO_WAIT },
		{ "reset", no_argument, NULL, OPT_RESET },
		{ "list", no_argument, NULL, OPT_LIST },
		{ "cancel", required_argument, NULL, OPT_CANCEL },
		{ "within", required_argument, NULL, 'w' },
		{ "hold", required_argument, NULL, 'o' },
		{ "for", required_argument, NULL, 'f' },
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
	unsigned int given = 0, text;
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
		text = take_text(&cli, o);
		given |= text ? text : (unsigned int)o;
	}
	cli.json = given & OPT_JSON;
	cli.all = given & OPT_ALL;
	cli.dry_run = given & OPT_DRY_RUN;
	cli.no_wait = given & OPT_NO_WAIT;
	cli.reset = given & OPT_RESET;
	cli.reserve.list = given & OPT_LIST;
	o = run_words(&cli, given, help, argc - optind, argv + optind);
	/* output that was not written must not look like success */
	if (fflush(stdout) != 0 || ferror(stdout))
		return cli_fail(EXIT_USAGE, "standard output cannot be written.");
	return o;
}
