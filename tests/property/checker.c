/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * checker.c - do the invariants hold? Asked after every tick, of facts and decisions alone
 *
 * In:    what the controller was told, and what it decided.
 * Out:   the first invariant that was broken, with a sentence.
 *
 * What a VM was told is compared with what the world knows of it, too: facts
 * that were made up on the way to the policy do not excuse it.
 */
#include "checker.h"

#include "base/num.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A decision that looks further ahead than this has lost its VM: intervals are 10 s at most. */
#define LOOK_AGAIN_US (30 * USEC_PER_SEC)
/* Who is busy for two intervals and this long was seen to be, whatever the intervals. */
#define SEEN_BUSY_US (5 * USEC_PER_SEC)
#define HOUR_US (3600 * USEC_PER_SEC)

static __attribute__((format(printf, 3, 4))) void fail(struct checker *c, enum invariant broken,
						       const char *fmt, ...)
{
	va_list args;

	if (c->broken != HOLDS)
		return;
	c->broken = broken;
	va_start(args, fmt);
	(void)vsnprintf(c->why, sizeof(c->why), fmt, args);
	va_end(args);
}

static unsigned long long mib(uint64_t b)
{
	return b / MIB;
}

static bool grown(const struct guest_stats *from, const struct guest_stats *to,
		  enum balloon_stat tag)
{
	uint32_t bit = UINT32_C(1) << tag;

	return from->known & bit && to->known & bit && to->tag[tag] > from->tag[tag];
}

/*
 * A deflation comes to its end before anything is taken again; and it is one of all the balloon.
 * To stop where the balloon is (to hold it) is neither.
 */
static void check_direction(struct checker *c, struct checked *v, const struct vm_facts *f,
			    const struct decision *d, bool sets)
{
	if (v->deflate_to_b && f->actual_b.value >= v->deflate_to_b)
		v->deflate_to_b = 0;
	if (!sets)
		return;
	if (v->deflate_to_b) {
		c->checked[ONE_DIRECTION]++;
		if (d->target_b < f->actual_b.value)
			fail(c, ONE_DIRECTION, "asked for %llu MiB with %llu left, while deflating",
			     mib(d->target_b), mib(f->actual_b.value));
	} else if (d->target_b > v->target_b && d->target_b > f->actual_b.value) {
		c->checked[ONE_DIRECTION]++;
		if (d->target_b != f->ram_b.value)
			fail(c, ONE_DIRECTION, "deflated to %llu MiB, not to all %llu",
			     mib(d->target_b), mib(f->ram_b.value));
	}
}

static void check_distress(struct checker *c, const struct checked *v, const struct vm_facts *f,
			   const struct decision *d, bool sets)
{
	bool hurt = grown(&v->start, &f->stats, BALLOON_STAT_OOM_KILL) ||
		    grown(&v->start, &f->stats, BALLOON_STAT_SWAP_OUT);

	if (!v->out || v->deflate_to_b || !hurt)
		return;
	c->checked[DISTRESS]++;
	if (!sets || d->target_b != f->ram_b.value)
		fail(c, DISTRESS, "the guest swaps or kills, and its balloon stays (%s)",
		     reason_word(d->reason));
}

