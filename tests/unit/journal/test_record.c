/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_record.c - what is written can be read, and nothing else can
 */
#include "journal/record.h"
#include "sample.h"

#include "base/num.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ROUNDS 500

static struct buf line_of(const struct record *r)
{
	struct buf b;

	buf_init(&b, RECORD_LINE_MAX + 1);
	assert_int_equal(record_encode(&b, r), 0);
	assert_true(b.len > 1 && b.data[b.len - 1] == '\n');
	assert_ptr_equal(memchr(b.data, '\n', b.len), b.data + b.len - 1);
	return b;
}

static int decode_text(const char *text, char *trouble)
{
	struct record r;
	int ret;

	memset(&r, 0x5a, sizeof(r));
	ret = record_decode(text, strlen(text), trouble, &r);
	if (ret == 0) {
		record_fini(&r);
	} else {
		const unsigned char *at = (const unsigned char *)&r;
		size_t i;

		for (i = 0; i < sizeof(r); i++)
			assert_int_equal(at[i], 0x5a);
		assert_int_equal(ret, -EBADMSG);
		assert_true(strlen(trouble) > 0);
	}
	return ret;
}

/* Padding means nothing, and is not copied by assignment. */
static void clean_fact(struct fact *f)
{
	struct fact v = *f;

	memset(f, 0, sizeof(*f));
	f->value = v.value;
	f->taken_us = v.taken_us;
	f->known = v.known;
}

static void clean(struct record *r)
{
	struct host_facts *host = &r->snapshot.host;
	size_t i;

	if (r->kind == RECORD_VM)
		clean_fact(&r->vm.history.guest.base_cpu_us);
	if (r->kind != RECORD_SNAPSHOT)
		return;
	clean_fact(&host->total_b);
	clean_fact(&host->available_b);
	clean_fact(&host->psi_some_avg10_ppm);
	clean_fact(&host->psi_full_avg10_ppm);
	clean_fact(&host->local_s);
	for (i = 0; i < r->snapshot.nvm; i++) {
		clean_fact(&r->snapshot.vm[i].ram_b);
		clean_fact(&r->snapshot.vm[i].actual_b);
		clean_fact(&r->snapshot.vm[i].backed_b);
		clean_fact(&r->snapshot.vm[i].cpu_us);
		clean_fact(&r->snapshot.vm[i].target_b);
	}
}

static void assert_same(const struct record *a, const struct record *b)
{
	assert_int_equal(a->kind, b->kind);
	switch (a->kind) {
	case RECORD_JOURNAL:
		assert_int_equal(a->journal.version, b->journal.version);
		assert_int_equal(a->journal.wall_us, b->journal.wall_us);
		assert_int_equal(a->journal.mono_us, b->journal.mono_us);
		assert_string_equal(a->journal.program, b->journal.program);
		break;
	case RECORD_HOST:
		assert_memory_equal(&a->host, &b->host, sizeof(a->host));
		break;
	case RECORD_VM:
		assert_int_equal(a->vm.id, b->vm.id);
		assert_string_equal(a->vm.name, b->vm.name);
		assert_memory_equal(&a->vm.settings, &b->vm.settings, sizeof(a->vm.settings));
		assert_memory_equal(&a->vm.history, &b->vm.history, sizeof(a->vm.history));
		break;
	case RECORD_ASKED:
		assert_int_equal(a->asked.time_us, b->asked.time_us);
		assert_int_equal(a->asked.uid, b->asked.uid);
		assert_int_equal(a->asked.pid, b->asked.pid);
		assert_string_equal(a->asked.method, b->asked.method);
		assert_string_equal(a->asked.path, b->asked.path);
		assert_int_equal(a->asked.status, b->asked.status);
		break;
	case RECORD_GONE:
		assert_int_equal(a->gone.id, b->gone.id);
		break;
	case RECORD_SNAPSHOT:
		assert_int_equal(a->snapshot.now_us, b->snapshot.now_us);
		assert_memory_equal(&a->snapshot.host, &b->snapshot.host, sizeof(a->snapshot.host));
		assert_int_equal(a->snapshot.nvm, b->snapshot.nvm);
		if (a->snapshot.nvm)
			assert_memory_equal(a->snapshot.vm, b->snapshot.vm,
					    a->snapshot.nvm * sizeof(*a->snapshot.vm));
		break;
	case RECORD_PLAN:
	case RECORD_KIND_COUNT:
		assert_int_equal(a->plan.now_us, b->plan.now_us);
		assert_memory_equal(&a->plan.host, &b->plan.host, sizeof(a->plan.host));
		assert_int_equal(a->plan.nvm, b->plan.nvm);
		if (a->plan.nvm)
			assert_memory_equal(a->plan.vm, b->plan.vm,
					    a->plan.nvm * sizeof(*a->plan.vm));
		break;
	}
}

