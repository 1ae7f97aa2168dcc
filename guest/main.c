// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main.c - the driver: its parameters, and the life of a device from probe to remove
 *
 * Layer: guest.
 * In:    a virtio device of type 5.
 * Out:   struct ballonet, started and stopped.
 *
 * Stopping takes a device that answers and one that never will. The first gets its pages back one
 * by one; the second is reset, after which it can touch no page any more, and then they are freed.
 */
#include "ballonet.h"

#include <linux/dmi.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>

#define CREATE_TRACE_POINTS
#include "trace.h"

/* -------------------------------------------------------------- parameters */

enum relief { RELIEF_AUTO, RELIEF_NONE, RELIEF_OOM, RELIEF_PRESSURE, RELIEF_BOTH };

static const char *const relief_names[] = { "auto", "none", "oom", "pressure", "oom,pressure" };
static unsigned int relief;

static int set_relief(const char *text, const struct kernel_param *kp)
{
	int i;

	if (sysfs_streq(text, "pressure,oom"))
		text = relief_names[RELIEF_BOTH];
	i = sysfs_match_string(relief_names, text);
	if (i < 0) {
		pr_err("ballonet: deflate_on=%s: wants auto, none, oom, pressure or oom,pressure\n",
		       text);
		return -EINVAL;
	}
	relief = i;
	return 0;
}

static int get_relief(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%s\n", relief_names[relief]);
}

static const struct kernel_param_ops relief_ops = { .set = set_relief, .get = get_relief };
module_param_cb(deflate_on, &relief_ops, NULL, 0444);
MODULE_PARM_DESC(deflate_on, "when to give back: oom, pressure, oom,pressure, none or auto");

/* A number with bounds: outside of them the module does not load, and says so. */
struct bounded {
	unsigned int value, least, most;
	bool (*refuses)(unsigned int value); /* within the bounds; NULL: none */
};

static int set_bounded(const char *text, const struct kernel_param *kp)
{
	struct bounded *bounded = kp->arg;
	unsigned int value;
	int err = kstrtouint(text, 0, &value);

	if (!err && (value < bounded->least || value > bounded->most))
		err = -ERANGE;
	if (!err && bounded->refuses && bounded->refuses(value))
		err = -EINVAL;
	if (err) {
		pr_err("ballonet: %s=%s: wants a number from %u to %u%s\n", kp->name, text,
		       bounded->least, bounded->most,
		       err == -EINVAL && bounded->refuses ? " that is not taken" : "");
		return err;
	}
	WRITE_ONCE(bounded->value, value);
	return 0;
}

static int get_bounded(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%u\n", ((struct bounded *)kp->arg)->value);
}

static const struct kernel_param_ops bounded_ops = { .set = set_bounded, .get = get_bounded };

#define BOUNDED(name, start, low, high, refuses, mode, text)        \
	static struct bounded name = { start, low, high, refuses }; \
	module_param_cb(name, &bounded_ops, &name, mode);           \
	MODULE_PARM_DESC(name, text)

/* so much that even a stuck inflate leaves room to log in; more is no more a reserve */
BOUNDED(reserve_mib, 0, 0, 1U << 20, NULL, 0644,
	"MiB that an inflate or a press leaves available (default 0: by the size of memory)");
BOUNDED(holdoff_ms, 10000, 0, 3600000, NULL, 0644,
	"ms without an inflate after the guest was short (default 10000)");
BOUNDED(retry_ms, 1000, 10, 3600000, NULL, 0644,
	"ms until an inflate that could not be fulfilled is tried again (default 1000)");
BOUNDED(seeks, DEFAULT_SEEKS, 1, 1024, NULL, 0444,
	"how dear a ballooned page is to the shrinker: 2 (default) goes as cache, 64 nearly stays");
BOUNDED(buffer_pfns, 0, 0, BALLOON_BIG_BUFFER_PFNS, NULL, 0444,
	"page numbers in a buffer (default 0: 4096 where the device is known to take it, or 256)");

/* Bits of the transports, and those that mean something else to this driver. */
static bool bit_is_taken(unsigned int bit)
{
	return (bit > 23 && bit < 50 && bit != 41 && bit != 42) || bit == BALLOON_F_PRESS ||
	       bit == BALLOON_F_BIG_BUFFERS;
}
BOUNDED(pressure_bit, BALLOON_F_DEFLATE_ON_PRESSURE, 6, 63, bit_is_taken, 0444,
	"feature bit of DEFLATE_ON_PRESSURE (default 50)");