static void check_growth(struct checker *c, const struct world_vm *vm, const struct vm_facts *f,
			 const struct decision *d, uint64_t now_us)
{
	const struct settings *s = vm->settings;
	const uint64_t *tag = vm->facts.stats.tag;
	uint64_t by_b = f->actual_b.value - d->target_b, reserve_b;
	bool swapped;
	uint32_t need = UINT32_C(1) << BALLOON_STAT_AVAIL | UINT32_C(1) << BALLOON_STAT_MEMTOT;

	c->checked[OLD_FACTS]++;
	if (vm->state != VM_STATE_RUNNING)
		fail(c, OLD_FACTS, "inflated while it does not run");
	else if ((vm->facts.stats.known & need) != need || !f->actual_b.known)
		fail(c, OLD_FACTS, "inflated without knowing how its guest is");
	else if (now_us > vm->facts.stats.taken_us + s->stats_max_age_us)
		fail(c, OLD_FACTS, "inflated by statistics that are %llu ms old",
		     (unsigned long long)(now_us - vm->facts.stats.taken_us) / 1000);
	else if (s->mode == MODE_OFF || s->mode == MODE_OBSERVE)
		fail(c, OLD_FACTS, "inflated, and its mode forbids it");
	if (c->broken != HOLDS)
		return;
	c->checked[RESERVE]++;
	/* of all the memory that the machine has; less where the guest has ever swapped */
	swapped = tag[BALLOON_STAT_SWAP_OUT] != 0 || tag[BALLOON_STAT_SWAP_IN] != 0;
	reserve_b = f->ram_b.value / PPM * (swapped ? s->reserve_swap_ppm : s->reserve_ppm);
	if (s->reserve_min_b > reserve_b)
		reserve_b = s->reserve_min_b;
	if (d->target_b < s->floor_b)
		fail(c, RESERVE, "leaves %llu MiB of a floor of %llu", mib(d->target_b),
		     mib(s->floor_b));
	if (tag[BALLOON_STAT_AVAIL] < by_b || tag[BALLOON_STAT_AVAIL] - by_b < reserve_b)
		fail(c, RESERVE, "%llu MiB taken of %llu available, with a reserve of %llu",
		     mib(by_b), mib(tag[BALLOON_STAT_AVAIL]), mib(reserve_b));
}

static bool begins(const struct decision *d)
{
	return reason_is(d->reason, REASON_IS_BEGINNING);
}

/* What is claimed is what the world itself has less of than when it began. */
static void check_claim(struct checker *c, struct checked *v, const struct world_vm *vm,
			const struct decision *d)
{
	uint64_t freed_b = u64_sub_sat(v->before_b, vm->resident_b);
	uint64_t claimed_b = vm->history.total.yield_b - v->yield_b;

	v->yield_b = vm->history.total.yield_b;
	if (claimed_b) {
		c->checked[MEASURED]++;
		if (claimed_b != freed_b)
			fail(c, MEASURED, "claims %llu MiB, the host has %llu more", mib(claimed_b),
			     mib(freed_b));
	}
	/* the figures of a beginning are those of what came before it */
	if ((d->phase == PHASE_INFLATING || d->phase == PHASE_DEFLATING) && v->out && !begins(d) &&
	    d->reason != REASON_BEGIN_HOST && d->fig.freed_b != FIGURE_UNKNOWN &&
	    d->fig.freed_b > freed_b)
		fail(c, MEASURED, "tells of %llu MiB, the host has %llu more", mib(d->fig.freed_b),
		     mib(freed_b));
}

static void check_sanity(struct checker *c, const struct vm_facts *f, const struct decision *d,
			 uint64_t now_us, bool sets)
{
	c->checked[BAD_PEER]++;
	if (d->vm_id != f->id)
		fail(c, BAD_PEER, "a decision for another VM");
	else if (d->wake_us <= now_us || d->wake_us > now_us + LOOK_AGAIN_US)
		fail(c, BAD_PEER, "looks again in %lld ms",
		     ((long long)d->wake_us - (long long)now_us) / 1000);
	else if (sets && (d->target_b > f->ram_b.value || d->target_b == 0))
		fail(c, BAD_PEER, "a target of %llu MiB for %llu", mib(d->target_b),
		     mib(f->ram_b.value));
	else if ((unsigned int)d->reason >= REASON_COUNT || (unsigned int)d->phase >= PHASE_COUNT)
		fail(c, BAD_PEER, "a reason or a phase there is no word for");
}

/* What its squeezes cost that ended in the hour before. */
static uint64_t cost_of_hour(const struct checked *v, uint64_t now_us)
{
	uint64_t sum_us = 0;

	for (unsigned int i = 0; i < v->costs && i < CHECKED_COSTS; i++)
		if (now_us - v->cost[i].at_us < HOUR_US)
			sum_us += v->cost[i].cost_us;
	return sum_us;
}

/* Nobody asks for it: no operator, no host that is short, no ceiling. */
static bool begins_by_itself(const struct world_vm *vm, const struct decision *d)
{
	const struct settings *s = vm->settings;

	return d->reason == REASON_BEGIN && !(s->ceiling_b && vm->resident_b > s->ceiling_b);
}

