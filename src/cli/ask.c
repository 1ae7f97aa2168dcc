/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ask.c - asking the daemon, and saying in one sentence what went wrong
 *
 * Layer: cli.
 * In:    a request.
 * Out:   a JSON object, or a sentence and an exit code.
 *
 * Anything may be listening on the socket: only a JSON object counts as an answer.
 */
#include "cli/cli.h"

#include "base/buf.h"
#include "cli/output.h"
#include "client/client.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int cli_fail(int code, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)fputs("ballonet: ", stderr);
	out_text(stderr, text);
	(void)fputc('\n', stderr);
	return code;
}

/* Writes the sentence of a failure to @why; returns @code. */
static int __attribute__((format(printf, 3, 4)))
failed(struct cli_why *why, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return code;
}

static int fail_request(const struct cli *cli, int r, struct cli_why *why)
{
	switch (r) {
	case -ENOENT:
		return failed(why, EXIT_NO_DAEMON,
			      "ballonetd is not running (no socket at %s). Start it with "
			      "'systemctl start ballonetd', or as root 'ballonetd'.",
			      cli->socket);
	case -ECONNREFUSED:
		return failed(why, EXIT_NO_DAEMON,
			      "ballonetd is not running (nobody listens on %s). Start it with "
			      "'systemctl start ballonetd', or as root 'ballonetd'.",
			      cli->socket);
	case -EACCES:
	case -EPERM:
		return failed(why, EXIT_NO_DAEMON,
			      "no permission to use %s. Run it as root, or let a group use it: "
			      "control_group in ballonet.yaml(5).",
			      cli->socket);
	case -EAGAIN:
		return failed(why, EXIT_NO_DAEMON, "ballonetd is busy: too many connections (%s).",
			      cli->socket);
	case -ETIMEDOUT:
		return failed(why, EXIT_NO_DAEMON, "ballonetd did not answer within %d s (%s).",
			      CLIENT_TIMEOUT_MS / 1000, cli->socket);
	case -EMSGSIZE:
		return failed(why, EXIT_BAD_REPLY, "the answer from %s is too long.", cli->socket);
	case -EPROTO:
		return failed(why, EXIT_BAD_REPLY, "what listens on %s is not ballonetd.",
			      cli->socket);
	default:
		return failed(why, EXIT_NO_DAEMON, "ballonetd cannot be asked (%s): %s.",
			      cli->socket, strerror(-r));
	}
}

/* The JSON in @reply, or NULL where it is none. */
static struct json_object *parse(const struct buf *reply)
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *o = NULL;

	if (!tok || reply->len >= INT_MAX) {
		json_tokener_free(tok);
		return NULL;
	}
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* with its NUL, so that a number at the end is known to end */
	o = json_tokener_parse_ex(tok, reply->len ? reply->data : "", (int)reply->len + 1);
	json_tokener_free(tok);
	return o;
}

/* What a daemon that refuses means by its HTTP status; @not_found is what 404 means. */
static int code_of(long status, int not_found)
{
	if (status == 400) /* it makes no sense, such as a setting that does not exist */
		return EXIT_USAGE;
	return status == 404 ? not_found : EXIT_REFUSED;
}

/*
 * Judges a reply that came: *ret is @o where it is what was asked for, else @o
 * is put and @why says why not. @not_found is what 404 means.
 */
static int judge(const struct cli *cli, long status, struct json_object *o, int not_found,
		 struct json_object **ret, struct cli_why *why)
{
	struct json_object *error = NULL;
	int code;

	if (json_object_is_type(o, json_type_object) && status >= 200 && status < 300) {
		*ret = o;
		return EXIT_OK;
	}
	if (json_object_is_type(o, json_type_object))
		(void)json_object_object_get_ex(o, "error", &error);
	if (!json_object_is_type(error, json_type_string))
		code = failed(why, EXIT_BAD_REPLY, "what listens on %s is not ballonetd.",
			      cli->socket);
	else
		code = failed(why, code_of(status, not_found), "%s", json_object_get_string(error));
	json_object_put(o);
	return code;
}

int cli_try(const struct cli *cli, const char *method, const char *path, const char *body,
	    int not_found, struct json_object **ret, struct cli_why *why)
{
	struct buf reply;
	long status;
	int r;

	buf_init(&reply, CLIENT_REPLY_MAX);
	r = client_request(cli->socket, method, path, body, &status, &reply);
	r = r < 0 ? fail_request(cli, r, why)
		  : judge(cli, status, parse(&reply), not_found, ret, why);
	buf_fini(&reply);
	return r;
}

int cli_ask(const struct cli *cli, const char *method, const char *path, const char *body,
	    struct json_object **ret)
{
	struct cli_why why = { .text = "" };
	int code = cli_try(cli, method, path, body, EXIT_BAD_REPLY, ret, &why);

	return code == EXIT_OK ? code : cli_fail(code, "%s", why.text);
}

int cli_try_vm(const struct cli *cli, const char *method, const char *name, const char *tail,
	       const char *body, struct json_object **ret, struct cli_why *why)
{
	struct buf path;
	int r;

	buf_init(&path, 16 * 1024);
	r = buf_printf(&path, "/v1/vms/");
	if (r == 0)
		r = client_add_segment(&path, name);
	if (r == 0)
		r = buf_printf(&path, "%s", tail);
	r = r < 0 ? failed(why, EXIT_NO_VM, "There is no VM with such a long name.")
		  : cli_try(cli, method, path.data, body, EXIT_NO_VM, ret, why);
	buf_fini(&path);
	return r;
}

int cli_ask_vm(const struct cli *cli, const char *method, const char *name, const char *tail,
	       const char *body, struct json_object **ret)
{
	struct cli_why why = { .text = "" };
	int code = cli_try_vm(cli, method, name, tail, body, ret, &why);

	return code == EXIT_OK ? code : cli_fail(code, "%s", why.text);
}

int cli_print_json(struct json_object *o)
{
	const char *text = json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text)
		return cli_fail(EXIT_BAD_REPLY, "out of memory.");
	(void)puts(text);
	return EXIT_OK;
}
