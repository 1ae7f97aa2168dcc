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
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The options in the order that the help lists them. */
enum option_id {
	ID_ALL,
	ID_DRY_RUN,
	ID_NO_WAIT,
	ID_RESET,
	ID_WITHIN,
	ID_HOLD,
	ID_FOR,
	ID_LIST,
	ID_CANCEL,
	ID_JSON,
	ID_SCENARIO,
	ID_CONTROLLER,
	ID_PROFILE,
	ID_SEED,
	ID_VMS,
	ID_HOURS,
	ID_HOST_MEMORY,
	ID_SOCKET,
	ID_COUNT,
};

#define BIT(id) (1U << (id))
#define OPTIONS_COMMON (BIT(ID_SOCKET) | BIT(ID_JSON))
#define OPTIONS_RESERVE                                                                 \
	(BIT(ID_WITHIN) | BIT(ID_HOLD) | BIT(ID_FOR) | BIT(ID_NO_WAIT) | BIT(ID_LIST) | \
	 BIT(ID_CANCEL))
#define OPTIONS_SIMULATE                                                                        \
	(BIT(ID_SCENARIO) | BIT(ID_CONTROLLER) | BIT(ID_PROFILE) | BIT(ID_SEED) | BIT(ID_VMS) | \
	 BIT(ID_HOURS) | BIT(ID_HOST_MEMORY))

struct option_row {
	const char *name;
	const char *argument; /* NULL: it takes none */
	size_t member;	      /* of struct cli: a text where it has an argument, else a bool */
	const char *help;
};

#define AT(m) offsetof(struct cli, m)

static const struct option_row option_rows[ID_COUNT] = {
	[ID_ALL] = { "all", NULL, AT(all), "all VMs" },
	[ID_DRY_RUN] = { "dry-run", NULL, AT(dry_run),
			 "only say what it would do (exit code 1: it would free nothing)" },
	[ID_NO_WAIT] = { "no-wait", NULL, AT(no_wait), "return once the daemon has accepted it" },
	[ID_RESET] = { "reset", NULL, AT(reset), "undo all earlier 'set'" },
	[ID_WITHIN] = { "within", "TIME", AT(reserve.within),
			"fail if it takes longer than this, such as 30s" },
	[ID_HOLD] = { "hold", "TIME", AT(reserve.hold),
		      "how long to hold it from then on (default 10min)" },
	[ID_FOR] = { "for", "NAME", AT(reserve.name), "only the VM of this name may use it" },
	[ID_LIST] = { "list", NULL, AT(reserve.list), "list the reservations" },
	[ID_CANCEL] = { "cancel", "ID", AT(reserve.cancel), "cancel this reservation" },
	[ID_JSON] = { "json", NULL, AT(json), "print JSON instead of text" },
	[ID_SCENARIO] = { "scenario", "NAME", AT(simulate.scenario),
			  "a built-in scenario, or a file (default mixed)" },
	[ID_CONTROLLER] = { "controller", "NAME", AT(simulate.controller),
			    "who manages the memory, or 'all' (default ballonet)" },
	[ID_PROFILE] = { "profile", "NAME", AT(simulate.profile),
			 "the policy's profile: gentle, balanced or keen" },
	[ID_SEED] = { "seed", "N", AT(simulate.seed), "seed of the random numbers" },
	[ID_VMS] = { "vms", "N", AT(simulate.vms), "number of VMs" },
	[ID_HOURS] = { "hours", "H", AT(simulate.hours), "hours of virtual time" },
	[ID_HOST_MEMORY] = { "host-memory", "SIZE", AT(simulate.host_memory),
			     "memory of each host" },
	[ID_SOCKET] = { "socket", "PATH", AT(socket),
			"the daemon's control socket (default $BALLONET_SOCKET, or\n"
			"                      " CLIENT_SOCKET_DEFAULT ")" },
};

