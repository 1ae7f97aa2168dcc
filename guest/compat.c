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
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
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
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 0, 0)
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

static bool poisons_free_pages(void)
{
#if !IS_ENABLED(CONFIG_PAGE_POISONING)
	return false;
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
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
	if (!poisons_free_pages())
		return false;
	memset(ret_pattern, PAGE_POISON, sizeof(*ret_pattern));
	return true;
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 0, 0) && COMPAT_MIGRATION
static struct vfsmount *nowhere;
static int nowhere_users;

static int nowhere_init(struct fs_context *fc)
{
	return init_pseudo(fc, BALLOON_KVM_MAGIC) ? 0 : -ENOMEM;
}

/* Without an owner: the mount would keep the module from ever being removed. */
static struct file_system_type nowhere_type = {
	.name = "ballonet",
	.init_fs_context = nowhere_init,
	.kill_sb = kill_anon_super,
};

int compat_migration_start(struct balloon_dev_info *info)
{
	struct inode *inode;
	int err;

	err = simple_pin_fs(&nowhere_type, &nowhere, &nowhere_users);
	if (err)
		return err;
	inode = alloc_anon_inode(nowhere->mnt_sb);
	if (IS_ERR(inode)) {
		simple_release_fs(&nowhere, &nowhere_users);
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
	simple_release_fs(&nowhere, &nowhere_users);
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
