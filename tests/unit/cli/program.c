/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * program.c - runs ballonet, and looks at what it printed
 *
 * In:    words of a command line.
 * Out:   exit code, standard output, standard error.
 */
#include "program.h"

#include "base/num.h"
#include "server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

const char *program;

static void read_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, size - len - 1)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	(void)close(fd);
}

void call(struct run *ret, ...)
{
	const char *argv[10] = { program };
	int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC), child;
	size_t n = 1;
	va_list ap;
	pid_t pid;

	va_start(ap, ret);
	while (n < ARRAY_SIZE(argv) - 1 && (argv[n] = va_arg(ap, const char *)))
		n++;
	va_end(ap);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(out, STDOUT_FILENO);
		(void)dup2(err, STDERR_FILENO);
		(void)setenv("BALLONET_SOCKET", server_path, 1);
		(void)alarm(60);
		(void)execv(program, (char **)(uintptr_t)argv);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &child, 0), pid);
	assert_true(WIFEXITED(child));
	ret->code = WEXITSTATUS(child);
	(void)lseek(out, 0, SEEK_SET);
	(void)lseek(err, 0, SEEK_SET);
	read_all(out, ret->out, sizeof(ret->out));
	read_all(err, ret->err, sizeof(ret->err));
}

void expect(const struct run *r, int code, const char *out, const char *err)
{
	if (r->code != code || !strstr(r->out, out) || !strstr(r->err, err))
		fail_msg("exit code %d, want %d; '%s' and '%s' in:\n%s%s", r->code, code, out, err,
			 r->out, r->err);
}

void expect_row(const struct run *r, const char *label, const char *value)
{
	const char *line = r->out;
	size_t n = strlen(label);

	for (; line; line = strchr(line, '\n')) {
		const char *p = line + strspn(line, "\n ");

		line += *line == '\n';
		if (strncmp(p, label, n) != 0 || p[n] != ' ')
			continue;
		p += n + strspn(p + n, " ");
		if (strncmp(p, value, strlen(value)) == 0 && p[strlen(value)] == '\n')
			return;
	}
	fail_msg("no line '%s %s' in:\n%s%s", label, value, r->out, r->err);
}

struct json_object *json_of(const struct run *r)
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *o;

	json_tokener_set_flags(tok, JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tok, r->out, (int)strlen(r->out) + 1);
	json_tokener_free(tok);
	if (!o)
		fail_msg("no JSON: %s%s", r->out, r->err);
	return o;
}

void assert_tame(const char *text)
{
	for (; *text; text++)
		assert_true((unsigned char)*text >= ' ' || *text == '\n');
}