struct command {
	const char *name;
	const char *argument; /* NULL: it takes none */
	unsigned int options; /* BIT() of each that it takes */
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
	{ "status", .options = OPTIONS_COMMON, .run = cmd_status,
	  .help = "show the host, and a line for each VM",
	  .details =
		  "  RELIEF    how the guest takes memory back from its balloon, as seen so far:\n"
		  "              notifier     only when it is out of memory (most Linux)\n"
		  "              shrinker     under memory pressure (Linux 4.19 to 5.6)\n"
		  "              ballonet.ko  this project's driver: never takes and gives at "
		  "once\n"
		  "              none         no balloon driver answers\n"
		  "              unknown      not tried yet\n"
		  "  RESIDENT  host memory that backs the guest's RAM\n"
		  "  USED      memory that the guest uses\n"
		  "  STALE     freed by the guest, still backed by the host\n"
		  "  COLD      page cache that is probably not read again\n"
		  "  WON       freed by squeezes, and still free a minute later" },
	{ "vm", "NAME", .options = OPTIONS_COMMON, .run = cmd_vm, .help = "show all about one VM",
	  .details = "Unknown figures are left out (null with --json)." },
	{ "why", "NAME", .options = OPTIONS_COMMON, .optional = true, .run = cmd_why,
	  .help = "explain the last decisions about a VM, or about the host",
	  .details = "Prints the current decision with its figures, then earlier ones. "
		     "Without NAME,\nit explains the host's." },
	{ "set", "NAME", .options = OPTIONS_COMMON | BIT(ID_RESET), .more = "KEY=VALUE",
	  .run = cmd_set, .help = "change settings of a VM until the daemon ends",
	  .details =
		  "These settings override the configuration, also after a reload. 'KEY=' undoes "
		  "one,\n--reset all of them. ballonet.yaml(5) lists the keys." },
	{ "reserve", "SIZE", .options = OPTIONS_COMMON | OPTIONS_RESERVE,
	  .instead = BIT(ID_LIST) | BIT(ID_CANCEL), .run = cmd_reserve,
	  .help = "free memory for a VM that is about to start, and hold it",
	  .details = "Waits until the memory is free. It is held until VMs that start later have "
		     "used it,\nor --hold is over. When it fails, nothing is held." },
	{ "headroom", .options = OPTIONS_COMMON, .run = cmd_headroom,
	  .help = "show how much memory VMs can give within 1, 10 and 60 s",
	  .details = "An estimate that 95 of 100 squeezes on this host kept. Below 20 squeezes, it "
		     "is half of\n"
		     "what VMs offer, at 64 MiB/s for each." },
	{ "squeeze", "NAME", .options = OPTIONS_COMMON | BIT(ID_DRY_RUN) | BIT(ID_NO_WAIT),
	  .run = cmd_squeeze, .help = "squeeze a VM now, and watch until its balloon is back at 0",
	  .details = "Skips the worth-it checks, never the safety checks." },
	{ "release", "NAME", .options = OPTIONS_COMMON | BIT(ID_ALL), .instead = BIT(ID_ALL),
	  .run = cmd_release, .help = "deflate the balloon of a VM, or of all VMs, to 0 now",
	  .details = "Also if something else inflated it. With --all, VMs that refuse are named; "
		     "that fails\nonly if there may be memory in their balloons." },
	{ "host", .options = OPTIONS_COMMON, .run = cmd_host,
	  .help = "show the host and the daemon" },
	{ "replay", "FILE", .options = BIT(ID_JSON), .run = run_replay,
	  .help = "decide a journal again, and fail at the first difference",
	  .details = "Needs no daemon. FILE may be '-' for standard input." },
	{ "simulate", .options = BIT(ID_JSON) | OPTIONS_SIMULATE, .run = run_simulate,
	  .help = "run model VMs under this policy, or under others",
	  .details = "Needs no daemon and touches no VM. The same seed gives the same result. "
		     "GIB x H is\nresident memory over time. docs/simulator.md describes the "
		     "models." },
};

#define TYPED_MAX 32

/* Writes an option as it is typed: "--hold TIME". Returns its length. */
static size_t typed_option(const struct option_row *row, char *text, size_t size)
{
	return (size_t)snprintf(text, size, "--%s%s%s", row->name, row->argument ? " " : "",
				row->argument ? row->argument : "");
}

static void print_options(unsigned int bits)
{
	char typed[TYPED_MAX];
	size_t i;

	(void)puts("\noptions:");
	for (i = 0; i < ID_COUNT; i++) {
		if (!(bits & BIT(i)))
			continue;
		(void)typed_option(&option_rows[i], typed, sizeof(typed));
		(void)printf("  %-18s  %s\n", typed, option_rows[i].help);
	}
	(void)printf("  %-18s  %s\n", "--help", "print this text");
}

static void print_exit_codes(void)
{
	(void)puts("\nexit codes:\n"
		   "  0  done\n"
		   "  1  refused, or nothing to do; replay: a plan differs\n"
		   "  2  wrong usage, or a file cannot be read\n"
		   "  3  the daemon is not running, or does not let you ask\n"
		   "  4  no such VM or reservation\n"
		   "  5  something else than this daemon answers\n"
		   "  6  the memory is not free in time");
}

