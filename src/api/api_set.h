/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * api_set.h - settings of a VM that are changed at run time
 *
 * Layer: api.
 * In:    PATCH of a VM: a JSON object of settings.
 * Out:   a change that is valid as a whole, through control_ops; or what is wrong with it.
 */
#ifndef BALLONET_API_API_SET_H
#define BALLONET_API_API_SET_H

#include "api/api.h"

api_handler api_patch_vm;

#endif