static bool one_direction = true;
module_param(one_direction, bool, 0644);
MODULE_PARM_DESC(one_direction, "for tests only: N does as Linux 4.19 to 5.6 did");

unsigned int ballonet_holdoff_ms(void)
{
	return READ_ONCE(holdoff_ms.value);
}

unsigned int ballonet_retry_ms(void)
{
	return READ_ONCE(retry_ms.value);
}

int ballonet_seeks(void)
{
	return seeks.value;
}

bool ballonet_one_direction(void)
{
	return READ_ONCE(one_direction);
}

unsigned long ballonet_reserve_pages(struct ballonet *b)
{
	unsigned long own = READ_ONCE(reserve_mib.value), total = totalram_pages();

	if (b->managed_shrinks)
		total += atomic_long_read(&b->size);
	if (own)
		return own * MIB_PAGES;
	return min(max(64 * MIB_PAGES, total / 32), total / 4);
}

/* ----------------------------------------------------------- configuration */

/* How much configuration space a modern PCI device says it has: its transport treats a read past
 * the end as a bug of the driver. Others are not asked.
 */
static unsigned int config_len(struct virtio_device *vdev)
{
	struct pci_dev *pci;
	u8 type;
	u32 len;
	int at;

	if (!virtio_has_feature(vdev, VIRTIO_F_VERSION_1) || !vdev->dev.parent ||
	    !dev_is_pci(vdev->dev.parent))
		return BALLOON_CONFIG_SIZE;
	pci = to_pci_dev(vdev->dev.parent);
	for (at = pci_find_capability(pci, PCI_CAP_ID_VNDR); at > 0;
	     at = pci_find_next_capability(pci, at, PCI_CAP_ID_VNDR)) {
		pci_read_config_byte(pci, at + offsetof(struct virtio_pci_cap, cfg_type), &type);
		if (type != VIRTIO_PCI_CAP_DEVICE_CFG)
			continue;
		pci_read_config_dword(pci, at + offsetof(struct virtio_pci_cap, length), &len);
		return len;
	}
	return 0;
}

u32 ballonet_config_read(struct ballonet *b, unsigned int offset)
{
	__le32 value = 0;

	virtio_cread_bytes(b->vdev, offset, &value, sizeof(value));
	return le32_to_cpu(value);
}

void ballonet_config_write(struct ballonet *b, unsigned int offset, u32 number)
{
	__le32 value = cpu_to_le32(number);

	b->vdev->config->set(b->vdev, offset, &value, sizeof(value));
}

/* Fields that a feature brings. The first two are always there. */
static const struct {
	unsigned int feature, end;
} config_needs[] = {
	{ BALLOON_F_FREE_PAGE_HINT, BALLOON_CONFIG_HINT_CMD_ID + 4 },
	{ BALLOON_F_PAGE_POISON, BALLOON_CONFIG_POISON_VAL + 4 },
	{ BALLOON_F_PRESS, BALLOON_CONFIG_SIZE },
};

static int validate(struct virtio_device *vdev)
{
	unsigned int len = config_len(vdev), i;
	u32 pattern;

	if (!vdev->config->get || len < BALLOON_CONFIG_ACTUAL + 4) {
		dev_err(&vdev->dev, "configuration space of %u bytes, need 8: not driven\n", len);
		return -EINVAL;
	}
	/* page numbers are the guest's own addresses, whatever an IOMMU makes of others */
	__virtio_clear_bit(vdev, VIRTIO_F_ACCESS_PLATFORM);
	if (!compat_free_pages_have_pattern(&pattern))
		__virtio_clear_bit(vdev, BALLOON_F_PAGE_POISON);
	else if (!virtio_has_feature(vdev, BALLOON_F_PAGE_POISON))
		__virtio_clear_bit(vdev, BALLOON_F_REPORTING); /* it would lose the pattern */
	for (i = 0; i < ARRAY_SIZE(config_needs); i++) {
		if (len >= config_needs[i].end ||
		    !virtio_has_feature(vdev, config_needs[i].feature))
			continue;
		dev_warn(&vdev->dev, "configuration space of %u bytes: feature %u not used\n", len,
			 config_needs[i].feature);
		__virtio_clear_bit(vdev, config_needs[i].feature);
		if (config_needs[i].feature == BALLOON_F_PAGE_POISON)
			__virtio_clear_bit(vdev, BALLOON_F_REPORTING);
	}
	return 0;
}

/* ------------------------------------------------------------------ queues */

