// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * compat.c - the longer differences between kernels
 *
 * Layer: guest.
 * In:    the kernel's API as it happens to be.
 * Out:   compat.h.
 *
 * 5.10 knows the owner of a movable page by its address_space, so a balloon needs an inode there,
 * and an inode needs a file system that nobody mounts.
 */
#include "compat.h"

#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#ifdef COMPAT_HAS_SHRINKER_ALLOC
int compat_shrinker_start(struct compat_shrinker *s, void *owner, int seeks, long batch,
			  compat_shrink_fn count, compat_shrink_fn scan)
{
	s->shrinker = shrinker_alloc(0, "ballonet");
	if (!s->shrinker)
		return -ENOMEM;
	s->owner = owner;
	s->shrinker->private_data = s;
	s->shrinker->seeks = seeks;
	s->shrinker->batch = batch;
	s->shrinker->count_objects = count;
	s->shrinker->scan_objects = scan;
	shrinker_register(s->shrinker);
	return 0;
}

void compat_shrinker_stop(struct compat_shrinker *s)
{
	shrinker_free(s->shrinker);
}

void *compat_shrinker_owner(struct shrinker *s)
{
	return ((struct compat_shrinker *)s->private_data)->owner;
}
#else
int compat_shrinker_start(struct compat_shrinker *s, void *owner, int seeks, long batch,
			  compat_shrink_fn count, compat_shrink_fn scan)
{
	s->owner = owner;
	s->shrinker.seeks = seeks;
	s->shrinker.batch = batch;
	s->shrinker.count_objects = count;
	s->shrinker.scan_objects = scan;
#ifdef COMPAT_HAS_SHRINKER_NAME
	return register_shrinker(&s->shrinker, "ballonet");
#else
	return register_shrinker(&s->shrinker);
#endif
}

void compat_shrinker_stop(struct compat_shrinker *s)
{
	unregister_shrinker(&s->shrinker);
}

void *compat_shrinker_owner(struct shrinker *s)
{
	return container_of(s, struct compat_shrinker, shrinker)->owner;
}
#endif

static bool compat_poisons_free_pages(void)
{
#if !IS_ENABLED(CONFIG_PAGE_POISONING)
	return false;
#elif defined(COMPAT_HAS_POISONING_STATIC)
	return page_poisoning_enabled_static();
#else
	return page_poisoning_enabled();
#endif
}

bool compat_free_pages_have_pattern(u32 *ret_pattern)
{
	if (want_init_on_free()) {
		*ret_pattern = 0;
		return true;
	}
	if (!compat_poisons_free_pages())
		return false;
	memset(ret_pattern, PAGE_POISON, sizeof(*ret_pattern));
	return true;
}

void compat_set_reporting_order(struct page_reporting_dev_info *info)
{
#ifdef COMPAT_HAS_REPORTING_ORDER
#ifdef PAGE_REPORTING_ORDER_UNSPECIFIED
	info->order = PAGE_REPORTING_ORDER_UNSPECIFIED; /* 0 has become an order like others */
#endif
	/* a pageblock of 512 MiB would hardly ever be free: 2 MiB, which is a huge page of hosts */
	if (IS_ENABLED(CONFIG_ARM64_64K_PAGES))
		info->order = 5;
#endif
}

#if COMPAT_CORE_MOVES_PAGES || !COMPAT_MIGRATION
void compat_migrated(struct balloon_dev_info *info, struct page *newpage, struct page *page)
{
}
#else
void compat_migrated(struct balloon_dev_info *info, struct page *newpage, struct page *page)
{
	unsigned long flags;

	get_page(newpage);
	spin_lock_irqsave(&info->pages_lock, flags);
	balloon_page_insert(info, newpage);
	info->isolated_pages--;
	__count_vm_event(BALLOON_MIGRATE);
#ifdef COMPAT_HAS_PAGE_FINALIZE
	balloon_page_finalize(page);
#else
	balloon_page_delete(page);
#endif
	spin_unlock_irqrestore(&info->pages_lock, flags);
	put_page(page); /* the balloon's own; compaction has another */
}
#endif

#if defined(COMPAT_HAS_BALLOON_INODE) && COMPAT_MIGRATION
#define COMPAT_MAGIC 0x62616c6c /* "ball" */

static struct vfsmount *compat_nowhere;
static int compat_nowhere_users;

static int compat_nowhere_init(struct fs_context *fc)
{
	return init_pseudo(fc, COMPAT_MAGIC) ? 0 : -ENOMEM;
}

/* Without an owner: the mount would keep the module from ever being removed. */
static struct file_system_type compat_nowhere_type = {
	.name = "ballonet",
	.init_fs_context = compat_nowhere_init,
	.kill_sb = kill_anon_super,
};

int compat_migration_start(struct balloon_dev_info *info)
{
	struct inode *inode;
	int err;

	err = simple_pin_fs(&compat_nowhere_type, &compat_nowhere, &compat_nowhere_users);
	if (err)
		return err;
	inode = alloc_anon_inode(compat_nowhere->mnt_sb);
	if (IS_ERR(inode)) {
		simple_release_fs(&compat_nowhere, &compat_nowhere_users);
		return PTR_ERR(inode);
	}
	inode->i_mapping->a_ops = &balloon_aops;
	info->inode = inode;
	return 0;
}

void compat_migration_stop(struct balloon_dev_info *info)
{
	if (!info->inode)
		return;
	iput(info->inode);
	info->inode = NULL;
	simple_release_fs(&compat_nowhere, &compat_nowhere_users);
}
#else
int compat_migration_start(struct balloon_dev_info *info)
{
	return 0;
}

void compat_migration_stop(struct balloon_dev_info *info)
{
}
#endif
