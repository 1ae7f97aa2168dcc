/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_discover.c - the behaviour of host/discover.h
 *
 * Layer: tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/num.h"
#include "host/discover.h"
#include "tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Parses arguments as a reader writes them: '|' stands for NUL, one is added at the end. */
static struct discover_vm parse(const char *args)
{
	struct discover_vm vm;
	char *bytes = strdup(args);
	size_t len = strlen(args), i;

	assert_non_null(bytes);
	for (i = 0; i < len; i++) {
		if (bytes[i] == '|')
			bytes[i] = '\0';
	}
	assert_int_equal(discover_parse_cmdline(bytes, len + 1, &vm), 0);
	free(bytes);
	return vm;
}

#define assert_name(args, expected) assert_string_equal(parse(args).name, expected)

static void names_are_read_in_each_of_qemus_ways(void **state)
{
	(void)state;
	assert_name("q|-name|web", "web");
	assert_name("q|--name|web", "web");
	assert_name("q|-name|guest=web,debug-threads=on", "web");
	assert_name("q|-name|debug-threads=on,guest=web", "web");
	assert_name("q|-name|web,process=x,debug-threads=on", "web");
	assert_name("q|-name|guest=a,,b", "a,b");
	assert_name("q|-name|a,,b=c,debug-threads=on", "a,b=c");
	assert_name("q|-name|debug-threads=on", "");
	assert_name("q|-m|512", "");
	assert_name("q|-name|old|-name|new", "new");
	assert_name("q|-name|b\xc3\xbcro", "b\xc3\xbcro");
	assert_string_equal(parse("q|-uuid|0d3c").uuid, "0d3c");
	assert_string_equal(parse("q|-m|1").uuid, "");
}

static void names_that_could_hurt_a_reader_are_made_harmless(void **state)
{
	char args[600] = "q|-name|";

	(void)state;
	assert_name("q|-name|a\x1b[31mb\nc\x7f", "a?[31mb?c?");
	assert_name("q|-name|\xff\xc3(\xed\xa0\x80\xc2\x9b", "?"
							     "?(?????");
	memset(args + 8, 'n', 255);
	assert_int_equal(strlen(parse(args).name), 255);
	args[8 + 255] = 'n';
	assert_name(args, ""); /* none is better than one cut short */
}

static void assert_sockets(const char *args, const char *const *paths, size_t n)
{
	struct discover_vm vm = parse(args);
	size_t i;

	assert_int_equal(vm.nsocket, n);
	for (i = 0; i < n; i++)
		assert_string_equal(vm.socket[i].path, paths[i]);
}

#define assert_one(args, path) assert_sockets(args, (const char *const[]){ path }, 1)
#define assert_none(args) assert_sockets(args, NULL, 0)

static void qmp_sockets_are_read_in_each_of_qemus_ways(void **state)
{
	(void)state;
	assert_one("q|-qmp|unix:/run/q,server=on,wait=off", "/run/q");
	assert_one("q|-qmp|unix:/run/q,server,nowait", "/run/q");
	assert_one("q|--qmp-pretty|unix:rel/q,wait=off,server=yes", "rel/q");
	assert_one("q|-qmp|unix:/a,,b=c,server", "/a,b=c");
	assert_one("q|-chardev|socket,id=m,path=/run/m,server=on|-mon|chardev=m,mode=control",
		   "/run/m");
	assert_one("q|-mon|m,mode=control,pretty=on|-chardev|socket,path=/run/m,server,id=m",
		   "/run/m");
	assert_one("q|-mon|mode=control,id=x,chardev=m|-chardev|socket,path=/m,server,id=m", "/m");
	assert_one("q|-qmp|chardev:m|-chardev|socket,id=m,path=/run/m,server=on", "/run/m");
}

static void what_cannot_be_connected_to_is_left_out(void **state)
{
	char longest[300] = "q|-qmp|unix:/";

	(void)state;
	assert_none("q|-qmp|stdio");
	assert_none("q|-qmp|tcp:localhost:4444,server");
	assert_none("q|-qmp|unix:/run/q"); /* QEMU is the client there */
	assert_none("q|-qmp|unix:/run/q,server=off");
	assert_none("q|-qmp|unix:name,abstract=on,server");
	assert_none("q|-qmp|unix:,server");
	assert_none("q|-qmp|unix:/a\nb,server");
	assert_none("q|-monitor|unix:/run/hmp,server");
	assert_none("q|-chardev|socket,id=m,path=/m,server|-mon|chardev=m,mode=readline");
	assert_none("q|-chardev|socket,id=m,path=/m,server|-mon|chardev=m");
	assert_none("q|-chardev|socket,id=m,path=/m,server|-mon|chardev=n,mode=control");
	assert_none("q|-chardev|socket,id=m,path=/m|-mon|chardev=m,mode=control");
	assert_none("q|-chardev|pty,id=m,path=/m,server|-mon|chardev=m,mode=control");
	assert_none("q|-chardev|socket,id=m,fd=3,server|-mon|chardev=m,mode=control");
	memset(longest + 13, 'p', 106); /* with the slash one byte less than sun_path */
	(void)strcat(longest, ",server");
	assert_int_equal(parse(longest).nsocket, 1);
	memset(longest + 13, 'p', 107);
	(void)strcpy(longest + 13 + 107, ",server");
	assert_none(longest);
}