static void on_inflate_ack(struct virtqueue *vq)
{
	pfnq_callback(&((struct ballonet *)vq->vdev->priv)->inflateq);
}

static void on_deflate_ack(struct virtqueue *vq)
{
	pfnq_callback(&((struct ballonet *)vq->vdev->priv)->deflateq);
}

static void on_stats_request(struct virtqueue *vq)
{
	struct ballonet *b = vq->vdev->priv;

	if (READ_ONCE(b->ready))
		queue_work(b->wq, &b->stats_work);
}

static void on_hint_ack(struct virtqueue *vq)
{
	wake_up_all(&((struct ballonet *)vq->vdev->priv)->hint_ack);
}

static void on_report_ack(struct virtqueue *vq)
{
	wake_up_all(&((struct ballonet *)vq->vdev->priv)->report_ack);
}

/* In the order of the device's; one that it does not have leaves no gap. */
static const struct {
	const char *name;
	vq_callback_t *callback;
	int feature; /* -1: always there */
} queues[COMPAT_MAX_VQS] = {
	{ "inflate", on_inflate_ack, -1 },
	{ "deflate", on_deflate_ack, -1 },
	{ "stats", on_stats_request, BALLOON_F_STATS_VQ },
	{ "hint", on_hint_ack, BALLOON_F_FREE_PAGE_HINT },
	{ "reporting", on_report_ack, BALLOON_F_REPORTING },
};

/* QEMU's device reads a buffer to its end, however long, and always has. */
static bool takes_big_buffers(struct ballonet *b)
{
	return virtio_has_feature(b->vdev, BALLOON_F_BIG_BUFFERS) ||
	       (dmi_match(DMI_SYS_VENDOR, "QEMU") && b->vdev->dev.parent &&
		dev_is_pci(b->vdev->dev.parent));
}

static unsigned int pfns_per_buffer(struct ballonet *b)
{
	unsigned int pfns = buffer_pfns.value;

	if (!pfns)
		pfns = takes_big_buffers(b) ? BALLOON_BIG_BUFFER_PFNS : BALLOON_BUFFER_PFNS;
	return max_t(unsigned int, pfns, PFNS_PER_PAGE);
}

static int find_queues(struct ballonet *b)
{
	struct virtqueue *vqs[COMPAT_MAX_VQS], *found[COMPAT_MAX_VQS] = {};
	vq_callback_t *callbacks[COMPAT_MAX_VQS];
	const char *names[COMPAT_MAX_VQS];
	unsigned int of[COMPAT_MAX_VQS], n = 0, i;
	int err;

	for (i = 0; i < COMPAT_MAX_VQS; i++) {
		if (queues[i].feature >= 0 && !virtio_has_feature(b->vdev, queues[i].feature))
			continue;
		names[n] = queues[i].name;
		callbacks[n] = queues[i].callback;
		of[n++] = i;
	}
	err = compat_find_vqs(b->vdev, n, vqs, callbacks, names);
	if (err)
		return err;
	for (i = 0; i < n; i++)
		found[of[i]] = vqs[i];
	b->statsq = found[2];
	b->hintq = found[3];
	b->reportq = found[4];
	err = pfnq_start(&b->inflateq, found[0], pfns_per_buffer(b));
	return err ?: pfnq_start(&b->deflateq, found[1], pfns_per_buffer(b));
}

/* -------------------------------------------------------------------- life */

void ballonet_reset(struct ballonet *b)
{
	mutex_lock(&b->reset_lock);
	if (!b->gone) {
		compat_reset(b->vdev);
		WRITE_ONCE(b->gone, true);
	}
	mutex_unlock(&b->reset_lock);
	wake_up_all(&b->inflateq.acks);
	wake_up_all(&b->deflateq.acks);
	wake_up_all(&b->report_ack);
	wake_up_all(&b->hint_ack);
}

void ballonet_call_stuck(struct ballonet *b)
{
	if (!xchg(&b->stuck, true)) {
		dev_warn(&b->vdev->dev, "the device has not answered for %u s\n",
			 DEVICE_PATIENCE / HZ);
		relief_recount(b);
		wake_up_all(&b->hand_served);
	}
	if (READ_ONCE(b->stopping))
		ballonet_reset(b);
}

void ballonet_answered(struct ballonet *b)
{
	if (READ_ONCE(b->stuck) && xchg(&b->stuck, false))
		relief_recount(b);
}

