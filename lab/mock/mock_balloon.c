// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mock_balloon.c - a balloon device inside the guest that does what no hypervisor would
 *
 * Layer: lab.
 * In:    module parameters: which features, how much configuration space, whether it answers.
 * Out:   a virtio device of type 5; what the driver did to it, in the same parameters.
 *
 * It is a transport of its own, so it can offer any feature, keep buffers for ever, and see a
 * driver read past the end of the configuration space.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#define MAX_QUEUES 5
#define QUEUE_SIZE 64
#define CONFIG_MAX 64U
#define STATS_MAX 16

static unsigned long long features = 1ULL << VIRTIO_F_VERSION_1;
module_param(features, ullong, 0444);
static unsigned int config_len = 16;
module_param(config_len, uint, 0444);
static bool ack = true;	      /* does it answer? */
static unsigned int overruns; /* accesses past the end of the configuration space */
module_param(overruns, uint, 0444);
static unsigned int wild; /* buffers that do not lie in memory */
module_param(wild, uint, 0444);
static unsigned int narrow; /* accesses to it that were not of one whole field */
module_param(narrow, uint, 0444);
static bool find_fails; /* has no queues */
module_param(find_fails, bool, 0444);
static unsigned int dels; /* times that queues were deleted */
module_param(dels, uint, 0444);
/* statistics with a tag from here on are dropped, with their buffer */
static unsigned int stats_known = ~0U;
module_param(stats_known, uint, 0444);
static unsigned int longest_b; /* the longest buffer it was given */
module_param(longest_b, uint, 0444);
static unsigned long long pfns[2]; /* on the inflate and on the deflate queue */
module_param_array(pfns, ullong, NULL, 0444);
static unsigned long long hinted_b; /* in blocks of the hint queue */
module_param(hinted_b, ullong, 0444);
/* the first and the last command of a round of hints; none so far */
static unsigned int hint_cmds[2] = { ~0U, ~0U };
module_param_array(hint_cmds, uint, NULL, 0444);

static struct {
	struct virtio_device vdev;
	struct virtqueue *vq[MAX_QUEUES];
	u16 next[MAX_QUEUES];
	u8 status, config[CONFIG_MAX];
	struct work_struct work;
	bool stats_wanted;
	unsigned int stats_len;
	struct {
		__le16 tag;
		__le64 value;
	} __packed stats[STATS_MAX]; /* as they came last */
} mock;
static char deaf[16]; /* the queue that is not answered, whatever ack says */
static struct platform_device *parent;
static DEFINE_MUTEX(lock); /* the queues */

/* Takes note of one buffer. */
static void look_at(unsigned int i, const struct vring_desc *desc)
{
	const char *name = mock.vq[i]->name;
	u32 len = (__force u32)desc->len;
	const void *data = phys_to_virt((__force u64)desc->addr);

	if (!pfn_valid(PHYS_PFN((__force u64)desc->addr))) {
		wild++;
		return;
	}
	if (i < 2)
		pfns[i] += len / 4;
	longest_b = max(longest_b, len);
	if (!strcmp(name, "stats")) {
		mock.stats_len = min_t(u32, len, sizeof(mock.stats));
		memcpy(mock.stats, data, mock.stats_len);
	} else if (!strcmp(name, "hint") && ((__force u16)desc->flags & VRING_DESC_F_WRITE)) {
		hinted_b += len;
	} else if (!strcmp(name, "hint")) {
		hint_cmds[hinted_b ? 1 : 0] = le32_to_cpup(data);
	}
}

static bool stats_dropped(void)
{
	unsigned int i;

	for (i = 0; i < mock.stats_len / sizeof(mock.stats[0]); i++)
		if (le16_to_cpu(mock.stats[i].tag) >= stats_known)
			return true;
	return false;
}

/* Returns one queue's buffers. */
static void answer(unsigned int i)
{
	const struct vring *ring = virtqueue_get_vring(mock.vq[i]);
	bool any = false;

	while (mock.next[i] != (__force u16)READ_ONCE(ring->avail->idx)) {
		u16 used = le16_to_cpu((__force __le16)ring->used->idx), head;

		virtio_rmb(true);
		head = (__force u16)ring->avail->ring[mock.next[i]++ % ring->num];
		look_at(i, &ring->desc[head]);
		if (!strcmp(mock.vq[i]->name, "stats") && stats_dropped())
			continue;
		ring->used->ring[used % ring->num].id = (__force __virtio32)(u32)head;
		ring->used->ring[used % ring->num].len = 0;
		virtio_wmb(true);
		ring->used->idx = (__force __virtio16)(u16)(used + 1);
		any = true;
	}
	if (any)
		vring_interrupt(0, mock.vq[i]);
}

