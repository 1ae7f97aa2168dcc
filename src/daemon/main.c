/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - ballonetd's command line
 *
 * Layer: daemon.
 * In:    argv.
 * Out:   an exit status: 0 success, 1 it could not start or go on, 2 bad usage or
 *        configuration, 3 stopped with balloons left to the guardian.
 *
 * Options are rows of one table, which getopt_long() and the help both read.
 */
#include "config/config.h"
#include "daemon/configure.h"
#include "daemon/daemon.h"

#include "base/log.h"
#include "base/num.h"
#include "model/settings.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>

enum { EXIT_WELL = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_BALLOONS_LEFT = 3 };

struct option_row {
	const char *name;
	int letter;
	const char *argument; /* NULL: takes none */
	const char *help;
};

static const struct option_row rows[] = {
	{ "config", 'c', "FILE", "read FILE instead of " DAEMON_CONFIG_FILE },
	{ "config-dir", 'd', "DIR", "read DIR/*.yaml instead of " DAEMON_CONFIG_DIR },
	{ "control", 's', "PATH", "listen on PATH, whatever the configuration says" },
	{ "dry-run", 'n', NULL, "decide and say what it would do, but touch no balloon" },
	{ "check-config", 't', NULL, "check the configuration, and exit" },
	{ "print-settings", 'p', NULL, "print the table of settings as Markdown, and exit" },
	{ "verbose", 'v', NULL, "log more" },
	{ "version", 'V', NULL, "print the version, and exit" },
	{ "help", 'h', NULL, "print this text, and exit" },
};

static void print_help(void)
{
	size_t i;

	puts("Usage: ballonetd [OPTION]...\n"
	     "Gives this host back the memory that its virtual machines do not use.\n");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		char left[40];

		(void)snprintf(left, sizeof(left), "-%c, --%s%s%s", rows[i].letter, rows[i].name,
			       rows[i].argument ? " " : "",
			       rows[i].argument ? rows[i].argument : "");
		printf("  %-26s %s\n", left, rows[i].help);
	}
	puts("\nIt needs no configuration: it finds the QEMU virtual machines of this host.\n"
	     "See ballonetd(8) and ballonet.yaml(5).");
}

/* A default, and what other profiles set instead. */
static void default_text(const struct setting *key, char *text, size_t size)
{
	static const char *const other[] = { "gentle", "keen" };
	static const enum profile profile[] = { PROFILE_GENTLE, PROFILE_KEEN };
	char value[SETTING_TEXT_MAX];
	struct settings s;
	size_t i, len;

	setting_text(key, key->def, text, size);
	for (i = 0; i < ARRAY_SIZE(other) && key->unit != UNIT_PROFILE; i++) {
		settings_init(&s);
		settings_profile(&s, profile[i]);
		if (setting_get(&s, key) == key->def)
			continue;
		setting_text(key, setting_get(&s, key), value, sizeof(value));
		len = strlen(text);
		(void)snprintf(text + len, size - len, " (%s: %s)", other[i], value);
	}
}

static void print_settings(void)
{
	char def[4 * SETTING_TEXT_MAX], min[SETTING_TEXT_MAX], max[SETTING_TEXT_MAX];
	const struct setting *table;
	size_t i, n;

	table = settings_table(&n);
	puts("| key | default | from | to | what it is |\n| --- | --- | --- | --- | --- |");
	for (i = 0; i < n; i++) {
		default_text(&table[i], def, sizeof(def));
		setting_text(&table[i], table[i].min, min, sizeof(min));
		setting_text(&table[i], table[i].max, max, sizeof(max));
		printf("| `%s` | %s | %s | %s | %s |\n", table[i].key, def, min, max,
		       table[i].help);
	}
}

static int check_config(const struct daemon_options *o)
{
	const struct config_source from = configure_source(o);
	struct config config;

	if (configure(o, &config) < 0)
		return EXIT_USAGE;
	config_fini(&config);
	if (!from.file && !from.dir)
		puts("There is no configuration in " DAEMON_CONFIG_FILE " or " DAEMON_CONFIG_DIR
		     ": the defaults apply.");
	else
		printf("The configuration is good: %s%s%s%s.\n", from.file ? from.file : "",
		       from.file && from.dir ? " and " : "", from.dir ? from.dir : "",
		       from.dir ? "/*.yaml" : "");
	return EXIT_WELL;
}

static int run(const struct daemon_options *o)
{
	struct config config;
	int r;

	/* a bad configuration is the operator's, everything later is ours */
	if (configure(o, &config) < 0)
		return EXIT_USAGE;
	config_fini(&config);
	r = daemon_run(o);
	if (r < 0) {
		log_error("ballonetd-failed error=%s", strerror(-r));
		return EXIT_FAILED;
	}
	return r > 0 ? EXIT_BALLOONS_LEFT : EXIT_WELL;
}

int main(int argc, char **argv)
{
	static char name[] = "ballonetd";
	struct option longs[ARRAY_SIZE(rows) + 1] = { 0 };
	char shorts[2 * ARRAY_SIZE(rows) + 1] = "";
	struct daemon_options o = { 0 };
	bool check = false;
	size_t i;
	int c;

	log_set_journal(sd_journal_sendv);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t at = strlen(shorts);

		longs[i] = (struct option){ rows[i].name,
					    rows[i].argument ? required_argument : no_argument,
					    NULL, rows[i].letter };
		shorts[at] = (char)rows[i].letter;
		shorts[at + 1] = rows[i].argument ? ':' : '\0';
	}
	if (argc > 0)
		argv[0] = name; /* getopt begins its messages with it */
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o.config_file = optarg;
			break;
		case 'd':
			o.config_dir = optarg;
			break;
		case 's':
			o.control = optarg;
			break;
		case 'n':
			o.dry_run = true;
			break;
		case 't':
			check = true;
			break;
		case 'p':
			print_settings();
			return EXIT_WELL;
		case 'v':
			log_set_level(LOG_LEVEL_DEBUG);
			break;
		case 'V':
			puts("ballonetd " BALLONET_VERSION);
			return EXIT_WELL;
		case 'h':
			print_help();
			return EXIT_WELL;
		default:
			fputs("Try 'ballonetd --help'.\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "ballonetd: unexpected argument '%s'\nTry 'ballonetd --help'.\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	return check ? check_config(&o) : run(&o);
}
