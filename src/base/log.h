/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h - one event, one line of key=value; to standard error or to the journal
 *
 * Layer: base.
 * In:    a level and an event: "event key=value key=value", formatted as by printf(3).
 * Out:   a line on standard error; where that is the journal, an entry with its fields.
 */
#ifndef BALLONET_BASE_LOG_H
#define BALLONET_BASE_LOG_H

struct iovec;

enum log_level {
	LOG_LEVEL_ERROR = 3, /* the numbers of syslog(3) */
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* Lines above this level are dropped; LOG_LEVEL_INFO until told otherwise. */
void log_set_level(enum log_level level);

/*
 * @send, sd_journal_sendv(3), takes events as fields wherever standard error is the journal:
 * MESSAGE, PRIORITY, BALLONET_EVENT, and BALLONET_KEY for each key. Without it the journal gets
 * the line, with its level in front as sd-daemon(3) has it.
 */
void log_set_journal(int (*send)(const struct iovec *fields, int n));

/*
 * Writes one event. A key is of small letters, digits and '_' and stands in @fmt itself; whatever
 * is formatted can be part of a value, but never a key: a value with a blank, a quote, a backslash
 * or a '=' is put into quotes. Control characters become blanks, what is no UTF-8 becomes '?'.
 */
void log_event(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_event(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_event(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_event(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_event(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
