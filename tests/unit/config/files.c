/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * files.c - a configuration's files, and what comes of loading them
 */
#include "files.h"

#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder with ballonet.yaml ("F" in what is expected) and ballonet.d ("D"). */
static char folder[64];
char file[80], dir[80];

void write_file(const char *path, const char *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	(void)close(fd);
}

void write_text(const char *text)
{
	write_file(file, text, strlen(text));
}

void write_part(const char *name, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	write_file(path, text, strlen(text));
}

int config_files_set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ballonet-config-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(file, sizeof(file), "%s/ballonet.yaml", folder);
	(void)snprintf(dir, sizeof(dir), "%s/ballonet.d", folder);
	assert_int_equal(mkdir(dir, 0700), 0);
	return 0;
}

int config_files_tear_down(void **state)
{
	static const char *const parts[] = { "10-a.yaml", "20-b.yaml", "README" };
	char path[128];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, parts[i]);
		(void)unlink(path);
	}
	(void)unlink(file);
	(void)rmdir(dir);
	return rmdir(folder);
}

void load(struct config *ret)
{
	char error[512] = "";
	int r = config_load(file, dir, ret, error, sizeof(error));

	if (r < 0)
		fail_msg("refused: %s", error);
}

void refused_at(const char *path, int want, const char *rest)
{
	char error[512] = "", expected[1024];
	struct config untouched = { .nvms = 12345 };

	assert_int_equal(config_load(file, dir, &untouched, error, sizeof(error)), want);
	assert_int_equal(untouched.nvms, 12345);
	(void)snprintf(expected, sizeof(expected), "%s%s", path, rest);
	assert_string_equal(error, expected);
}

void refused(const char *text, const char *rest)
{
	write_text(text);
	refused_at(file, -EINVAL, rest);
}
