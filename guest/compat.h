/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compat.h - what differs between kernels, from 5.10 on
 *
 * Layer: guest.
 * In:    the kernel's headers; COMPAT_HAS_*, which Kbuild has looked up there.
 * Out:   one name for each thing that has had several.
 */
#ifndef BALLONET_COMPAT_H
#define BALLONET_COMPAT_H

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/page_reporting.h>
#include <linux/shrinker.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

/* The balloon's page list: its header was renamed, as was what turns migration on. */
#ifdef COMPAT_HAS_BALLOON_H
#include <linux/balloon.h>
#else
#include <linux/balloon_compaction.h>
#endif
#define COMPAT_MIGRATION \
	(IS_ENABLED(CONFIG_BALLOON_MIGRATION) || IS_ENABLED(CONFIG_BALLOON_COMPACTION))

/* Who enters the new page of a move and frees the old: the driver, later the core. */
#ifdef COMPAT_HAS_PAGE_INSERT
#define COMPAT_CORE_MOVES_PAGES 0
#else
#define COMPAT_CORE_MOVES_PAGES 1
#endif

/* The largest order the page allocator serves: of MAX_ORDER, this is what always meant the same. */
#define COMPAT_MAX_ORDER ((unsigned int)ilog2(MAX_ORDER_NR_PAGES))

static inline void compat_reset(struct virtio_device *vdev)
{
#ifdef COMPAT_HAS_RESET_DEVICE
	virtio_reset_device(vdev);
#else
	vdev->config->reset(vdev);
#endif
}

#define COMPAT_MAX_VQS 5

/* Finds @n queues, which have no gaps between them. 0 or -errno. */
static inline int compat_find_vqs(struct virtio_device *vdev, unsigned int n,
				  struct virtqueue *vqs[], vq_callback_t *callbacks[],
				  const char *const names[])
{
#ifdef COMPAT_HAS_VIRTQUEUE_INFO
	struct virtqueue_info info[COMPAT_MAX_VQS] = {};
	unsigned int i;

	for (i = 0; i < n; i++) {
		info[i].name = names[i];
		info[i].callback = callbacks[i];
	}
	return virtio_find_vqs(vdev, n, vqs, info, NULL);
#else
	return virtio_find_vqs(vdev, n, vqs, callbacks, names, NULL);
#endif
}

/* A shrinker that carries a pointer of its owner. */
struct compat_shrinker {
#ifdef COMPAT_HAS_SHRINKER_ALLOC
	struct shrinker *shrinker;
#else
	struct shrinker shrinker;
#endif
	void *owner;
};

typedef unsigned long (*compat_shrink_fn)(struct shrinker *, struct shrink_control *);

/* 0 or -errno. */
int compat_shrinker_start(struct compat_shrinker *s, void *owner, int seeks, long batch,
			  compat_shrink_fn count, compat_shrink_fn scan);
void compat_shrinker_stop(struct compat_shrinker *s);
void *compat_shrinker_owner(struct shrinker *s);

/* Whether free pages keep a pattern, and which. */
bool compat_free_pages_have_pattern(u32 *ret_pattern);

/* Has the kernel report blocks as large as its own driver would. */
void compat_set_reporting_order(struct page_reporting_dev_info *info);

/* Compaction has moved @page of the balloon to @newpage, and the device knows. */
void compat_migrated(struct balloon_dev_info *info, struct page *newpage, struct page *page);

/* What page migration wants of a balloon before its first page. 0 or -errno. */
int compat_migration_start(struct balloon_dev_info *info);
void compat_migration_stop(struct balloon_dev_info *info);

#endif