static void the_best_socket_comes_first(void **state)
{
	static const char *const paths[] = { "/run/ballonet-x", "/qmp1", "/qmp2", "/mon",
					     "/var/lib/libvirt/qemu/domain-1-x/monitor.sock" };
	struct discover_vm vm;

	(void)state;
	assert_sockets("q|-chardev|socket,id=charmonitor,"
		       "path=/var/lib/libvirt/qemu/domain-1-x/monitor.sock,server=on"
		       "|-mon|chardev=charmonitor,id=monitor,mode=control"
		       "|-chardev|socket,id=c,path=/mon,server|-mon|c,mode=control"
		       "|-qmp|unix:/qmp1,server|-qmp|unix:/qmp2,server"
		       "|-qmp|unix:/run/ballonet-x,server",
		       paths, ARRAY_SIZE(paths));
	vm = parse("q|-chardev|socket,id=ballonet,path=/b,server|-mon|ballonet,mode=control"
		   "|-qmp|unix:/q,server");
	assert_int_equal(vm.nsocket, 2);
	assert_string_equal(vm.socket[0].id, "ballonet");
	assert_int_equal(vm.socket[0].rank, DISCOVER_BALLONET);
	assert_false(vm.socket[0].taken_by_libvirt);
}

static void libvirts_own_monitor_is_never_taken_for_ours(void **state)
{
	struct discover_vm vm;

	(void)state;
	vm = parse(
		"q|-chardev|socket,id=x,path=/var/lib/libvirt/qemu/domain-1-ballonet/monitor.sock"
		",server=on|-mon|chardev=x,mode=control");
	assert_int_equal(vm.nsocket, 1);
	assert_true(vm.socket[0].taken_by_libvirt);
	assert_int_equal(vm.socket[0].rank, DISCOVER_LIBVIRT);
	/* as libvirt has it today: an inherited fd, no path at all */
	vm = parse("q|-chardev|socket,id=charmonitor,fd=33,server=on,wait=off"
		   "|-mon|chardev=charmonitor,id=monitor,mode=control");
	assert_true(vm.libvirt);
	assert_int_equal(vm.nsocket, 0);
	assert_false(parse("q|-qmp|unix:/q,server").libvirt);
}

static void a_cut_off_or_empty_command_line_is_handled(void **state)
{
	static const char cut[] = "q\0-name\0web\0-qmp\0unix:/run/q,server";
	struct discover_vm vm = { .pid = 42 };

	(void)state;
	assert_int_equal(discover_parse_cmdline("", 0, &vm), -EBADMSG);
	assert_int_equal(discover_parse_cmdline("qemu", 4, &vm), -EBADMSG);
	assert_int_equal(vm.pid, 42);
	assert_int_equal(discover_parse_cmdline(cut, sizeof(cut) - 1, &vm), 0);
	assert_string_equal(vm.name, "web");
	assert_int_equal(vm.nsocket, 0); /* half a path would be a wrong one */
	assert_int_equal(discover_parse_cmdline(cut, sizeof(cut), &vm), 0);
	assert_int_equal(vm.nsocket, 1);
	assert_int_equal(parse("q|-name").nsocket, 0);
	assert_int_equal(parse("").nsocket, 0);
}

static void a_thousand_monitors_are_bounded(void **state)
{
	size_t size = 200000, len = 0;
	char *args = malloc(size);
	struct discover_vm vm;
	int i;

	(void)state;
	assert_non_null(args);
	for (i = 0; i < 3000; i++)
		len += (size_t)snprintf(args + len, size - len,
					"|-qmp|unix:/%d,server|-mon|%d,mode=control", i, i);
	vm = parse(args);
	assert_int_equal(vm.nsocket, DISCOVER_SOCKETS_MAX);
	assert_string_equal(vm.socket[0].path, "/0");
	free(args);
}

