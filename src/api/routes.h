/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * routes.h - the paths of the control API, and who handles each
 *
 * Layer: api.
 * In:    a request, parsed by control.c.
 * Out:   a status, and JSON or text; requests of operators, through control_ops.
 */
#ifndef BALLONET_API_ROUTES_H
#define BALLONET_API_ROUTES_H

#include "api/api.h"

/* Fills in *ret, which the caller gives to api_answer_fini(). */
void routes_respond(const struct api *api, const struct api_request *req, struct api_answer *ret);

#endif