static void config_changed(struct virtio_device *vdev)
{
	struct ballonet *b = vdev->priv;

	if (!READ_ONCE(b->ready))
		return;
	WRITE_ONCE(b->retarget, true);
	balloon_kick(b, 0);
	queue_work(b->press_wq, &b->press_work);
	WRITE_ONCE(b->hint_changed, true);
	wake_up_all(&b->hint_ack);
	if (b->hintq)
		queue_work(b->wq, &b->hint_work);
}

static void choose_relief(struct ballonet *b)
{
	b->on_oom = relief == RELIEF_OOM || relief == RELIEF_BOTH;
	b->on_pressure = relief == RELIEF_PRESSURE || relief == RELIEF_BOTH;
	if (relief == RELIEF_AUTO) {
		b->on_oom = virtio_has_feature(b->vdev, BALLOON_F_DEFLATE_ON_OOM);
		b->on_pressure = virtio_has_feature(b->vdev, pressure_bit.value);
	}
	/* a page that comes back by itself is still the guest's memory */
	b->managed_shrinks = !b->on_oom && !b->on_pressure;
#if COMPAT_CORE_MOVES_PAGES
	b->info.adjust_managed_page_count = b->managed_shrinks;
#endif
}

/* Before a reboot or a kexec: the next kernel must not find a device that still answers. */
static int on_reboot(struct notifier_block *nb, unsigned long action, void *unused)
{
	struct ballonet *b = container_of(nb, struct ballonet, reboot_nb);

	WRITE_ONCE(b->ready, false);
	WRITE_ONCE(b->stopping, true);
	ballonet_reset(b);
	return NOTIFY_DONE;
}

/* From the queues to the first work. On an error, stop() takes back what was done. */
static int start(struct ballonet *b)
{
	u32 pattern;
	int err;

	b->stopping = b->gone = b->stuck = false;
	b->hint_id = BALLOON_HINT_STOP;
	b->hint_flying = 0;
	b->inflate_end = jiffies - HZ;
	b->must_tell = virtio_has_feature(b->vdev, BALLOON_F_MUST_TELL_HOST);
	choose_relief(b);
	err = find_queues(b);
	if (err)
		return err;
	if (virtio_has_feature(b->vdev, BALLOON_F_PAGE_POISON) &&
	    compat_free_pages_have_pattern(&pattern))
		ballonet_config_write(b, BALLOON_CONFIG_POISON_VAL, pattern);
	virtio_device_ready(b->vdev);
	stats_start(b);
	err = relief_start(b);
	if (!err)
		err = report_start(b);
	if (err)
		return err;
	if (virtio_has_feature(b->vdev, BALLOON_F_PRESS))
		b->press_seq = ballonet_config_read(b, BALLOON_CONFIG_PRESSED_SEQ);
	WRITE_ONCE(b->ready, true);
	config_changed(b->vdev);
	queue_work(b->wq, &b->stats_work); /* an answer that came before was not taken */
	return 0;
}

static void cancel_works(struct ballonet *b)
{
	cancel_delayed_work_sync(&b->work);
	cancel_work_sync(&b->press_work);
	cancel_work_sync(&b->hint_work);
	cancel_work_sync(&b->stats_work);
	cancel_work_sync(&b->actual_work);
}

/* All pages come home, whatever the device does. The order matters: first nothing new begins, then
 * what is under way ends, then the device lets go, then its queues go.
 */
static void stop(struct ballonet *b)
{
	WRITE_ONCE(b->ready, false);
	WRITE_ONCE(b->stopping, true);
	relief_stop(b);
	cancel_works(b);
	report_stop(b); /* after the last press, which has it work */
	mutex_lock(&b->op_lock);
	while (!b->gone && !b->stuck && atomic_long_read(&b->size) &&
	       balloon_leak(b, atomic_long_read(&b->size)))
		;
	balloon_write_actual(b);
	mutex_unlock(&b->op_lock);
	ballonet_reset(b);
	cancel_works(b); /* an interrupt may have been on its way when the first were cancelled */
	pfnq_abandon(&b->inflateq);
	pfnq_abandon(&b->deflateq);
	balloon_empty(b);
	hint_release(b);
	b->vdev->config->del_vqs(b->vdev);
	b->statsq = b->hintq = b->reportq = NULL;
	pfnq_fini(&b->inflateq);
	pfnq_fini(&b->deflateq);
}