/* The first of the options in @bits. */
static const struct option_row *first_option(unsigned int bits)
{
	return &option_rows[__builtin_ctz(bits)];
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
	for (i = 0; i < ID_COUNT; i++)
		if (c->instead & BIT(i)) {
			len += (size_t)snprintf(text + len, size - len, "|");
			len += typed_option(&option_rows[i], text + len, size - len);
		}
}

static int print_help(void)
{
	char call[64], argument[48];
	size_t i;

	(void)puts("usage: ballonet [--socket PATH] [--json] COMMAND [ARGUMENT]\n\n"
		   "Shows and controls ballonetd, which gives a host back the memory that its VMs\n"
		   "do not use.\n\ncommands:");
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		argument_text(&commands[i], argument, sizeof(argument));
		(void)snprintf(call, sizeof(call), "%s %s", commands[i].name,
			       commands[i].more || commands[i].instead & BIT(ID_LIST)
				       ? commands[i].argument
				       : argument);
		(void)printf("  %-20s  %s\n", call, commands[i].help);
	}
	(void)printf("  %-20s  %s\n  %-20s  %s\n", "help [COMMAND]",
		     "print this text, or that of a command", "version", "print the version");
	print_options(OPTIONS_COMMON);
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

#define SEE_HELP "; see 'ballonet --help'."
#define SEE_HELP_OF "; see 'ballonet %s --help'."

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
		return cli_fail(EXIT_USAGE, "unknown command '%s'" SEE_HELP, words[0]);
	if (help)
		return print_command_help(c);
	if (given & ~c->options)
		return cli_fail(EXIT_USAGE, "'%s' has no option --%s" SEE_HELP_OF, c->name,
				first_option(given & ~c->options)->name, c->name);
	if (given & c->instead && n > 1)
		return cli_fail(EXIT_USAGE, "--%s and a %s exclude each other" SEE_HELP_OF,
				first_option(given & c->instead)->name, c->argument, c->name);
	if (n > 1 + (c->argument != NULL) && !c->more)
		return cli_fail(EXIT_USAGE, "unexpected argument '%s'" SEE_HELP_OF,
				words[1 + (c->argument != NULL)], c->name);
	if (c->argument && n < 2 && !c->optional && !(given & c->instead))
		return cli_fail(EXIT_USAGE, "'%s' needs a %s%s%s" SEE_HELP_OF, c->name, c->argument,
				c->instead ? " or --" : "",
				c->instead ? first_option(c->instead)->name : "", c->name);
	cli->argument = words[1]; /* NULL where there is none */
	cli->more = n > 1 ? words + 2 : words + 1;
	return c->run(cli);
}

/* The option @id was given: keeps its text, or that it was. */
static void take_option(struct cli *cli, size_t id)
{
	char *member = (char *)cli + option_rows[id].member;

	if (option_rows[id].argument)
		memcpy(member, &optarg, sizeof(optarg));
	else
		memcpy(member, &(bool){ true }, sizeof(bool));
}

/* What getopt_long() returns for the option 0; letters are below. */
#define FIRST_LONG 256

int main(int argc, char **argv)
{
	static char name[] = "ballonet";
	const char *env = getenv("BALLONET_SOCKET");
	struct cli cli = { .socket = env && *env ? env : CLIENT_SOCKET_DEFAULT };
	struct option longs[ID_COUNT + 3] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
	};
	unsigned int given = 0;
	bool help = false;
	int o;

	for (o = 0; o < ID_COUNT; o++)
		longs[o + 2] = (struct option){
			option_rows[o].name,
			option_rows[o].argument ? required_argument : no_argument,
			NULL,
			FIRST_LONG + o,
		};
	if (argc > 0)
		argv[0] = name; /* getopt begins its messages with it */
	while ((o = getopt_long(argc, argv, "hV", longs, NULL)) != -1) {
		if (o == '?') {
			(void)fputs("Try 'ballonet --help'.\n", stderr);
			return EXIT_USAGE;
		}
		if (o == 'V')
			return print_version();
		if (o == 'h') {
			help = true;
			continue;
		}
		take_option(&cli, (size_t)(o - FIRST_LONG));
		given |= BIT(o - FIRST_LONG);
	}
	o = run_words(&cli, given, help, argc - optind, argv + optind);
	/* output that was not written must not look like success */
	if (fflush(stdout) != 0 || ferror(stdout))
		return cli_fail(EXIT_USAGE, "standard output cannot be written.");
	return o;
}