static void qemu_is_known_by_its_name(void **state)
{
	static const char *const yes[] = {
		"/usr/bin/qemu-system-x86_64",	   "qemu-system-aarch64",
		"/usr/libexec/qemu-kvm",	   "/usr/bin/kvm",
		"/usr/libexec/qemu-kvm (deleted)", "/usr/bin/qemu-system-x86_64 (deleted)"
	};
	static const char *const no[] = { "",
					  "/",
					  "/usr/bin/qemu-img",
					  "kvmtool",
					  "qemu-kvm2",
					  "/qemu-system-/x",
					  "qemu-ga",
					  "notqemu-system-x86_64" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(yes); i++)
		assert_true(discover_is_qemu(yes[i]));
	for (i = 0; i < ARRAY_SIZE(no); i++)
		assert_false(discover_is_qemu(no[i]));
}

#define put_cmdline(t, path, bytes) tree_put_bytes(t, path, bytes, sizeof(bytes))

static void qemus_are_listed_by_pid_and_others_are_not(void **state)
{
	struct discover_list list = { 0 };
	struct tree t;

	(void)state;
	tree_init(&t);
	put_cmdline(&t, "100/cmdline",
		    "/usr/bin/qemu-system-x86_64\0-name\0twin\0-qmp\0unix:/a,server");
	put_cmdline(&t, "20/cmdline", "/usr/bin/kvm\0-name\0twin\0-qmp\0unix:/b,server");
	put_cmdline(&t, "3/cmdline", "renamed\0-name\0byexe");
	tree_link(&t, "3/exe", "/opt/qemu-system-arm");
	put_cmdline(&t, "4/cmdline", "/bin/sh\0-c\0qemu-system-x86_64 -name no");
	tree_link(&t, "4/exe", "/bin/dash");
	tree_put(&t, "5/cmdline", ""); /* a kernel thread */
	tree_put(&t, "6/stat", "");    /* no command line to be read */
	put_cmdline(&t, "self/cmdline", "/usr/bin/kvm");
	tree_put(&t, "meminfo", "MemTotal: 1 kB\n");
	assert_int_equal(discover(t.fd, &list), 0);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.vm[0].pid, 3);
	assert_string_equal(list.vm[0].name, "byexe");
	assert_int_equal(list.vm[1].pid, 20);
	assert_int_equal(list.vm[2].pid, 100);
	assert_string_equal(list.vm[1].name, "twin"); /* two of one name: both */
	assert_string_equal(list.vm[2].name, "twin");
	assert_string_equal(list.vm[1].socket[0].path, "/b");
	assert_int_equal(list.vm[1].uid, getuid());
	discover_list_fini(&list);
	discover_list_fini(&list);
	assert_int_equal(discover(t.fd, &list), 0); /* the root fd is none the worse */
	assert_int_equal(list.n, 3);
	discover_list_fini(&list);
	tree_fini(&t);
}

static void only_what_may_be_qemu_is_read(void **state)
{
	struct discover_list list = { 0 };
	struct tree t;

	(void)state;
	tree_init(&t);
	tree_put(&t, "1/comm", "qemu-system-x86\n");
	put_cmdline(&t, "1/cmdline", "/usr/bin/qemu-system-x86_64\0-name\0a");
	tree_put(&t, "2/comm", "web\n"); /* -name process=web */
	tree_link(&t, "2/exe", "/usr/bin/qemu-system-x86_64");
	put_cmdline(&t, "2/cmdline", "/usr/bin/qemu-system-x86_64\0-name\0b");
	tree_put(&t, "3/comm", "java\n");
	tree_link(&t, "3/exe", "/usr/bin/java");
	put_cmdline(&t, "3/cmdline", "/usr/bin/qemu-system-x86_64\0-name\0c");
	tree_put(&t, "4/comm", "java\n"); /* its executable cannot be seen */
	put_cmdline(&t, "4/cmdline", "/usr/bin/qemu-system-x86_64\0-name\0d");
	assert_int_equal(discover(t.fd, &list), 0);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.vm[0].name, "a");
	assert_string_equal(list.vm[1].name, "b");
	discover_list_fini(&list);
	tree_fini(&t);
}

static void in_turns_the_list_is_the_same(void **state)
{
	struct discover_list list = { 0 };
	struct discover_walk walk;
	char path[32];
	struct tree t;
	int i, turns = 0;

	(void)state;
	tree_init(&t);
	for (i = 1; i <= 10; i++) {
		(void)snprintf(path, sizeof(path), "%d/cmdline", i);
		put_cmdline(&t, path, "kvm");
	}
	assert_int_equal(discover_begin(t.fd, &walk), 0);
	while ((i = discover_go_on(&walk, 3, &list)) == 1)
		turns++;
	assert_int_equal(i, 0);
	assert_int_equal(turns, 3);
	assert_int_equal(list.n, 10);
	assert_null(walk.dir);
	discover_list_fini(&list);
	assert_int_equal(discover_begin(t.fd, &walk), 0); /* one that is not wanted any more */
	assert_int_equal(discover_go_on(&walk, 3, &list), 1);
	discover_end(&walk);
	discover_end(&walk);
	tree_fini(&t);
}

