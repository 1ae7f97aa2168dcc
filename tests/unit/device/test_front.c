/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_front.c - a front end is answered, and one that talks nonsense is told apart
 *
 * Layer: tests.
 * In:    vhost-user messages over a socket pair, good, odd and broken.
 * Out:   what vhost_user.h and front.h promise.
 */
#include "device/front.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB_ (UINT64_C(1) << 20)
#define USER UINT64_C(0x7f0000000000)

struct world {
	struct front front;
	int sock; /* the front end's end */
	int memory;
	unsigned int quiesced, forgotten, written;
};

static void on_quiesce(void *userdata)
{
	((struct world *)userdata)->quiesced++;
}

static void on_forget(void *userdata, uint64_t first, uint64_t n)
{
	(void)first, (void)n;
	((struct world *)userdata)->forgotten++;
}

static void on_written(void *userdata)
{
	((struct world *)userdata)->written++;
}

static const struct front_ops ops = {
	.quiesce = on_quiesce,
	.forget_pages = on_forget,
	.config_written = on_written,
};

static struct world the_world;

static int begin(void **state)
{
	struct world *w = &the_world;
	int pair[2];

	memset(w, 0, sizeof(*w));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	w->sock = pair[0];
	w->memory = memfd_create("test", MFD_CLOEXEC);
	if (w->memory < 0 || ftruncate(w->memory, 4 * MIB_) < 0)
		return -1;
	front_init(&w->front, UINT64_C(1) << 32 | 0x36, false, &ops, w);
	front_open(&w->front, pair[1]);
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	front_close(&w->front);
	(void)close(w->sock);
	(void)close(w->memory);
	return 0;
}

static void send_raw(struct world *w, const void *bytes, size_t n, const int *fds, size_t nfd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * 16)] = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = n };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (nfd) {
		struct cmsghdr *c;

		mh.msg_control = control;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * nfd);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfd);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfd);
	}
	assert_int_equal(sendmsg(w->sock, &mh, MSG_NOSIGNAL), n);
}

/* Sends a message and lets the device read it. */
static int say(struct world *w, uint32_t request, uint32_t flags, const void *payload,
	       uint32_t size, const int *fds, size_t nfd)
{
	struct vu_header h = { .request = request, .flags = VU_VERSION | flags, .size = size };
	char bytes[sizeof(h) + sizeof(union vu_payload)];
	const char *why = "";

	memcpy(bytes, &h, sizeof(h));
	if (size)
		memcpy(bytes + sizeof(h), payload, size);
	send_raw(w, bytes, sizeof(h) + size, fds, nfd);
	return front_readable(&w->front, &why);
}

static int say_u64(struct world *w, uint32_t request, uint64_t v)
{
	return say(w, request, 0, &v, sizeof(v), NULL, 0);
}

static int say_state(struct world *w, uint32_t request, uint32_t index, uint32_t num)
{
	struct vu_ring_state s = { .index = index, .num = num };

	return say(w, request, 0, &s, sizeof(s), NULL, 0);
}

static void hear(struct world *w, uint32_t request, void *payload, uint32_t size)
{
	struct vu_header h;

	assert_int_equal(recv(w->sock, &h, sizeof(h), 0), sizeof(h));
	assert_int_equal(h.request, request);
	assert_int_equal(h.flags, VU_VERSION | VU_FLAG_REPLY);
	assert_int_equal(h.size, size);
	assert_int_equal(recv(w->sock, payload, size, 0), size);
}

static int add_memory(struct world *w, uint64_t size)
{
	struct vu_mem_reg reg = { .region = { .gpa = 0, .size = size, .user = USER } };

	return say(w, VU_ADD_MEM_REG, 0, &reg, sizeof(reg), &w->memory, 1);
}

