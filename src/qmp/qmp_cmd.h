/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp_cmd.h - the commands that QEMU is sent
 *
 * Layer: qmp.
 * In:    a command and its arguments.
 * Out:   its line of text; its name for messages.
 *
 * No command carries an id. QMP without out-of-band answers in the order of the
 * commands, so a queue (qmp.h) tells which one an answer belongs to.
 */
#ifndef BALLONET_QMP_QMP_CMD_H
#define BALLONET_QMP_QMP_CMD_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

enum qmp_cmd {
	QMP_CAPABILITIES,
	QMP_STATUS,
	QMP_NAME,
	QMP_CPUS,	  /* qmp_cpus_parse(); since QEMU 2.12 */
	QMP_UUID,	  /* qmp_uuid_parse() */
	QMP_LIST,	  /* devices with an id */
	QMP_LIST_ANON,	  /* devices without one */
	QMP_MEMORY,	  /* qmp_memory_parse(); since QEMU 2.11 */
	QMP_ACTUAL,	  /* qmp_actual_parse() */
	QMP_REPORTING,	  /* free page reporting, a boolean; since QEMU 5.1 */
	QMP_GET_INTERVAL, /* the polling interval in seconds */
	QMP_SET_INTERVAL, /* qmp_cmd_add_interval() */
	QMP_STATS,	  /* qmp_stats_parse() */
	QMP_TARGET,	  /* qmp_cmd_add_target() */
	QMP_CMD_COUNT,
};

/* QEMU cuts a target down to the memory there is, hot-plugged memory included. */
#define QMP_TARGET_ALL ((uint64_t)INT64_MAX)

/* A command in a message, such as "qom-get guest-stats". */
const char *qmp_cmd_name(enum qmp_cmd cmd);

/* The folder that QMP_LIST or QMP_LIST_ANON lists. */
const char *qmp_cmd_folder(enum qmp_cmd cmd);

/* These append a command's line to @out, whole or not at all. 0, or as buf_add(). */
int qmp_cmd_add(struct buf *out, enum qmp_cmd cmd);
int qmp_cmd_add_get(struct buf *out, enum qmp_cmd cmd, const char *path); /* @path: JSON text */
int qmp_cmd_add_interval(struct buf *out, const char *arguments);	  /* qmp_cmd_interval() */
int qmp_cmd_add_target(struct buf *out, uint64_t target_b);

/*
 * Writes the arguments of QMP_SET_INTERVAL; @path is the device's path as JSON
 * text. 0, or -EMSGSIZE where @size is too small; @text is then "".
 */
int qmp_cmd_interval(const char *path, uint64_t interval_s, char *text, size_t size);

#endif
