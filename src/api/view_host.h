/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view_host.h - the host and the daemon as a JSON object of the control API
 *
 * Layer: api.
 * In:    the fleet, the host's facts, the arbiter's decision, the daemon's figures.
 * Out:   JSON. An unknown figure is null, never 0.
 *
 * Scripts rely on its words and keys: docs/control-api.md.
 */
#ifndef BALLONET_API_VIEW_HOST_H
#define BALLONET_API_VIEW_HOST_H

#include "api/owner.h"

#include <json-c/json.h>
#include <stdint.h>

/* NULL: out of memory. */
struct json_object *view_host(const struct control_view *v, uint64_t now_us);

#endif
