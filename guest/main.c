// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main.c - the life of a device, from probe to remove
 *
 * Layer: guest.
 * In:    a virtio device of type 5.
 * Out:   struct ballonet, started and stopped.
 *
 * Stopping takes a device that answers and one that never will. The first gets its pages back one
 * by one; the second is reset, after which it can touch no page any more, and then they are freed.
 */
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <linux/suspend.h>
#include <linux/virtio_ids.h>

#include "ballonet.h"
#include "balloon.h"
#include "device.h"
#include "features.h"
#include "hint.h"
#include "press.h"
#include "relief.h"
#include "report.h"
#include "show.h"
#include "stats.h"
#include "watch.h"

static void main_config_changed(struct virtio_device *vdev)
{
	struct ballonet *b = vdev->priv;

	if (!device_is_ready(b))
		return;
	set_bit(BALLOON_RETARGET, &b->balloon.flags);
	balloon_kick(b);
	queue_work(b->press_wq, &b->press.work);
	hint_config_changed(b);
}

/* Before a reboot or a kexec: the next kernel must not find a device that still answers. */
static int main_on_reboot(struct notifier_block *nb, unsigned long action, void *unused)
{
	struct ballonet *b = container_of(nb, struct ballonet, reboot_nb);

	device_close(b);
	device_reset(b);
	return NOTIFY_DONE;
}

static int main_on_sleep(struct notifier_block *nb, unsigned long action, void *unused)
{
	struct ballonet *b = container_of(nb, struct ballonet, pm_nb);

	balloon_pause(b, action == PM_HIBERNATION_PREPARE || action == PM_SUSPEND_PREPARE);
	return NOTIFY_DONE;
}

/* From the queues to the first work. On an error, main_stop() takes back what was done. */
static int main_start(struct ballonet *b)
{
	int err;

	WRITE_ONCE(b->life, LIFE_PROBED);
	err = features_start(b);
	if (err)
		return err;
	hint_start(b);
	virtio_device_ready(b->vdev);
	stats_start(b);
	err = relief_start(b);
	if (!err)
		err = report_start(b);
	if (err)
		return err;
	press_start(b);
	WRITE_ONCE(b->life, LIFE_READY);
	main_config_changed(b->vdev);
	queue_work(b->wq, &b->stats.work); /* an answer that came before was not taken */
	return 0;
}

static void main_cancel_works(struct ballonet *b)
{
	balloon_cancel(b);
	cancel_work_sync(&b->press.work);
	cancel_work_sync(&b->hint.work);
	cancel_work_sync(&b->stats.work);
}

/* All pages come home, whatever the device does. The order matters: first nothing new begins, then
 * what is under way ends, then the device lets go, then its queues go.
 */
static void main_stop(struct ballonet *b)
{
	device_close(b);
	relief_stop(b);
	main_cancel_works(b);
	report_stop(b); /* after the last press, which has it work */
	balloon_leak_all(b);
	device_reset(b);
	main_cancel_works(b); /* an interrupt may have been on its way before */
	balloon_stop(b);
	hint_stop(b);
	features_stop(b);
}

static void main_free(struct ballonet *b)
{
	if (!b)
		return;
	balloon_fini(b);
	hint_fini(b);
	report_fini(b);
	stats_fini(b);
	if (b->wq)
		destroy_workqueue(b->wq);
	if (b->press_wq)
		destroy_workqueue(b->press_wq);
	kvfree(b);
}

static struct ballonet *main_new(struct virtio_device *vdev)
{
	struct ballonet *b = kvzalloc(sizeof(*b), GFP_KERNEL);
	unsigned int i;

	if (!b)
		return NULL;
	b->vdev = vdev;
	mutex_init(&b->op_lock);
	mutex_init(&b->report_lock);
	mutex_init(&b->device_lock);
	spin_lock_init(&b->lock);
	for (i = 0; i < QUEUE_COUNT; i++)
		init_waitqueue_head(&b->queues[i].acks);
	press_init(b);
	/* not freezable: a work may wait for a device that never answers, until main_freeze() */
	b->wq = alloc_workqueue("ballonet", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	b->press_wq = alloc_workqueue("ballonet_press", WQ_UNBOUND, 0);
	if (!b->wq || !b->press_wq || balloon_init(b) || hint_init(b) || report_init(b) ||
	    stats_init(b)) {
		main_free(b);
		return NULL;
	}
	return b;
}

static int main_probe(struct virtio_device *vdev)
{
	struct ballonet *b = main_new(vdev);
	int err = b ? 0 : -ENOMEM;

	if (!err) {
		vdev->priv = b;
		err = main_start(b);
		if (err)
			main_stop(b);
	}
	if (err) {
		dev_err(&vdev->dev, "ballonet cannot start: %d\n", err);
		vdev->priv = NULL;
		main_free(b);
		return err;
	}
	b->reboot_nb.notifier_call = main_on_reboot;
	register_reboot_notifier(&b->reboot_nb);
	b->pm_nb.notifier_call = main_on_sleep;
	register_pm_notifier(&b->pm_nb);
	show_add(b);
	dev_info(&vdev->dev, "ballonet: deflates on%s%s%s, reserve %lu MiB%s\n",
		 b->relief.on_oom ? " oom" : "", b->relief.on_pressure ? " pressure" : "",
		 b->balloon.managed_shrinks ? " request only" : "",
		 watch_reserve_pages(b) / MIB_PAGES,
		 b->reporting.registered ? ", reports free pages" : "");
	return 0;
}

static void main_remove(struct virtio_device *vdev)
{
	struct ballonet *b = vdev->priv;

	show_remove(b);
	unregister_pm_notifier(&b->pm_nb);
	unregister_reboot_notifier(&b->reboot_nb);
	main_stop(b);
	main_free(b);
	vdev->priv = NULL;
}

#ifdef CONFIG_PM_SLEEP
/* A guest that was saved comes back to a device that knows of no balloon. */
static int main_freeze(struct virtio_device *vdev)
{
	main_stop(vdev->priv);
	return 0;
}

static int main_restore(struct virtio_device *vdev)
{
	struct ballonet *b = vdev->priv;
	int err = main_start(b);

	if (err)
		main_stop(b);
	return err;
}
#endif

static const struct virtio_device_id main_ids[] = {
	{ VIRTIO_ID_BALLOON, VIRTIO_DEV_ANY_ID },
	{ 0 },
};
MODULE_DEVICE_TABLE(virtio, main_ids);

static unsigned int main_features[FEATURES_COUNT];

static struct virtio_driver main_driver = {
	.feature_table = main_features,
	.feature_table_size = ARRAY_SIZE(main_features),
	.driver = {
		.name = "ballonet",
		.owner = THIS_MODULE,
		.dev_groups = show_groups,
	},
	.id_table = main_ids,
	.validate = features_validate,
	.probe = main_probe,
	.remove = main_remove,
	.config_changed = main_config_changed,
#ifdef CONFIG_PM_SLEEP
	.freeze = main_freeze,
	.restore = main_restore,
#endif
};

static int __init main_init(void)
{
	int err;

	features_list(main_features);
	show_init();
	err = register_virtio_driver(&main_driver);
	if (err)
		show_exit();
	return err;
}

static void __exit main_exit(void)
{
	unregister_virtio_driver(&main_driver);
	show_exit();
}

module_init(main_init);
module_exit(main_exit);
MODULE_DESCRIPTION("virtio balloon that gives back on pressure and presses without harm");
MODULE_AUTHOR("the ballonet authors");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