static void place_ring(struct world *w, uint32_t index)
{
	struct vu_ring_addr a = {
		.index = index, .desc = USER, .used = USER + 4096, .avail = USER + 8192
	};
	uint64_t u64 = index;
	int kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	assert_int_equal(say_state(w, VU_SET_VRING_NUM, index, 128), 0);
	assert_int_equal(say(w, VU_SET_VRING_ADDR, 0, &a, sizeof(a), NULL, 0), 0);
	assert_int_equal(say_state(w, VU_SET_VRING_BASE, index, 0), 0);
	assert_int_equal(say(w, VU_SET_VRING_KICK, 0, &u64, sizeof(u64), &kick, 1), 0);
	assert_int_equal(say_state(w, VU_SET_VRING_ENABLE, index, 1), 0);
	(void)close(kick);
}

static void test_features_are_offered_and_odd_ones_are_not_taken(void **state)
{
	struct world *w = *state;
	uint64_t v;

	assert_int_equal(say(w, VU_GET_FEATURES, 0, NULL, 0, NULL, 0), 0);
	hear(w, VU_GET_FEATURES, &v, sizeof(v));
	assert_int_equal(v, UINT64_C(1) << 32 | UINT64_C(1) << VU_F_PROTOCOL_FEATURES | 0x36);
	assert_int_equal(say_u64(w, VU_SET_FEATURES, ~UINT64_C(0)), 0);
	assert_int_equal(w->front.features, v);
}

static void test_a_ring_is_ready_when_all_of_it_was_said(void **state)
{
	struct world *w = *state;

	assert_int_equal(say_u64(w, VU_SET_FEATURES, UINT64_C(1) << VU_F_PROTOCOL_FEATURES), 0);
	assert_int_equal(add_memory(w, 4 * MIB_), 0);
	assert_false(front_ring_ready(&w->front, 0));
	place_ring(w, 0);
	assert_true(front_ring_ready(&w->front, 0));
	assert_true(front_fresh(&w->front));
	assert_int_equal(say_state(w, VU_SET_VRING_ENABLE, 0, 0), 0);
	assert_false(front_ring_ready(&w->front, 0));
}

static void test_a_stopped_ring_says_where_the_guest_saw_it_last(void **state)
{
	struct world *w = *state;
	struct vu_ring_state s;
	uint16_t used = 77;

	assert_int_equal(add_memory(w, 4 * MIB_), 0);
	place_ring(w, 1);
	assert_int_equal(pwrite(w->memory, &used, 2, 4096 + 2), 2);
	assert_int_equal(say_state(w, VU_GET_VRING_BASE, 1, 0), 0);
	hear(w, VU_GET_VRING_BASE, &s, sizeof(s));
	assert_int_equal(s.index, 1);
	assert_int_equal(s.num, 77);
	assert_false(front_ring_ready(&w->front, 1));
	assert_int_equal(say_state(w, VU_GET_VRING_BASE, 1, 0), 0); /* again, while stopped */
	hear(w, VU_GET_VRING_BASE, &s, sizeof(s));
	assert_int_equal(s.num, 77);
	assert_false(front_fresh(&w->front) && front_ring_ready(&w->front, 1));
}

static void test_every_change_of_rings_or_memory_stops_the_worker_first(void **state)
{
	struct world *w = *state;
	unsigned int before;

	assert_int_equal(add_memory(w, 4 * MIB_), 0);
	assert_true(w->quiesced > 0);
	place_ring(w, 0);
	before = w->quiesced;
	assert_int_equal(say_state(w, VU_SET_VRING_ENABLE, 0, 0), 0);
	assert_int_equal(w->quiesced, before + 1);
	assert_int_equal(say_u64(w, VU_SET_FEATURES, 0), 0);
	assert_int_equal(w->quiesced, before + 2);
}

