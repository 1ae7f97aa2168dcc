/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * client.c - one request to the daemon's control API
 *
 * Layer: client.
 * In:    the path of the control socket, a method, a path, maybe a body.
 * Out:   the status and body of the reply.
 *
 * libcurl says "could not connect" for everything that may be wrong with a unix
 * socket. The errno that it keeps tells which.
 */
#include "client/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

/* A socket whose queue is full is tried again after this. */
#define CONNECT_AGAIN_MS 200

/* Where the reply goes. */
struct sink {
	struct buf *to;
	int error;
};

static size_t on_data(char *data, size_t size, size_t n, void *userdata)
{
	struct sink *sink = userdata;

	sink->error = buf_add(sink->to, data, size * n);
	return sink->error < 0 ? 0 : size * n;
}

static int error_of(CURL *curl, CURLcode code, const struct sink *sink)
{
	long os_error = 0;

	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_COULDNT_CONNECT:
		(void)curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_error);
		/* it takes EAGAIN for a beginning, and is then left with no error at all */
		return os_error > 0 ? -(int)os_error : -EAGAIN;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_WRITE_ERROR:
		return sink->error < 0 ? sink->error : -EPROTO;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	default:
		return -EPROTO;
	}
}

/* Sets the options one by one; true once one of them was refused. */
static bool set_options(CURL *curl, const char *socket, const char *method, const char *url,
			const char *body, struct curl_slist *headers, struct sink *sink)
{
	CURLcode bad = CURLE_OK;

#define SET(option, value) \
	(bad = bad == CURLE_OK ? curl_easy_setopt(curl, CURLOPT_##option, value) : bad)
	SET(UNIX_SOCKET_PATH, socket);
	SET(URL, url);
	SET(PATH_AS_IS, 1L);
	SET(PROXY, ""); /* whatever the environment says */
	SET(NOSIGNAL, 1L);
	SET(TIMEOUT_MS, (long)CLIENT_TIMEOUT_MS);
	SET(HTTPHEADER, headers);
	SET(WRITEFUNCTION, on_data);
	SET(WRITEDATA, sink);
	if (body || strcmp(method, "POST") == 0)
		SET(POSTFIELDS, body ? body : "");
	SET(CUSTOMREQUEST, method);
#undef SET
	return bad != CURLE_OK;
}

static int perform(CURL *curl, const char *socket, const char *method, const char *url,
		   const char *body, long *ret_status, struct buf *reply)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	struct sink sink = { .to = reply };
	long status = 0;
	int r;

	if (!headers)
		return -ENOMEM;
	buf_clear(reply);
	if (set_options(curl, socket, method, url, body, headers, &sink))
		r = -ENOMEM;
	else
		r = error_of(curl, curl_easy_perform(curl), &sink);
	curl_slist_free_all(headers);
	if (r < 0)
		return r;
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	*ret_status = status;
	return 0;
}

static void nap(void)
{
	const struct timespec time = { .tv_nsec = (long)CONNECT_AGAIN_MS * 1000 * 1000 };

	(void)nanosleep(&time, NULL);
}

int client_request(const char *socket, const char *method, const char *path, const char *body,
		   long *ret_status, struct buf *reply)
{
	int r, waited_ms = 0;
	struct buf url;
	CURL *curl;

	if (strlen(socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return -ENAMETOOLONG;
	buf_init(&url, 64 * 1024);
	r = buf_printf(&url, "http://ballonet%s", path);
	curl = r == 0 ? curl_easy_init() : NULL;
	if (r == 0)
		r = curl ? perform(curl, socket, method, url.data, body, ret_status, reply)
			 : -ENOMEM;
	for (; r == -EAGAIN && waited_ms < CLIENT_CONNECT_MS; waited_ms += CONNECT_AGAIN_MS) {
		nap();
		r = perform(curl, socket, method, url.data, body, ret_status, reply);
	}
	curl_easy_cleanup(curl);
	buf_fini(&url);
	return r;
}

int client_add_segment(struct buf *path, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";
	int r = 0;

	for (; r == 0 && *text; text++)
		r = strchr(plain, *text)
			    ? buf_add(path, text, 1)
			    : buf_printf(path, "%%%02X", (unsigned int)(unsigned char)*text);
	return r;
}