static void work_fn(struct work_struct *work)
{
	unsigned int i;

	mutex_lock(&lock);
	for (i = 0; i < MAX_QUEUES; i++) {
		if (!mock.vq[i] || !ack || !(mock.status & VIRTIO_CONFIG_S_DRIVER_OK) ||
		    !strcmp(mock.vq[i]->name, deaf))
			continue;
		/* statistics are kept until somebody wants others */
		if (!strcmp(mock.vq[i]->name, "stats") && !xchg(&mock.stats_wanted, false))
			continue;
		answer(i);
	}
	mutex_unlock(&lock);
}

static int set_ack(const char *text, const struct kernel_param *kp)
{
	int err = param_set_bool(text, kp);

	if (!err && parent)
		schedule_work(&mock.work);
	return err;
}

static int set_deaf(const char *text, const struct kernel_param *kp)
{
	strscpy(deaf, text, sizeof(deaf));
	strim(deaf);
	if (parent)
		schedule_work(&mock.work);
	return 0;
}

static const struct kernel_param_ops deaf_ops = { .set = set_deaf };
module_param_cb(deaf, &deaf_ops, NULL, 0200);

/* As its transport does when the guest goes to sleep (1), and wakes up (0). */
static int set_sleep(const char *text, const struct kernel_param *kp)
{
	bool sleeps;
	int err = kstrtobool(text, &sleeps);

	if (err || !parent)
		return err ?: -ENODEV;
	return sleeps ? virtio_device_freeze(&mock.vdev) : virtio_device_restore(&mock.vdev);
}

static const struct kernel_param_ops sleep_ops = { .set = set_sleep };
module_param_cb(sleep, &sleep_ops, NULL, 0200);

static const struct kernel_param_ops ack_ops = { .set = set_ack, .get = param_get_bool };
module_param_cb(ack, &ack_ops, &ack, 0644);

/* "OFFSET VALUE" changes the configuration space, and tells the driver. */
static int set_config(const char *text, const struct kernel_param *kp)
{
	unsigned int offset, value;

	if (sscanf(text, "%u %i", &offset, &value) != 2 || offset > CONFIG_MAX - 4)
		return -EINVAL;
	memcpy(mock.config + offset, &value, 4);
	if (parent)
		virtio_config_changed(&mock.vdev);
	return 0;
}

static int get_config(char *text, const struct kernel_param *kp)
{
	const u32 *c = (const u32 *)mock.config;

	return sysfs_emit(text, "%u %u %u %u %u %u %u %u\n", c[0], c[1], c[2], c[3], c[4], c[5],
			  c[6], c[7]);
}

/* "N": N targets, one a millisecond; the write returns after the last of them. */
static int set_jitter(const char *text, const struct kernel_param *kp)
{
	unsigned int i, n;
	int err = kstrtouint(text, 0, &n);

	for (i = 0; !err && parent && i < n; i++) {
		u32 target = i * 7919 % 60000;

		memcpy(mock.config, &target, sizeof(target));
		virtio_config_changed(&mock.vdev);
		usleep_range(900, 1100);
	}
	return err;
}

static const struct kernel_param_ops jitter_ops = { .set = set_jitter };
module_param_cb(jitter, &jitter_ops, NULL, 0200);

static const struct kernel_param_ops config_ops = { .set = set_config, .get = get_config };
module_param_cb(config, &config_ops, NULL, 0644);

/* Any text asks for new statistics; reading gives "TAG=VALUE ..." of those that came back last. */
static int set_stats(const char *text, const struct kernel_param *kp)
{
	mock.stats_wanted = true;
	if (parent)
		schedule_work(&mock.work);
	return 0;
}

static int get_stats(char *text, const struct kernel_param *kp)
{
	unsigned int i;
	int n = 0;

	for (i = 0; i < mock.stats_len / sizeof(mock.stats[0]); i++)
		n += sysfs_emit_at(text, n, "%u=%llu ", le16_to_cpu(mock.stats[i].tag),
				   le64_to_cpu(mock.stats[i].value));
	return n + sysfs_emit_at(text, n, "\n");
}

static const struct kernel_param_ops stats_ops = { .set = set_stats, .get = get_stats };
module_param_cb(stats, &stats_ops, NULL, 0644);

static bool fits(unsigned int offset, unsigned int len)
{
	if (len != sizeof(u32))
		narrow++;
	if (offset + len <= min(config_len, CONFIG_MAX))
		return true;
	overruns++;
	return false;
}

