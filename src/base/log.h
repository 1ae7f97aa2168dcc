/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h - one line, one event, key=value, to standard error
 *
 * Layer: base.
 * In:    a level and a formatted event: "event key=value key=value".
 * Out:   a line on standard error, with the "<N>" prefix that journald reads.
 *
 * The prefix is written only when standard error is not a terminal.
 */
#ifndef BALLONET_BASE_LOG_H
#define BALLONET_BASE_LOG_H

enum log_level {
	LOG_LEVEL_ERROR = 3, /* the numbers of syslog(3) */
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* Lines above this level are dropped; LOG_LEVEL_INFO until told otherwise. */
void log_set_level(enum log_level level);

/*
 * Writes one event. Conversions are %s, %.Ns, %d, %u, %zu, %llu and %llx; an event ends at any
 * other. In a %s '"' and '\\' are escaped by a '\\', and where it is a value ("key=%s") with a
 * blank, a quote or a '=' in it, quotes are put around it. Control characters are replaced by
 * spaces.
 */
void log_event(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_event(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_event(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_event(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_event(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