static void what_is_written_is_read_back_the_same(void **state)
{
	char trouble[RECORD_TROUBLE_MAX];
	uint64_t seed = 1;
	unsigned int i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		struct record a, b;
		struct buf text;
		int r;

		sample_record(&seed, (enum record_kind)(i % RECORD_KIND_COUNT), &a);
		text = line_of(&a);
		r = record_decode(text.data, text.len - 1, trouble, &b);
		if (r < 0)
			fail_msg("%s: %s", trouble, text.data);
		clean(&a);
		clean(&b);
		assert_same(&a, &b);
		record_fini(&a);
		record_fini(&b);
		buf_fini(&text);
	}
}

static struct buf sample_line(enum record_kind kind)
{
	uint64_t seed = 42;
	struct record r;
	struct buf b;

	do {
		sample_record(&seed, kind, &r);
		b = line_of(&r);
		if ((kind != RECORD_SNAPSHOT || r.snapshot.nvm) &&
		    (kind != RECORD_PLAN || r.plan.nvm)) {
			record_fini(&r);
			return b;
		}
		record_fini(&r);
		buf_fini(&b);
	} while (true);
}

static void every_prefix_of_a_line_is_refused(void **state)
{
	unsigned int kind;
	size_t len;

	(void)state;
	for (kind = 0; kind < RECORD_KIND_COUNT; kind++) {
		struct buf text = sample_line((enum record_kind)kind);

		for (len = 0; len < text.len - 1; len++) {
			char trouble[RECORD_TROUBLE_MAX];
			struct record r;

			assert_int_equal(record_decode(text.data, len, trouble, &r), -EBADMSG);
		}
		buf_fini(&text);
	}
}

/* The text with the member @key, up to the next comma or brace at its level, replaced. */
static char *with_member(const char *text, const char *key, const char *value)
{
	const char *at = strstr(text, key), *end;
	int depth = 0;
	char *out;

	assert_non_null(at);
	for (end = at; depth > 0 || (*end != ',' && *end != '}'); end++) {
		if (*end == '[' || *end == '{')
			depth++;
		if (*end == ']' || *end == '}')
			depth--;
	}
	assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, value, end) > 0);
	return out;
}

/* Keys as they stand in the text, each with values that are not legal for it. */
static void check_refused(enum record_kind kind, const char *key, const char *const values[])
{
	struct buf text = sample_line(kind);
	size_t i;

	text.data[text.len - 1] = '\0';
	for (i = 0; values[i]; i++) {
		char trouble[RECORD_TROUBLE_MAX], *changed, member[256];

		(void)snprintf(member, sizeof(member), "%s%s", key, values[i]);
		changed = with_member(text.data, key, member);
		if (decode_text(changed, trouble) != -EBADMSG)
			fail_msg("accepted: %s", member);
		free(changed);
	}
	buf_fini(&text);
}

static void figures_of_the_wrong_kind_are_refused(void **state)
{
	static const char *const not_u64[] = { "-1",
					       "1.0",
					       "1e3",
					       "\"1\"",
					       "null",
					       "true",
					       "[1]",
					       "{}",
					       "18446744073709551616",
					       "99999999999999999999999999",
					       "01",
					       NULL };
	static const char *const not_u32[] = { "4294967296", "-1", "null", NULL };
	static const char *const not_i32[] = { "2147483648", "-2147483649", "0.5", "\"\"", NULL };
	static const char *const not_word[] = { "\"sideways\"", "1", "null", "\"\"", NULL };
	static const char *const not_fact[] = { "5",	  "[]",	       "[1]", "[1,2,3]", "[null,1]",
						"[1,-1]", "[\"1\",2]", "{}",  "false",	 NULL };
	static const char *const not_stats[] = { "{}",
						 "{\"taken_us\":1}",
						 "{\"free\":1}",
						 "{\"taken_us\":1,\"free\":-1}",
						 "{\"taken_us\":1,\"free\":1,\"new\":1}",
						 "{\"taken_us\":null,\"free\":1}",
						 "[]",
						 "1",
						 NULL };
	static const char *const not_bool[] = { "2", "true", NULL };
	static const char *const not_array[] = { "[1,2,3]", "[1,2,3,4,5]", "[1,2,3,null]", "1",
						 NULL };
	static const char *const not_struct[] = { "{}", "[]", "null", "1", NULL };
	static const char *const not_string[] = { "1", "null", "\"a\\u0000b\"", "\"\xff\"", NULL };

	(void)state;
	check_refused(RECORD_SNAPSHOT, "\"now_us\":", not_u64);
	check_refused(RECORD_SNAPSHOT, "\"boots\":", not_u32);
	check_refused(RECORD_SNAPSHOT, "\"target_error\":", not_i32);
	check_refused(RECORD_SNAPSHOT, "\"state\":", not_word);
	check_refused(RECORD_SNAPSHOT, "\"total_b\":", not_fact);
	check_refused(RECORD_SNAPSHOT, "\"stats\":", not_stats);
	check_refused(RECORD_SNAPSHOT, "\"host\":", not_struct);
	check_refused(RECORD_SNAPSHOT,
		      "\"vm\":", (const char *const[]){ "{}", "null", "[1]", "[{}]", NULL });
	check_refused(RECORD_PLAN, "\"reason\":", not_word);
	check_refused(RECORD_VM, "\"phase\":", not_word);
	check_refused(RECORD_VM, "\"gives_back\":", not_bool);
	check_refused(RECORD_VM, "\"verify_next\":", (const char *const[]){ "5", NULL });
	check_refused(RECORD_VM, "\"freed_b\":", not_array);
	check_refused(RECORD_VM, "\"cold_class\":", (const char *const[]){ "16", NULL });
	check_refused(RECORD_VM, "\"class\":", (const char *const[]){ "16", NULL });
	check_refused(RECORD_PLAN, "\"price\":", (const char *const[]){ "17", NULL });
	check_refused(RECORD_VM, "\"name\":", not_string);
	check_refused(RECORD_VM, "\"mode\":", not_word);
	check_refused(RECORD_VM,
		      "\"press_cache\":", (const char *const[]){ "1", "null", "\"no\"", NULL });
	check_refused(RECORD_VM, "\"step\":",
		      (const char *const[]){ "0", "-1", "18446744073709551615", NULL });
	check_refused(RECORD_VM, "\"settings\":", not_struct);
}

