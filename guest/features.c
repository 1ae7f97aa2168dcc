// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * features.c - what the device can do, and the queues that come of it
 *
 * Layer: guest.
 * In:    a virtio device of type 5.
 * Out:   negotiated features, queues.
 *
 * A feature whose field the device does not have is not used: a read past the end of the
 * configuration space is a bug of the driver's to some transports.
 */
#include "features.h"

#include <linux/dmi.h>
#include <linux/pci.h>

#include "balloon.h"
#include "config.h"
#include "device.h"
#include "params.h"

void features_list(unsigned int features[FEATURES_COUNT])
{
	const unsigned int known[FEATURES_COUNT] = {
		BALLOON_F_MUST_TELL_HOST, BALLOON_F_STATS_VQ,	 BALLOON_F_DEFLATE_ON_OOM,
		BALLOON_F_FREE_PAGE_HINT, BALLOON_F_PAGE_POISON, BALLOON_F_REPORTING,
		BALLOON_F_PRESS,	  BALLOON_F_BIG_BUFFERS, params_pressure_bit(),
	};

	memcpy(features, known, sizeof(known));
}

/* Fields that a feature brings. The first two are always there. */
static const struct {
	unsigned int feature, end;
} features_needs[] = {
	{ BALLOON_F_FREE_PAGE_HINT, BALLOON_CONFIG_HINT_CMD_ID + 4 },
	{ BALLOON_F_PAGE_POISON, BALLOON_CONFIG_POISON_VAL + 4 },
	{ BALLOON_F_PRESS, BALLOON_CONFIG_SIZE },
};

int features_validate(struct virtio_device *vdev)
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
	for (i = 0; i < ARRAY_SIZE(features_needs); i++) {
		unsigned int feature = features_needs[i].feature;

		if (len >= features_needs[i].end || !virtio_has_feature(vdev, feature))
			continue;
		dev_warn(&vdev->dev, "configuration space of %u bytes: feature %u not used\n", len,
			 feature);
		__virtio_clear_bit(vdev, feature);
		if (feature == BALLOON_F_PAGE_POISON)
			__virtio_clear_bit(vdev, BALLOON_F_REPORTING);
	}
	return 0;
}

static void features_choose_relief(struct ballonet *b)
{
	struct relief *relief = &b->relief;

	if (!params_relief(&relief->on_oom, &relief->on_pressure)) {
		relief->on_oom = virtio_has_feature(b->vdev, BALLOON_F_DEFLATE_ON_OOM);
		relief->on_pressure = virtio_has_feature(b->vdev, params_pressure_bit());
	}
	/* a page that comes back by itself is still the guest's memory */
	b->balloon.managed_shrinks = !relief->on_oom && !relief->on_pressure;
#if COMPAT_CORE_MOVES_PAGES
	b->balloon.info.adjust_managed_page_count = b->balloon.managed_shrinks;
#endif
}

static void features_on_ack(struct virtqueue *vq)
{
	struct ballonet *b = vq->vdev->priv;
	struct queue *q;

	for (q = b->queues; q < b->queues + QUEUE_COUNT; q++)
		if (q->vq == vq)
			wake_up_all(&q->acks);
	/* nobody waits any more for what comes so late */
	if (device_is_stuck(&b->queues[QUEUE_INFLATE]) ||
	    device_is_stuck(&b->queues[QUEUE_DEFLATE]))
		balloon_kick(b);
}

static void features_on_stats_request(struct virtqueue *vq)
{
	struct ballonet *b = vq->vdev->priv;

	if (device_is_ready(b))
		queue_work(b->wq, &b->stats.work);
}

/* In the order of the device's; one that it does not have leaves no gap. */
static const struct {
	const char *name;
	vq_callback_t *callback;
	int feature; /* -1: always there */
} features_queues[QUEUE_COUNT] = {
	[QUEUE_INFLATE] = { "inflate", features_on_ack, -1 },
	[QUEUE_DEFLATE] = { "deflate", features_on_ack, -1 },
	[QUEUE_STATS] = { "stats", features_on_stats_request, BALLOON_F_STATS_VQ },
	[QUEUE_HINT] = { "hint", features_on_ack, BALLOON_F_FREE_PAGE_HINT },
	[QUEUE_REPORT] = { "reporting", features_on_ack, BALLOON_F_REPORTING },
};

static int features_find_queues(struct ballonet *b)
{
	struct virtqueue *vqs[QUEUE_COUNT];
	vq_callback_t *callbacks[QUEUE_COUNT];
	const char *names[QUEUE_COUNT];
	unsigned int of[QUEUE_COUNT], n = 0, i;
	int err;

	for (i = 0; i < QUEUE_COUNT; i++) {
		int feature = features_queues[i].feature;

		b->queues[i].flags = 0;
		if (feature >= 0 && !virtio_has_feature(b->vdev, feature))
			continue;
		names[n] = features_queues[i].name;
		callbacks[n] = features_queues[i].callback;
		of[n++] = i;
	}
	err = compat_find_vqs(b->vdev, n, vqs, callbacks, names);
	if (err)
		return err;
	b->queues_found = true;
	for (i = 0; i < n; i++)
		b->queues[of[i]].vq = vqs[i];
	return 0;
}

/* QEMU's device reads a buffer to its end, however long, and always has. */
static bool features_takes_big_buffers(struct ballonet *b)
{
	return virtio_has_feature(b->vdev, BALLOON_F_BIG_BUFFERS) ||
	       (dmi_match(DMI_SYS_VENDOR, "QEMU") && b->vdev->dev.parent &&
		dev_is_pci(b->vdev->dev.parent));
}

static unsigned int features_pfns_per_buffer(struct ballonet *b)
{
	unsigned int pfns = params_buffer_pfns();

	if (!pfns)
		pfns = features_takes_big_buffers(b) ? BALLOON_BIG_BUFFER_PFNS
						     : BALLOON_BUFFER_PFNS;
	return max_t(unsigned int, pfns, PFNS_PER_PAGE);
}

int features_start(struct ballonet *b)
{
	u32 pattern;
	int err;

	b->balloon.must_tell = virtio_has_feature(b->vdev, BALLOON_F_MUST_TELL_HOST);
	features_choose_relief(b);
	err = features_find_queues(b);
	if (err)
		return err;
	err = balloon_start(b, features_pfns_per_buffer(b));
	if (err)
		return err;
	if (virtio_has_feature(b->vdev, BALLOON_F_PAGE_POISON) &&
	    compat_free_pages_have_pattern(&pattern))
		config_write(b->vdev, BALLOON_CONFIG_POISON_VAL, pattern);
	return 0;
}

void features_stop(struct ballonet *b)
{
	unsigned int i;

	if (!b->queues_found)
		return;
	b->queues_found = false;
	b->vdev->config->del_vqs(b->vdev);
	for (i = 0; i < QUEUE_COUNT; i++)
		b->queues[i].vq = NULL;
}
