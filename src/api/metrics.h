/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics.h - what the daemon knows, as Prometheus text
 *
 * Layer: api.
 * In:    the fleet, the host's facts, the daemon's figures.
 * Out:   the text exposition format, version 0.0.4.
 *
 * An unknown figure has no sample: a gap in a graph is honest, a zero is not.
 */
#ifndef BALLONET_API_METRICS_H
#define BALLONET_API_METRICS_H

#include "base/buf.h"
#include "api/owner.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Appends all metrics to @out. 0, -EMSGSIZE or -ENOMEM. */
int metrics_write(const struct control_view *v, struct buf *out);

#endif