static void a_missing_an_unknown_and_a_doubled_key_are_refused_and_named(void **state)
{
	char trouble[RECORD_TROUBLE_MAX];

	(void)state;
	assert_int_equal(decode_text("{\"record\":\"gone\",\"id\":7}", trouble), 0);
	assert_int_equal(decode_text(" { \"record\" : \"gone\" , \"id\" : 7 } ", trouble), 0);
	assert_int_equal(decode_text("{\"record\":\"gone\"}", trouble), -EBADMSG);
	assert_string_equal(trouble, "\"id\" is missing");
	assert_int_equal(decode_text("{\"record\":\"gone\",\"id\":7,\"x\":1}", trouble), -EBADMSG);
	assert_string_equal(trouble, "\"x\" is not known");
	assert_int_equal(decode_text("{\"record\":\"gone\",\"id\":7,\"id\":7}", trouble), -EBADMSG);
	assert_string_equal(trouble, "a key is there twice");
	assert_int_equal(decode_text("{\"record\":\"gone\",\"id\":-7}", trouble), -EBADMSG);
	assert_string_equal(trouble, "\"id\" has no legal value");
	assert_int_equal(decode_text("{\"record\":\"gone\",\"id\":18446744073709551616}", trouble),
			 -EBADMSG);
	assert_string_equal(trouble, "a number is too large");
	assert_int_equal(decode_text("{\"record\":\"come\",\"id\":7}", trouble), -EBADMSG);
	assert_int_equal(decode_text("{\"id\":7}", trouble), -EBADMSG);
	assert_int_equal(decode_text("{\"record\":7}", trouble), -EBADMSG);
}

static void what_is_no_line_of_json_is_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"x",
		"null",
		"1",
		"[]",
		"\"record\"",
		"{\"record\":\"gone\",\"id\":7}{}",
		"{\"record\":\"gone\",\"id\":7} x",
		"{\"record\":\"gone\",\"id\":7,}",
		"{'record':'gone','id':7}",
		"{\"record\":\"gone\",/* \"id\":6 */\"id\":7}",
		"{\"record\":\"gone\",\"id\":NaN}",
		"{\"record\":\"g\xff\",\"id\":7}",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
	};
	char trouble[RECORD_TROUBLE_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lines); i++)
		if (decode_text(lines[i], trouble) != -EBADMSG)
			fail_msg("accepted: %s", lines[i]);
}

static void a_colon_in_a_name_is_no_member(void **state)
{
	char trouble[RECORD_TROUBLE_MAX];
	struct record a = { .kind = RECORD_JOURNAL }, b;
	struct buf text;

	(void)state;
	a.journal.program = strdup("a:\"b\":\\:{");
	text = line_of(&a);
	assert_int_equal(record_decode(text.data, text.len - 1, trouble, &b), 0);
	assert_string_equal(b.journal.program, a.journal.program);
	record_fini(&a);
	record_fini(&b);
	buf_fini(&text);
}

