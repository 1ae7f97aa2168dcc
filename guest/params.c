// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * params.c - the module's parameters
 *
 * Layer: guest.
 * In:    modprobe, /sys/module/ballonet/parameters.
 * Out:   checked values: outside of its bounds a parameter is refused, and the log says so.
 */
#include "params.h"

#include <linux/module.h>
#include <linux/shrinker.h>

#include "ballonet/virtio_balloon.h"

enum params_choice { RELIEF_AUTO, RELIEF_NONE, RELIEF_OOM, RELIEF_PRESSURE, RELIEF_BOTH };

static const char *const params_relief_names[] = { "auto", "none", "oom", "pressure",
						   "oom,pressure" };
static enum params_choice params_deflate_on;

static int params_relief_set(const char *text, const struct kernel_param *kp)
{
	int i;

	if (sysfs_streq(text, "pressure,oom"))
		text = params_relief_names[RELIEF_BOTH];
	i = sysfs_match_string(params_relief_names, text);
	if (i < 0) {
		pr_err("ballonet: deflate_on=%s: wants auto, none, oom, pressure or oom,pressure\n",
		       text);
		return -EINVAL;
	}
	params_deflate_on = i;
	return 0;
}

static int params_relief_get(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%s\n", params_relief_names[params_deflate_on]);
}

static const struct kernel_param_ops params_relief_ops = {
	.set = params_relief_set,
	.get = params_relief_get,
};
module_param_cb(deflate_on, &params_relief_ops, NULL, 0444);
MODULE_PARM_DESC(deflate_on, "when to give back: oom, pressure, oom,pressure, none or auto");

/* A number with bounds. */
struct params_number {
	unsigned int value, least, most;
	bool (*refuses)(unsigned int value); /* within the bounds; NULL: none */
};

static int params_number_set(const char *text, const struct kernel_param *kp)
{
	struct params_number *number = kp->arg;
	unsigned int value;
	int err = kstrtouint(text, 0, &value);

	if (!err && (value < number->least || value > number->most))
		err = -ERANGE;
	if (!err && number->refuses && number->refuses(value))
		err = -EINVAL;
	if (err) {
		pr_err("ballonet: %s=%s: wants a number from %u to %u%s\n", kp->name, text,
		       number->least, number->most,
		       err == -EINVAL && number->refuses ? " that is not taken" : "");
		return err;
	}
	WRITE_ONCE(number->value, value);
	return 0;
}

static int params_number_get(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%u\n", ((struct params_number *)kp->arg)->value);
}

static const struct kernel_param_ops params_number_ops = {
	.set = params_number_set,
	.get = params_number_get,
};

#define PARAMS_NUMBER(name, start, low, high, refuses, mode, text)                          \
	static struct params_number params_##name##_number = { start, low, high, refuses }; \
	module_param_cb(name, &params_number_ops, &params_##name##_number, mode);           \
	MODULE_PARM_DESC(name, text);                                                       \
	unsigned int params_##name(void)                                                    \
	{                                                                                   \
		return READ_ONCE(params_##name##_number.value);                             \
	}

/* so much that even a stuck inflate leaves room to log in; more is no more a reserve */
PARAMS_NUMBER(reserve_mib, 0, 0, 1U << 20, NULL, 0644,
	      "MiB that an inflate or a press leaves available (default 0: by the size of memory)")
PARAMS_NUMBER(holdoff_ms, 10000, 0, 3600000, NULL, 0644,
	      "ms without an inflate after the guest was short (default 10000)")
PARAMS_NUMBER(retry_ms, 1000, 10, 3600000, NULL, 0644,
	      "ms until an inflate that could not be fulfilled is tried again (default 1000)")
PARAMS_NUMBER(seeks, DEFAULT_SEEKS, 1, 1024, NULL, 0444,
	      "how dear a ballooned page is to the shrinker: 2 (default) as cache, 64 nearly stays")
PARAMS_NUMBER(buffer_pfns, 0, 0, BALLOON_BIG_BUFFER_PFNS, NULL, 0444,
	      "page numbers in a buffer (default 0: 4096 where the device takes it, or 256)")

/* Bits of the transports, now or later, and those that mean something else to this driver. */
static bool params_bit_is_taken(unsigned int bit)
{
	return (bit > 23 && bit < 50) || bit == BALLOON_F_PRESS || bit == BALLOON_F_BIG_BUFFERS;
}
PARAMS_NUMBER(pressure_bit, BALLOON_F_DEFLATE_ON_PRESSURE, 6, 63, params_bit_is_taken, 0444,
	      "feature bit of DEFLATE_ON_PRESSURE (default 50)")

PARAMS_NUMBER(all_stats, 0, 0, 1, NULL, 0444,
	      "1 sends statistics 10 to 15 where the kernel's own driver does not (default 0)")

bool params_relief(bool *ret_on_oom, bool *ret_on_pressure)
{
	if (params_deflate_on == RELIEF_AUTO)
		return false;
	*ret_on_oom = params_deflate_on == RELIEF_OOM || params_deflate_on == RELIEF_BOTH;
	*ret_on_pressure = params_deflate_on == RELIEF_PRESSURE || params_deflate_on == RELIEF_BOTH;
	return true;
}
