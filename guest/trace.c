// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * trace.c - the tracepoints' own code
 *
 * Layer: guest.
 * In:    trace.h.
 * Out:   what its macros make of it.
 */
#define CREATE_TRACE_POINTS
#include "trace.h"