static void mock_get(struct virtio_device *vdev, unsigned int offset, void *buf, unsigned int len)
{
	memset(buf, 0xff, len);
	if (fits(offset, len))
		memcpy(buf, mock.config + offset, len);
}

static void mock_set(struct virtio_device *vdev, unsigned int offset, const void *buf,
		     unsigned int len)
{
	if (fits(offset, len))
		memcpy(mock.config + offset, buf, len);
}

static u8 mock_get_status(struct virtio_device *vdev)
{
	return mock.status;
}

static void mock_set_status(struct virtio_device *vdev, u8 status)
{
	mock.status = status;
}

static void mock_reset(struct virtio_device *vdev)
{
	mutex_lock(&lock);
	mock.status = 0;
	mutex_unlock(&lock);
}

static u64 mock_get_features(struct virtio_device *vdev)
{
	return features;
}

static int mock_finalize_features(struct virtio_device *vdev)
{
	vring_transport_features(vdev);
	__virtio_clear_bit(vdev, VIRTIO_F_RING_PACKED);
	__virtio_clear_bit(vdev, VIRTIO_RING_F_EVENT_IDX);
	return 0;
}

static bool notify(struct virtqueue *vq)
{
	schedule_work(&mock.work);
	return true;
}

static int add_queue(struct virtio_device *vdev, unsigned int i, vq_callback_t *callback,
		     const char *name)
{
	if (i >= MAX_QUEUES || find_fails)
		return -EINVAL;
	mock.next[i] = 0;
	mock.vq[i] = vring_create_virtqueue(i, QUEUE_SIZE, PAGE_SIZE, vdev, true, false, false,
					    notify, callback, name);
	return mock.vq[i] ? 0 : -ENOMEM;
}

#ifdef MOCK_HAS_VIRTQUEUE_INFO
static int mock_find_vqs(struct virtio_device *vdev, unsigned int n, struct virtqueue *vqs[],
			 struct virtqueue_info info[], struct irq_affinity *desc)
{
	unsigned int i;
	int err;

	for (i = 0; i < n; i++) {
		err = add_queue(vdev, i, info[i].callback, info[i].name);
		if (err)
			return err;
		vqs[i] = mock.vq[i];
	}
	return 0;
}
#else
static int mock_find_vqs(struct virtio_device *vdev, unsigned int n, struct virtqueue *vqs[],
			 vq_callback_t *callbacks[], const char *const names[], const bool *ctx,
			 struct irq_affinity *desc)
{
	unsigned int i;
	int err;

	for (i = 0; i < n; i++) {
		err = add_queue(vdev, i, callbacks[i], names[i]);
		if (err)
			return err;
		vqs[i] = mock.vq[i];
	}
	return 0;
}
#endif

static void mock_del_vqs(struct virtio_device *vdev)
{
	unsigned int i;

	dels++;
	mutex_lock(&lock);
	for (i = 0; i < MAX_QUEUES; i++) {
		if (mock.vq[i])
			vring_del_virtqueue(mock.vq[i]);
		mock.vq[i] = NULL;
	}
	mutex_unlock(&lock);
}

static const char *mock_bus_name(struct virtio_device *vdev)
{
	return "mock";
}

static const struct virtio_config_ops ops = {
	.get = mock_get,
	.set = mock_set,
	.get_status = mock_get_status,
	.set_status = mock_set_status,
	.reset = mock_reset,
	.find_vqs = mock_find_vqs,
	.del_vqs = mock_del_vqs,
	.get_features = mock_get_features,
	.finalize_features = mock_finalize_features,
	.bus_name = mock_bus_name,
};

static void mock_release(struct device *dev)
{
}

static int __init mock_init(void)
{
	int err;

	INIT_WORK(&mock.work, work_fn);
	parent = platform_device_register_simple("mock_balloon", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(parent))
		return PTR_ERR(parent);
	mock.vdev.dev.parent = &parent->dev;
	mock.vdev.dev.release = mock_release;
	mock.vdev.id.device = VIRTIO_ID_BALLOON;
	mock.vdev.id.vendor = 0x1af4;
	mock.vdev.config = &ops;
	err = register_virtio_device(&mock.vdev);
	if (err)
		platform_device_unregister(parent);
	return err;
}

static void __exit mock_exit(void)
{
	unregister_virtio_device(&mock.vdev);
	cancel_work_sync(&mock.work);
	platform_device_unregister(parent);
}

module_init(mock_init);
module_exit(mock_exit);
MODULE_DESCRIPTION("a balloon device that misbehaves on request");
MODULE_LICENSE("GPL");
