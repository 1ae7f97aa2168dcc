/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * params.h - the module's parameters
 *
 * Layer: guest.
 * In:    modprobe, /sys/module/ballonet/parameters.
 * Out:   checked values.
 */
#ifndef BALLONET_PARAMS_H
#define BALLONET_PARAMS_H

#include <linux/types.h>

/* When to give back, if the user has chosen; false leaves it to what the device offers. */
bool params_relief(bool *ret_on_oom, bool *ret_on_pressure);
/* The user's reserve in MiB; 0: by the size of memory. */
unsigned int params_reserve_mib(void);
unsigned int params_holdoff_ms(void);
unsigned int params_retry_ms(void);
unsigned int params_seeks(void);
/* Page numbers in a buffer; 0: by what the device takes. */
unsigned int params_buffer_pfns(void);
unsigned int params_pressure_bit(void);
unsigned int params_all_stats(void);

#endif