static void test_of_the_configuration_only_what_the_guest_owns_is_taken(void **state)
{
	struct world *w = *state;
	struct vu_config c = { .offset = 0, .size = BALLOON_CONFIG_SIZE };

	front_set_config(&w->front, BALLOON_CONFIG_NUM_PAGES, 1000);
	front_set_config(&w->front, BALLOON_CONFIG_PRESS_SEQ, 5);
	memset(c.bytes, 0x11, c.size);
	assert_int_equal(say(w, VU_SET_CONFIG, 0, &c, 12 + c.size, NULL, 0), 0);
	assert_int_equal(front_config(&w->front, BALLOON_CONFIG_NUM_PAGES), 1000);
	assert_int_equal(front_config(&w->front, BALLOON_CONFIG_PRESS_SEQ), 5);
	assert_int_equal(front_config(&w->front, BALLOON_CONFIG_ACTUAL), 0x11111111);
	assert_int_equal(front_config(&w->front, BALLOON_CONFIG_POISON_VAL), 0x11111111);
	assert_int_equal(w->written, 1);
	c.offset = 6; /* cuts through both neighbours of a field */
	c.size = 4;
	memset(c.bytes, 0x22, c.size);
	assert_int_equal(say(w, VU_SET_CONFIG, 0, &c, 12 + c.size, NULL, 0), 0);
	assert_int_equal(front_config(&w->front, BALLOON_CONFIG_ACTUAL), 0x11111111);
	c = (struct vu_config){ .offset = 0, .size = 16 };
	assert_int_equal(say(w, VU_GET_CONFIG, 0, &c, 12 + 16, NULL, 0), 0);
	hear(w, VU_GET_CONFIG, &c, 12 + 16);
	assert_int_equal(c.bytes[1] << 8 | c.bytes[0], 1000);
}

