// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * show.c - what the balloon is and has done, for people
 *
 * Layer: guest.
 * In:    struct ballonet.
 * Out:   debugfs ballonet/DEVICE; sysfs "press".
 */
#include "show.h"

#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "available.h"
#include "balloon.h"
#include "device.h"
#include "press.h"
#include "watch.h"

static const char *const show_directions[] = {
	[IDLE] = "idle", [INFLATING] = "inflating", [DEFLATING] = "deflating"
};

static const char *const show_endings[END_COUNT] = {
	[END_DONE] = "done", [END_RESERVE] = "reserve", [END_NO_PAGES] = "no_pages",
	[END_SWAP] = "swap", [END_OOM] = "oom",		[END_DEVICE] = "device",
	[END_STOP] = "stop",
};

static const struct {
	const char *name;
	size_t offset;
} show_counters[] = {
#define ROW(field)                                       \
	{                                                \
#field, offsetof(struct counters, field) \
	}
	ROW(inflates),	      ROW(deflates),	   ROW(inflated_pages),	  ROW(deflated_pages),
	ROW(allocated_pages), ROW(migrated_pages), ROW(oom_calls),	  ROW(oom_pages),
	ROW(pressure_calls),  ROW(pressure_pages), ROW(pressure_refused), ROW(presses),
	ROW(pressed_pages),   ROW(last_press_us),  ROW(reported_pages),	  ROW(hinted_pages),
	ROW(stats_sent),
#undef ROW
};

static struct dentry *show_folder;

static bool show_stuck(const struct ballonet *b)
{
	unsigned int i;

	for (i = 0; i < QUEUE_COUNT; i++)
		if (device_is_stuck(&b->queues[i]))
			return true;
	return false;
}

static int show_balloon_show(struct seq_file *m, void *unused)
{
	struct ballonet *b = m->private;
	unsigned int i;

	seq_printf(m, "state: %s\n", show_directions[READ_ONCE(b->balloon.dir)]);
	seq_printf(m, "size_pages: %ld\n", atomic_long_read(&b->balloon.size));
	seq_printf(m, "target_pages: %lu\n",
		   DIV_ROUND_UP((unsigned long)b->balloon.target, PFNS_PER_PAGE));
	seq_printf(m, "available_pages: %lu\n", available_counted(b));
	seq_printf(m, "reserve_pages: %lu\n", watch_reserve_pages(b));
	seq_printf(m, "deflate_on_oom: %d\n", b->relief.on_oom);
	seq_printf(m, "deflate_on_pressure: %d\n", b->relief.on_pressure);
	seq_printf(m, "must_tell_host: %d\n", b->balloon.must_tell);
	seq_printf(m, "reporting: %d\n", b->reporting.registered);
	seq_printf(m, "buffer_pages: %u\n", b->balloon.inflateq.capacity);
	seq_printf(m, "holding_off: %d\n", balloon_held_off(b) != 0);
	seq_printf(m, "stuck: %d\n", show_stuck(b));
	for (i = 0; i < ARRAY_SIZE(show_counters); i++)
		seq_printf(m, "%s: %llu\n", show_counters[i].name,
			   *(u64 *)((char *)&b->counters + show_counters[i].offset));
	for (i = 0; i < END_COUNT; i++)
		seq_printf(m, "ended_%s: %llu\n", show_endings[i], b->counters.endings[i]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(show_balloon);

/* Digits and a suffix; memparse() does not tell of a number that is longer than it can hold. */
#define SIZE_TEXT_MAX 18

/* "press": write a size such as 512M. Returns when the device has seen the pages. */
static ssize_t press_store(struct device *dev, struct device_attribute *attr, const char *text,
			   size_t len)
{
	struct ballonet *b = dev_to_virtio(dev)->priv;
	unsigned long long size;
	long pressed;
	char *end;

	if (!b || !device_is_ready(b))
		return -ENODEV;
	size = memparse(text, &end);
	if (end == text || end - text > SIZE_TEXT_MAX || (*end && *end != '\n') ||
	    size < PAGE_SIZE) {
		dev_err(dev, "press: wants a size such as 512M\n");
		return -EINVAL;
	}
	pressed = press_by_hand(b, min_t(unsigned long long, size >> PAGE_SHIFT, LONG_MAX));
	return pressed < 0 ? pressed : len;
}

static ssize_t press_show(struct device *dev, struct device_attribute *attr, char *text)
{
	struct ballonet *b = dev_to_virtio(dev)->priv;

	if (!b)
		return -ENODEV;
	return sysfs_emit(text, "presses %llu pages %llu last_us %llu\n", b->counters.presses,
			  b->counters.pressed_pages, b->counters.last_press_us);
}
static DEVICE_ATTR_RW(press);

static struct attribute *show_attributes[] = { &dev_attr_press.attr, NULL };
static const struct attribute_group show_group = { .attrs = show_attributes };
const struct attribute_group *show_groups[] = { &show_group, NULL };

void show_init(void)
{
	show_folder = debugfs_create_dir("ballonet", NULL);
}

void show_exit(void)
{
	debugfs_remove_recursive(show_folder);
}

void show_add(struct ballonet *b)
{
	b->debugfs = debugfs_create_file(dev_name(&b->vdev->dev), 0444, show_folder, b,
					 &show_balloon_fops);
}

void show_remove(struct ballonet *b)
{
	debugfs_remove(b->debugfs);
}
