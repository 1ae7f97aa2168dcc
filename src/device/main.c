/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - ballonet-device: a virtio-balloon device in a process of its own
 *
 * Layer: device.
 * In:    the command line.
 * Out:   a keeper.
 *
 * Options are rows of a table that is also the help.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ballonet/virtio_balloon.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "device/keeper.h"

#define SHMEM_ENABLED "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

enum { EXIT_USAGE = 2 };

/* A feature and the option that changes whether it is offered. */
static const struct {
	const char *option;
	unsigned int bit;
	bool offered; /* without the option */
	const char *help;
} features[] = {
	{ "must-tell-host", BALLOON_F_MUST_TELL_HOST, false,
	  "the guest asks before it takes a page back (always with huge pages)" },
	{ "no-stats", BALLOON_F_STATS_VQ, true, "offer no statistics" },
	{ "deflate-on-oom", BALLOON_F_DEFLATE_ON_OOM, false,
	  "the guest may take pages back instead of running out of memory" },
	{ "deflate-on-pressure", BALLOON_F_DEFLATE_ON_PRESSURE, false,
	  "the guest may take pages back under memory pressure (ballonet.ko only)" },
	{ "no-reporting", BALLOON_F_REPORTING, true, "offer no free page reporting" },
	{ "no-poison", BALLOON_F_PAGE_POISON, true, "do not ask what freed pages contain" },
	{ "no-big-buffers", BALLOON_F_BIG_BUFFERS, true,
	  "take at most 256 pages per buffer (bit 52)" },
	{ "no-press", BALLOON_F_PRESS, true, "offer no press (bit 51)" },
};

static int usage(FILE *to, int status)
{
	size_t i;

	fprintf(to, "usage: ballonet-device --socket PATH --control PATH [OPTION...]\n\n"
		    "  --socket PATH          where the hypervisor connects to (vhost-user)\n"
		    "  --control PATH         where ballonetd connects to\n");
	for (i = 0; i < ARRAY_SIZE(features); i++)
		fprintf(to, "  --%-21s%s\n", features[i].option, features[i].help);
	fprintf(to, "  --huge                 huge pages back the memory (default: as the host "
		    "is set up)\n"
		    "  --no-huge              they do not\n"
		    "  --debug                log more\n"
		    "  --help                 print this text, and exit\n"
		    "  --version              print the version, and exit\n");
	return status;
}

/* Does this host back shared memory by huge pages? */
static bool host_is_huge(void)
{
	cleanup_close int fd = open(SHMEM_ENABLED, O_RDONLY | O_CLOEXEC);
	char text[128] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return false;
	return !strstr(text, "[never]") && !strstr(text, "[deny]");
}

static bool take_feature(const char *option, uint64_t *bits)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		if (strcmp(option, features[i].option) != 0)
			continue;
		if (features[i].offered)
			*bits &= ~(UINT64_C(1) << features[i].bit);
		else
			*bits |= UINT64_C(1) << features[i].bit;
		return true;
	}
	return false;
}

/* 0: go on; otherwise end with *ret_status. */
static int parse(int argc, char **argv, struct keeper_config *config, int *ret_status)
{
	int i;

	for (i = 1; i < argc; i++) {
		const char *arg = argv[i];

		if (strcmp(arg, "--help") == 0) {
			*ret_status = usage(stdout, 0);
			return 1;
		} else if (strcmp(arg, "--version") == 0) {
			*ret_status = puts("ballonet-device " BALLONET_VERSION) < 0;
			return 1;
		} else if (strcmp(arg, "--socket") == 0 && i + 1 < argc) {
			config->socket = argv[++i];
		} else if (strcmp(arg, "--control") == 0 && i + 1 < argc) {
			config->control = argv[++i];
		} else if (strcmp(arg, "--huge") == 0) {
			config->huge = true;
		} else if (strcmp(arg, "--no-huge") == 0) {
			config->huge = false;
		} else if (strcmp(arg, "--debug") == 0) {
			log_set_level(LOG_LEVEL_DEBUG);
		} else if (strncmp(arg, "--", 2) != 0 ||
			   !take_feature(arg + 2, &config->features)) {
			fprintf(stderr,
				"ballonet-device: %s: unknown option, or its value is missing\n",
				arg);
			*ret_status = usage(stderr, EXIT_USAGE);
			return 1;
		}
	}
	if (config->socket && config->control)
		return 0;
	fprintf(stderr, "ballonet-device: needs --socket and --control\n");
	*ret_status = usage(stderr, EXIT_USAGE);
	return 1;
}

int main(int argc, char **argv)
{
	struct keeper_config config = { .huge = host_is_huge() };
	sigset_t mask;
	int status;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(features); i++)
		config.features |= (uint64_t)features[i].offered << features[i].bit;
	if (parse(argc, argv, &config, &status))
		return status;
	if (config.huge)
		config.features |= UINT64_C(1) << BALLOON_F_MUST_TELL_HOST;
	(void)prctl(PR_SET_NAME, "ballonet-device");
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigaddset(&mask, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	config.stop_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (config.stop_fd < 0)
		return 1;
	status = keeper_run(&config) < 0;
	(void)close(config.stop_fd);
	return status;
}
