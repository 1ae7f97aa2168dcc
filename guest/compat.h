/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compat.h - what differs between the kernels that this driver builds on, 5.10 to 7.x
 *
 * Layer: guest.
 * In:    the kernel's headers.
 * Out:   one name for each thing that has had several.
 *
 * Nothing else in guest/ asks for a kernel's version.
 */
#ifndef BALLONET_COMPAT_H
#define BALLONET_COMPAT_H

#include <linux/mm.h>
#include <linux/shrinker.h>
#include <linux/version.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)
#error "ballonet needs Linux 5.10 or later"
#endif

/* The balloon's page list: one header until 6.x, renamed in 7.x, with a new share of the work. */
#ifdef BALLONET_CORE_MOVES_PAGES
#include <linux/balloon.h>
#define COMPAT_MIGRATION IS_ENABLED(CONFIG_BALLOON_MIGRATION)
#define COMPAT_CORE_MOVES_PAGES 1 /* the core inserts the new page and frees the old */
#else
#include <linux/balloon_compaction.h>
#define COMPAT_MIGRATION IS_ENABLED(CONFIG_BALLOON_COMPACTION)
#define COMPAT_CORE_MOVES_PAGES 0
#endif

/* The largest order the page allocator serves; it was one more, then renamed. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define COMPAT_MAX_ORDER MAX_PAGE_ORDER
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define COMPAT_MAX_ORDER MAX_ORDER
#else
#define COMPAT_MAX_ORDER (MAX_ORDER - 1)
#endif

static inline void compat_reset(struct virtio_device *vdev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 17, 0)
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
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
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
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
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

/* What page migration wants of a balloon before its first page. 0 or -errno. */
int compat_migration_start(struct balloon_dev_info *info);
void compat_migration_stop(struct balloon_dev_info *info);

#endif