static void relative_paths_are_resolved_where_the_process_stands(void **state)
{
	struct discover_list list = { 0 };
	char cwd[200];
	struct tree t;

	(void)state;
	tree_init(&t);
	put_cmdline(&t, "7/cmdline", "kvm\0-qmp\0unix:run/q,server\0-qmp\0unix:/abs,server");
	tree_link(&t, "7/cwd", "/srv/vm");
	put_cmdline(&t, "8/cmdline", "kvm\0-qmp\0unix:q,server");
	tree_link(&t, "8/cwd", "/");
	put_cmdline(&t, "9/cmdline", "kvm\0-qmp\0unix:q,server");
	(void)snprintf(cwd, sizeof(cwd), "/%0150d", 1);
	tree_link(&t, "9/cwd", cwd);
	put_cmdline(&t, "10/cmdline", "kvm\0-qmp\0unix:q,server\0-qmp\0unix:/abs,server");
	assert_int_equal(discover(t.fd, &list), 0);
	assert_int_equal(list.n, 4);
	assert_string_equal(list.vm[0].socket[0].path, "/srv/vm/run/q");
	assert_string_equal(list.vm[0].socket[1].path, "/abs");
	assert_string_equal(list.vm[1].socket[0].path, "/q");
	assert_string_equal(list.vm[2].socket[0].path, "/proc/9/cwd/q");
	assert_int_equal(list.vm[3].nsocket, 1); /* unknown directory: no guess */
	assert_string_equal(list.vm[3].socket[0].path, "/abs");
	discover_list_fini(&list);
	tree_fini(&t);
}

static void a_huge_command_line_is_read_as_far_as_it_is_sound(void **state)
{
	struct discover_list list = { 0 };
	static char bytes[1 << 20];
	struct tree t;

	(void)state;
	tree_init(&t);
	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, "kvm\0-name\0big\0-uuid", 20);
	tree_put_bytes(&t, "7/cmdline", bytes, sizeof(bytes));
	assert_int_equal(discover(t.fd, &list), 0);
	assert_int_equal(list.n, 1);
	assert_string_equal(list.vm[0].name, "big");
	assert_string_equal(list.vm[0].uuid, "");
	discover_list_fini(&list);
	memset(bytes, 'x', sizeof(bytes)); /* one argument without an end */
	tree_put_bytes(&t, "7/cmdline", bytes, sizeof(bytes));
	assert_int_equal(discover(t.fd, &list), 0);
	assert_int_equal(list.n, 0);
	discover_list_fini(&list);
	tree_fini(&t);
}

static void a_list_of_many_is_whole(void **state)
{
	struct discover_list list = { 0 };
	char path[32];
	struct tree t;
	int i;

	(void)state;
	tree_init(&t);
	for (i = 1; i <= 37; i++) {
		(void)snprintf(path, sizeof(path), "%d/cmdline", i);
		put_cmdline(&t, path, "kvm");
	}
	assert_int_equal(discover(t.fd, &list), 0);
	assert_int_equal(list.n, 37);
	for (i = 0; i < 37; i++)
		assert_int_equal(list.vm[i].pid, i + 1);
	discover_list_fini(&list);
	assert_int_equal(discover(-1, &list), -EBADF);
	tree_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_read_in_each_of_qemus_ways),
		cmocka_unit_test(names_that_could_hurt_a_reader_are_made_harmless),
		cmocka_unit_test(qmp_sockets_are_read_in_each_of_qemus_ways),
		cmocka_unit_test(what_cannot_be_connected_to_is_left_out),
		cmocka_unit_test(the_best_socket_comes_first),
		cmocka_unit_test(libvirts_own_monitor_is_never_taken_for_ours),
		cmocka_unit_test(a_cut_off_or_empty_command_line_is_handled),
		cmocka_unit_test(a_thousand_monitors_are_bounded),
		cmocka_unit_test(qemu_is_known_by_its_name),
		cmocka_unit_test(qemus_are_listed_by_pid_and_others_are_not),
		cmocka_unit_test(only_what_may_be_qemu_is_read),
		cmocka_unit_test(in_turns_the_list_is_the_same),
		cmocka_unit_test(relative_paths_are_resolved_where_the_process_stands),
		cmocka_unit_test(a_huge_command_line_is_read_as_far_as_it_is_sound),
		cmocka_unit_test(a_list_of_many_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