static void check_worth(struct checker *c, struct checked *v, const struct world *w,
			const struct world_vm *vm, const struct decision *d)
{
	const struct settings *s = vm->settings;
	uint64_t shown_us = vm->guest.work.shown_us, sum_us, may_us;

	if (vm->guest.busy_ppm <= 2 * s->calm_cpu_ppm)
		v->busy_us = 0;
	else if (!v->busy_us)
		v->busy_us = w->now_us;
	if (v->boots != vm->boots) {
		v->paying = false;
		v->costs = 0;
		v->boots = vm->boots;
	}
	if (v->paying && d->phase != PHASE_INFLATING && vm->guest.balloon_b == 0) {
		v->cost[v->costs++ % CHECKED_COSTS] =
			(struct checked_cost){ w->now_us, shown_us - v->before_us };
		v->paying = false;
	}
	if (!begins_by_itself(vm, d))
		return;
	c->checked[BUSY]++;
	if (v->busy_us && w->now_us - v->busy_us > 2 * s->interval_us + SEEN_BUSY_US)
		fail(c, BUSY, "begins while its programs use %llu %% of each processor, for %llu s",
		     (unsigned long long)vm->guest.busy_ppm / 10000,
		     (unsigned long long)(w->now_us - v->busy_us) / USEC_PER_SEC);
	c->checked[COST]++;
	sum_us = cost_of_hour(v, w->now_us);
	may_us = HOUR_US / PPM * s->cost_max_ppm * vm->guest.spec.vcpus;
	if (sum_us > may_us)
		fail(c, COST, "begins after squeezes of %llu ms in an hour that may cost %llu",
		     (unsigned long long)sum_us / 1000, (unsigned long long)may_us / 1000);
	v->paying = true;
	v->before_us = shown_us;
}

static void check_vm(struct checker *c, struct checked *v, const struct world *w,
		     const struct world_vm *vm, const struct vm_facts *f, const struct decision *d)
{
	uint64_t now_us = w->now_us;
	bool sets = d->actions & ACT_SET_TARGET;
	bool grows = sets && f->actual_b.known && d->target_b < f->actual_b.value;

	if (v->id != f->id)
		*v = (struct checked){ .id = f->id, .target_b = f->ram_b.value };
	if (f->actual_b.value == f->ram_b.value && v->target_b == f->ram_b.value)
		v->out = false;
	check_sanity(c, f, d, now_us, sets);
	check_direction(c, v, f, d, sets);
	check_distress(c, v, f, d, sets);
	if (grows) {
		if (!v->out)
			v->start = vm->facts.stats;
		v->out = true;
		v->exposed = vm->unguarded;
		check_growth(c, vm, f, d, now_us);
	}
	check_worth(c, v, w, vm, d);
	check_claim(c, v, vm, d); /* of what came before, should another begin */
	if (begins(d))
		v->before_b = vm->resident_b;
	if (!sets)
		return;
	if (d->target_b > f->actual_b.value)
		v->deflate_to_b = d->target_b;
	v->target_b = d->target_b;
}

int checker_init(struct checker *c, struct world *w)
{
	*c = (struct checker){ .vm = calloc(w->n, sizeof(*c->vm)) };
	if (!c->vm)
		return -ENOMEM;
	w->watch = checker_watch;
	w->watch_arg = c;
	return 0;
}

void checker_fini(struct checker *c)
{
	free(c->vm);
}

void checker_watch(void *arg, const struct world_tick *tick)
{
	struct checker *c = arg;
	size_t i;

	for (i = 0; i < tick->snap->nvm; i++) {
		struct checked *v = &c->vm[tick->vm[i] - tick->world->vm];

		check_vm(c, v, tick->world, tick->vm[i], &tick->snap->vm[i], &tick->plan->vm[i]);
	}
}

void checker_after_loss(struct checker *c, const struct world *w)
{
	size_t i;

	for (i = 0; i < w->n; i++) {
		const struct world_vm *vm = &w->vm[i];

		/* a guardian lost after that, and both gone at once: there is nobody left to act */
		if (vm->unguarded && !c->vm[i].exposed)
			continue;
		if (!vm->here || vm->state != VM_STATE_RUNNING ||
		    vm->guest.spec.deflate_rate_b == 0)
			continue;
		c->checked[CONTROLLER_LOST]++;
		if (vm->guest.balloon_b)
			fail(c, CONTROLLER_LOST, "%llu MiB are still in its balloon",
			     mib(vm->guest.balloon_b));
	}
}