static void ballonet_free(struct ballonet *b)
{
	if (!b)
		return;
	balloon_fini(b);
	if (b->wq)
		destroy_workqueue(b->wq);
	if (b->press_wq)
		destroy_workqueue(b->press_wq);
	kfree(b->block_sg);
	kfree(b->stats);
	kvfree(b);
}

static struct ballonet *ballonet_new(struct virtio_device *vdev)
{
	struct ballonet *b = kvzalloc(sizeof(*b), GFP_KERNEL);

	if (!b)
		return NULL;
	b->vdev = vdev;
	mutex_init(&b->reset_lock);
	mutex_init(&b->report_lock);
	spin_lock_init(&b->count_lock);
	init_waitqueue_head(&b->report_ack);
	hint_init(b);
	b->wq = alloc_workqueue("ballonet", WQ_UNBOUND | WQ_FREEZABLE | WQ_MEM_RECLAIM, 0);
	b->press_wq = alloc_workqueue("ballonet_press", WQ_UNBOUND | WQ_FREEZABLE, 0);
	if (!b->wq || !b->press_wq || balloon_init(b) || press_init(b) || stats_init(b)) {
		ballonet_free(b);
		return NULL;
	}
	return b;
}

static int probe(struct virtio_device *vdev)
{
	struct ballonet *b = ballonet_new(vdev);
	int err = b ? 0 : -ENOMEM;

	if (!err) {
		vdev->priv = b;
		err = start(b);
		if (err)
			stop(b);
	}
	if (err) {
		dev_err(&vdev->dev, "ballonet cannot start: %d\n", err);
		vdev->priv = NULL;
		ballonet_free(b);
		return err;
	}
	b->reboot_nb.notifier_call = on_reboot;
	register_reboot_notifier(&b->reboot_nb);
	show_add(b);
	dev_info(&vdev->dev, "ballonet: deflates on%s%s%s, reserve %lu MiB%s\n",
		 b->on_oom ? " oom" : "", b->on_pressure ? " pressure" : "",
		 b->managed_shrinks ? " request only" : "", ballonet_reserve_pages(b) / MIB_PAGES,
		 b->reporting_registered ? ", reports free pages" : "");
	return 0;
}

static void remove(struct virtio_device *vdev)
{
	struct ballonet *b = vdev->priv;

	show_remove(b);
	unregister_reboot_notifier(&b->reboot_nb);
	stop(b);
	ballonet_free(b);
	vdev->priv = NULL;
}

#ifdef CONFIG_PM_SLEEP
/* A guest that was saved comes back to a device that knows of no balloon. */
static int freeze(struct virtio_device *vdev)
{
	stop(vdev->priv);
	return 0;
}

static int restore(struct virtio_device *vdev)
{
	struct ballonet *b = vdev->priv;
	int err = start(b);

	if (err)
		stop(b);
	return err;
}
#endif

static const struct virtio_device_id ids[] = {
	{ VIRTIO_ID_BALLOON, VIRTIO_DEV_ANY_ID },
	{ 0 },
};
MODULE_DEVICE_TABLE(virtio, ids);

static unsigned int features[] = {
	BALLOON_F_MUST_TELL_HOST, BALLOON_F_STATS_VQ,	 BALLOON_F_DEFLATE_ON_OOM,
	BALLOON_F_FREE_PAGE_HINT, BALLOON_F_PAGE_POISON, BALLOON_F_REPORTING,
	BALLOON_F_PRESS,	  BALLOON_F_BIG_BUFFERS, BALLOON_F_DEFLATE_ON_PRESSURE,
};

static struct virtio_driver driver = {
	.feature_table = features,
	.feature_table_size = ARRAY_SIZE(features),
	.driver = {
		.name = "ballonet",
		.owner = THIS_MODULE,
		.dev_groups = ballonet_groups,
	},
	.id_table = ids,
	.validate = validate,
	.probe = probe,
	.remove = remove,
	.config_changed = config_changed,
#ifdef CONFIG_PM_SLEEP
	.freeze = freeze,
	.restore = restore,
#endif
};

static int __init ballonet_init(void)
{
	int err;

	features[ARRAY_SIZE(features) - 1] = pressure_bit.value;
	show_init();
	err = register_virtio_driver(&driver);
	if (err)
		show_exit();
	return err;
}

static void __exit ballonet_exit(void)
{
	unregister_virtio_driver(&driver);
	show_exit();
}

module_init(ballonet_init);
module_exit(ballonet_exit);
MODULE_DESCRIPTION("virtio balloon that gives back on pressure and presses without harm");
MODULE_AUTHOR("the ballonet authors");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