static void a_name_that_is_no_utf8_is_mended(void **state)
{
	static const char *const mended[][2] = {
		{ "a\xff"
		  "b",
		  "a\xef\xbf\xbd"
		  "b" },
		{ "\xc3", "\xef\xbf\xbd" },				    /* cut */
		{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },		    /* longer than needed */
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* a surrogate */
		{ "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf0\x8f\xbf\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\x01\x7f", "\x01\x7f" },
		{ "\xee\x80\x80\xf4\x8f\xbf\xbf", "\xee\x80\x80\xf4\x8f\xbf\xbf" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(mended); i++) {
		struct record a = { .kind = RECORD_JOURNAL }, b;
		char trouble[RECORD_TROUBLE_MAX];
		struct buf text;

		a.journal.program = strdup(mended[i][0]);
		text = line_of(&a);
		assert_int_equal(record_decode(text.data, text.len - 1, trouble, &b), 0);
		assert_string_equal(b.journal.program, mended[i][1]);
		record_fini(&a);
		record_fini(&b);
		buf_fini(&text);
	}
}

static void what_cannot_be_written_leaves_the_buffer_as_it_was(void **state)
{
	struct decision d = { .phase = PHASE_COUNT };
	struct record r = { .kind = RECORD_PLAN, .plan = { .nvm = 1, .vm = &d } };
	struct buf b;

	(void)state;
	buf_init(&b, RECORD_LINE_MAX);
	assert_int_equal(buf_printf(&b, "before"), 0);
	assert_int_equal(record_encode(&b, &r), -EINVAL);
	assert_string_equal(b.data, "before");
	r.plan.nvm = RECORD_VMS_MAX + 1;
	assert_int_equal(record_encode(&b, &r), -EMSGSIZE);
	assert_string_equal(b.data, "before");
	buf_fini(&b);
	buf_init(&b, 50);
	d.phase = PHASE_WATCH;
	r.plan.nvm = 1;
	assert_int_equal(record_encode(&b, &r), -EMSGSIZE);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

/* What a plan decides for the host. */
#define HOST                                                                                  \
	"\"host\":{\"hurry\":0,\"reason\":\"none\",\"want_b\":0,\"need_b\":0,\"coming_b\":0," \
	"\"offered_b\":0,\"held_b\":0,\"price\":0,\"part_ppm\":0,\"give_back\":0,"            \
	"\"deadline_us\":0}"

static void too_many_vms_in_a_line_are_refused_before_they_are_made(void **state)
{
	char trouble[RECORD_TROUBLE_MAX];
	struct buf b;
	unsigned int i;

	(void)state;
	buf_init(&b, RECORD_LINE_MAX);
	assert_int_equal(buf_printf(&b, "{\"record\":\"plan\",\"now_us\":1,%s,\"vm\":[1", HOST), 0);
	for (i = 0; i < RECORD_VMS_MAX; i++)
		assert_int_equal(buf_add(&b, ",1", 2), 0);
	assert_int_equal(buf_printf(&b, "]}"), 0);
	assert_int_equal(decode_text(b.data, trouble), -EBADMSG);
	assert_string_equal(trouble, "\"vm\" has too many elements");
	buf_fini(&b);
}

static void the_first_difference_of_two_decisions_is_named(void **state)
{
	struct record_difference diff;
	struct decision a = { .vm_id = 1, .fig = { .stale_b = FIGURE_UNKNOWN } }, b = a;

	(void)state;
	assert_false(record_decision_differs(&a, &b, &diff));
	b.fig.stale_b = 5;
	assert_true(record_decision_differs(&a, &b, &diff));
	assert_string_equal(diff.key, "fig.stale_b");
	assert_string_equal(diff.a, "18446744073709551615");
	assert_string_equal(diff.b, "5");
	b.reason = REASON_STEP;
	assert_true(record_decision_differs(&a, &b, &diff));
	assert_string_equal(diff.key, "reason");
	assert_string_equal(diff.b, "\"step\"");
	b.reason = REASON_COUNT;
	assert_true(record_decision_differs(&a, &b, &diff));
	assert_string_equal(diff.b, "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back_the_same),
		cmocka_unit_test(every_prefix_of_a_line_is_refused),
		cmocka_unit_test(figures_of_the_wrong_kind_are_refused),
		cmocka_unit_test(a_missing_an_unknown_and_a_doubled_key_are_refused_and_named),
		cmocka_unit_test(what_is_no_line_of_json_is_refused),
		cmocka_unit_test(a_colon_in_a_name_is_no_member),
		cmocka_unit_test(a_name_that_is_no_utf8_is_mended),
		cmocka_unit_test(what_cannot_be_written_leaves_the_buffer_as_it_was),
		cmocka_unit_test(too_many_vms_in_a_line_are_refused_before_they_are_made),
		cmocka_unit_test(the_first_difference_of_two_decisions_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
