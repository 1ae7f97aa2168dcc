/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view_room.c - room for VMs that are to start, as the JSON objects of the control API
 *
 * Layer: api.
 * In:    the ledger of reservations, the host's facts, the policy's headroom.
 * Out:   JSON, and the sentences that go with the answers.
 *
 * The policy is asked each time how a reservation stands now: the answer given
 * when it was made may be out of date.
 */
#include "api/view_room.h"

#include "base/num.h"
#include "api/view_json.h"
#include "policy/explain.h"

#include <stdio.h>

#define SENTENCE_MAX 512

void view_find_headroom(const struct control_view *v, struct headroom *ret)
{
	uint64_t most = v->defaults->max_squeezes;

	headroom_find(v->history, most ? most : u64_max(v->host->cpus / 2, 1), ret);
}

struct json_object *view_headroom(const struct control_view *v, uint64_t now_us)
{
	static const char *const keys[HEADROOM_COUNT] = {
		[HEADROOM_1S] = "within_1s_b",
		[HEADROOM_10S] = "within_10s_b",
		[HEADROOM_60S] = "within_60s_b",
	};
	struct json_object *o = json_object_new_object();
	const struct host_facts *host = v->host;
	struct headroom room;
	size_t i;

	if (!o)
		return NULL;
	view_find_headroom(v, &room);
	for (i = 0; i < HEADROOM_COUNT; i++)
		json_figure(o, keys[i], room.b[i]);
	json_figure(o, "offered_b", room.offered_b);
	json_figure(o, "share_ppm", room.share_ppm);
	json_figure(o, "rate_b", room.rate_b);
	json_figure(o, "at_once", room.at_once);
	json_figure(o, "squeezes", room.squeezes);
	json_figure(o, "available_b",
		    host->available_b.known ? host->available_b.value : FIGURE_UNKNOWN);
	json_figure(o, "reserved_b", reserve_left(v->reserve, NULL));
	json_figure(o, "now_us", now_us);
	return o;
}

void view_room(const struct control_view *v, const struct reservation *before, uint64_t size_b,
	       uint64_t within_us, struct reservation_answer *ret)
{
	struct host_facts facts = *v->host;
	struct headroom room;

	facts.reserved_b = reserve_left(v->reserve, before);
	view_find_headroom(v, &room);
	headroom_reserve(v->defaults, &facts, &room, size_b, within_us ? within_us : UINT64_MAX,
			 ret);
}

const char *view_room_word(enum reserve_answer answer)
{
	static const char *const words[RESERVE_ANSWER_COUNT] = {
		[RESERVE_YES] = "yes",
		[RESERVE_WHEN] = "when",
		[RESERVE_LATE] = "late",
		[RESERVE_NO] = "no",
		[RESERVE_TOO_LARGE] = "too-large",
		[RESERVE_UNKNOWN] = "unknown",
	};

	return answer < RESERVE_ANSWER_COUNT ? words[answer] : "unknown";
}

/* explain_bytes(), but what is not nothing is never "0 MiB". */
static void amount(uint64_t bytes, char *text, size_t size)
{
	if (bytes && bytes < MIB / 2)
		(void)snprintf(text, size, "less than 1 MiB");
	else
		explain_bytes(bytes, text, size);
}

/* "X @verb for these Y", or what the host lacks itself where that is part of X. */
static void freed_text(const struct reservation_answer *a, uint64_t size_b, const char *verb,
		       char *text, size_t size)
{
	char want[64], to_free[64], lack[64];

	amount(size_b, want, sizeof(want));
	amount(a->to_free_b, to_free, sizeof(to_free));
	amount(u64_sub_sat(a->to_free_b, size_b), lack, sizeof(lack));
	if (a->to_free_b > size_b)
		(void)snprintf(text, size, "This host lacks %s itself; with %s more, %s %s", lack,
			       want, to_free, verb);
	else
		(void)snprintf(text, size, "%s %s for these %s", to_free, verb, want);
}

void view_room_text(const struct control_view *v, const struct reservation_answer *a,
		    uint64_t size_b, char *text, size_t size)
{
	unsigned long long tenths = a->within_us / (USEC_PER_SEC / 10);
	char want[64], missing[64], total[64], freed[256];

	amount(size_b, want, sizeof(want));
	amount(a->missing_b, missing, sizeof(missing));
	explain_bytes(v->host->total_b.known ? v->host->total_b.value : FIGURE_UNKNOWN, total,
		      sizeof(total));
	switch (a->answer) {
	case RESERVE_YES:
		(void)snprintf(text, size, "%s is available.", want);
		break;
	case RESERVE_WHEN:
	case RESERVE_LATE:
		freed_text(a, size_b, "have to be freed", freed, sizeof(freed));
		(void)snprintf(text, size, "%s, which is expected to take %llu.%llu s%s.", freed,
			       tenths / 10, tenths % 10,
			       a->answer == RESERVE_LATE ? ", longer than was asked for" : "");
		break;
	case RESERVE_NO:
		freed_text(a, size_b, "would have to be freed", freed, sizeof(freed));
		(void)snprintf(text, size, "%s, and %s of that cannot be had.", freed, missing);
		break;
	case RESERVE_TOO_LARGE:
		(void)snprintf(text, size,
			       "%s are more than this host can give: it has %s, and host_short of "
			       "that stays available.",
			       want, total);
		break;
	default:
		(void)snprintf(text, size,
			       "How much memory this host has is not known, so none can be "
			       "promised.");
	}
}

void view_room_figures(struct json_object *to, const struct reservation_answer *a)
{
	bool in_time = a->answer == RESERVE_WHEN || a->answer == RESERVE_LATE;
	bool known = a->answer != RESERVE_TOO_LARGE && a->answer != RESERVE_UNKNOWN;

	if (!to)
		return;
	json_figure(to, "expected_us", in_time ? a->within_us : FIGURE_UNKNOWN);
	json_figure(to, "to_free_b", known ? a->to_free_b : FIGURE_UNKNOWN);
	json_figure(to, "missing_b", a->answer == RESERVE_NO ? a->missing_b : FIGURE_UNKNOWN);
}

struct json_object *view_reservation(const struct control_view *v, const struct reservation *r,
				     uint64_t now_us)
{
	struct json_object *o = json_object_new_object();
	struct reservation_answer answer;
	char text[SENTENCE_MAX];

	if (!o)
		return NULL;
	/* one whose time is over cannot be met any more: all that is left of it is an instant */
	view_room(v, r, r->left_b, r->by_us ? u64_max(u64_sub_sat(r->by_us, now_us), 1) : 0,
		  &answer);
	view_room_text(v, &answer, r->left_b, text, sizeof(text));
	json_figure(o, "id", r->id);
	json_figure(o, "size_b", r->size_b);
	json_figure(o, "left_b", r->left_b);
	json_add(o, "for", NULL);
	if (r->name[0])
		json_text(o, "for", r->name);
	json_text(o, "answer", view_room_word(answer.answer));
	json_text(o, "sentence", text);
	view_room_figures(o, &answer);
	json_figure(o, "made_us", r->made_us);
	json_figure(o, "by_us", r->by_us ? r->by_us : FIGURE_UNKNOWN);
	json_figure(o, "until_us", r->until_us);
	json_figure(o, "now_us", now_us);
	return o;
}