static void test_the_front_end_is_told_of_a_new_target_on_its_channel(void **state)
{
	struct world *w = *state;
	struct vu_header h;
	int pair[2];

	assert_int_equal(front_tell_config(&w->front), -ENOTCONN);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(say(w, VU_SET_BACKEND_REQ_FD, 0, NULL, 0, &pair[0], 1), 0);
	assert_int_equal(front_tell_config(&w->front), 0);
	assert_int_equal(recv(pair[1], &h, sizeof(h), MSG_DONTWAIT), sizeof(h));
	assert_int_equal(h.request, VU_BACKEND_CONFIG_CHANGE);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void test_a_request_that_fails_is_answered_where_an_answer_was_asked_for(void **state)
{
	struct world *w = *state;
	struct vu_mem_reg reg = { .region = { .gpa = 0, .size = 64 * MIB_, .user = USER } };
	uint64_t v = 0;

	assert_int_equal(add_memory(w, 64 * MIB_), -EPROTO); /* larger than its file */
	assert_int_equal(w->front.mem.n, 0);
	assert_int_equal(say_u64(w, VU_SET_PROTOCOL_FEATURES, UINT64_C(1) << VU_PROTOCOL_REPLY_ACK),
			 0);
	assert_int_equal(
		say(w, VU_ADD_MEM_REG, VU_FLAG_NEED_REPLY, &reg, sizeof(reg), &w->memory, 1), 0);
	hear(w, VU_ADD_MEM_REG, &v, sizeof(v));
	assert_int_equal(v, 1);
	reg.region.size = MIB_;
	assert_int_equal(
		say(w, VU_ADD_MEM_REG, VU_FLAG_NEED_REPLY, &reg, sizeof(reg), &w->memory, 1), 0);
	hear(w, VU_ADD_MEM_REG, &v, sizeof(v));
	assert_int_equal(v, 0);
}

static void test_overlapping_memory_and_memory_never_added_are_refused(void **state)
{
	struct world *w = *state;
	struct vu_mem_reg reg = { .region = {
					  .gpa = MIB_, .size = MIB_, .user = USER + 8 * MIB_ } };
	struct vu_mem_table t = { .n = 2,
				  .region = { { .gpa = 0, .size = MIB_, .user = USER },
					      { .gpa = 4096, .size = MIB_, .user = 2 * USER } } };
	int fds[2] = { w->memory, w->memory };

	assert_int_equal(add_memory(w, 4 * MIB_), 0);
	assert_int_equal(say(w, VU_ADD_MEM_REG, 0, &reg, sizeof(reg), &w->memory, 1), -EPROTO);
	assert_int_equal(say(w, VU_REM_MEM_REG, 0, &reg, sizeof(reg), NULL, 0), -EPROTO);
	assert_int_equal(say(w, VU_SET_MEM_TABLE, 0, &t, 8 + 2 * 32, fds, 2), -EPROTO);
	reg.region = (struct vu_region){ .gpa = 0, .size = 4 * MIB_, .user = USER };
	assert_true(w->forgotten > 0);
}

static void test_a_table_that_says_what_is_known_forgets_no_page(void **state)
{
	struct world *w = *state;
	struct vu_mem_table t = { .n = 1, .region = { { .gpa = 0, .size = MIB_, .user = USER } } };
	int other = memfd_create("other", MFD_CLOEXEC);
	unsigned int before;

	assert_int_equal(ftruncate(other, MIB_), 0);
	assert_int_equal(say(w, VU_SET_MEM_TABLE, 0, &t, 8 + 32, &w->memory, 1), 0);
	before = w->forgotten;
	assert_int_equal(say(w, VU_SET_MEM_TABLE, 0, &t, 8 + 32, &w->memory, 1), 0);
	assert_int_equal(w->forgotten, before);
	assert_int_equal(say(w, VU_SET_MEM_TABLE, 0, &t, 8 + 32, &other, 1), 0);
	assert_true(w->forgotten > before); /* another file is other memory */
	before = w->forgotten;
	t.region[0].offset = 4096;
	t.region[0].size = 4096;
	assert_int_equal(say(w, VU_SET_MEM_TABLE, 0, &t, 8 + 32, &other, 1), 0);
	assert_true(w->forgotten > before);
	before = w->forgotten;
	t.n = 0;
	assert_int_equal(say(w, VU_SET_MEM_TABLE, 0, &t, 8, NULL, 0), 0);
	assert_true(w->forgotten > before);
	(void)close(other);
}

static void test_messages_of_a_wrong_shape_are_refused(void **state)
{
	static const uint32_t size_of_none[] = { VU_GET_FEATURES, VU_SET_OWNER, VU_GET_QUEUE_NUM };
	struct world *w = *state;
	struct vu_config c = { .offset = 250, .size = 8 };
	struct vu_mem_table t = { .n = 9 };
	uint64_t v = 0;
	size_t i;
	int two[2] = { w->memory, w->memory };

	for (i = 0; i < 3; i++)
		assert_int_equal(say(w, size_of_none[i], 0, &v, 8, NULL, 0), -EPROTO);
	assert_int_equal(say(w, 0, 0, NULL, 0, NULL, 0), -EPROTO);
	assert_int_equal(say(w, 9999, 0, NULL, 0, NULL, 0), -EPROTO);
	assert_int_equal(say(w, VU_GET_CONFIG, 0, &c, 12 + 8, NULL, 0), -EPROTO);
	c = (struct vu_config){ .offset = UINT32_MAX, .size = 8 };
	assert_int_equal(say(w, VU_SET_CONFIG, 0, &c, 12 + 8, NULL, 0), -EPROTO);
	c = (struct vu_config){ .size = 64 };
	assert_int_equal(say(w, VU_SET_CONFIG, 0, &c, 12 + 8, NULL, 0), -EPROTO);
	assert_int_equal(say(w, VU_SET_MEM_TABLE, 0, &t, 8, NULL, 0), -EPROTO);
	assert_int_equal(say(w, VU_SET_BACKEND_REQ_FD, 0, NULL, 0, NULL, 0), -EPROTO);
	assert_int_equal(say(w, VU_SET_BACKEND_REQ_FD, 0, NULL, 0, two, 2), -EPROTO);
	assert_int_equal(say_u64(w, VU_SET_VRING_KICK, 0), -EPROTO);
	assert_int_equal(say_u64(w, VU_SET_VRING_KICK, VU_RING_NO_FD), -EPROTO);
	assert_int_equal(say_state(w, VU_SET_VRING_NUM, BALLOON_RINGS_MAX, 8), -EPROTO);
	assert_int_equal(say_state(w, VU_SET_VRING_NUM, 0, 0), -EPROTO);
	assert_int_equal(say_state(w, VU_SET_VRING_NUM, 0, 65536), -EPROTO);
	assert_int_equal(say(w, VU_GET_FEATURES, VU_FLAG_REPLY, NULL, 0, NULL, 0), -EPROTO);
}

static void test_more_descriptors_than_any_message_has_are_closed(void **state)
{
	struct world *w = *state;
	struct vu_header h = { .request = VU_SET_OWNER, .flags = VU_VERSION };
	const char *why = "";
	int fds[12], i, free_fd;

	free_fd = dup(w->memory);
	(void)close(free_fd);
	for (i = 0; i < 12; i++)
		fds[i] = w->memory;
	send_raw(w, &h, sizeof(h), fds, 12);
	assert_int_equal(front_readable(&w->front, &why), -EPROTO);
	front_close(&w->front);
	i = dup(w->memory);
	assert_true(i <= free_fd); /* no descriptor was left open */
	(void)close(i);
}

static void test_a_message_that_comes_byte_by_byte_is_waited_for_without_waiting(void **state)
{
	struct world *w = *state;
	struct vu_header h = { .request = VU_SET_FEATURES, .flags = VU_VERSION, .size = 8 };
	uint64_t v = 0x20;
	char bytes[sizeof(h) + 8];
	const char *why = "";
	size_t i;

	memcpy(bytes, &h, sizeof(h));
	memcpy(bytes + sizeof(h), &v, 8);
	for (i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(w->front.features, 0);
		send_raw(w, bytes + i, 1, NULL, 0);
		assert_int_equal(front_readable(&w->front, &why), 0);
	}
	assert_int_equal(w->front.features, 0x20);
}

static void test_a_message_longer_than_any_is_refused_before_it_comes(void **state)
{
	struct world *w = *state;
	struct vu_header h = { .request = VU_SET_FEATURES, .flags = VU_VERSION, .size = 1 << 30 };
	const char *why = "";

	send_raw(w, &h, sizeof(h), NULL, 0);
	assert_int_equal(front_readable(&w->front, &why), -EPROTO);
	assert_non_null(strstr(why, "too long"));
}

static void test_a_front_end_that_leaves_in_the_midst_is_told_apart(void **state)
{
	struct world *w = *state;
	struct vu_header h = { .request = VU_SET_FEATURES, .flags = VU_VERSION, .size = 8 };
	const char *why = "";

	send_raw(w, &h, sizeof(h), &w->memory, 1);
	assert_int_equal(shutdown(w->sock, SHUT_WR), 0);
	assert_int_equal(front_readable(&w->front, &why), -EPIPE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_features_are_offered_and_odd_ones_are_not_taken),
		TEST(test_a_ring_is_ready_when_all_of_it_was_said),
		TEST(test_a_stopped_ring_says_where_the_guest_saw_it_last),
		TEST(test_every_change_of_rings_or_memory_stops_the_worker_first),
		TEST(test_of_the_configuration_only_what_the_guest_owns_is_taken),
		TEST(test_the_front_end_is_told_of_a_new_target_on_its_channel),
		TEST(test_a_request_that_fails_is_answered_where_an_answer_was_asked_for),
		TEST(test_overlapping_memory_and_memory_never_added_are_refused),
		TEST(test_a_table_that_says_what_is_known_forgets_no_page),
		TEST(test_messages_of_a_wrong_shape_are_refused),
		TEST(test_more_descriptors_than_any_message_has_are_closed),
		TEST(test_a_message_that_comes_byte_by_byte_is_waited_for_without_waiting),
		TEST(test_a_message_longer_than_any_is_refused_before_it_comes),
		TEST(test_a_front_end_that_leaves_in_the_midst_is_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
