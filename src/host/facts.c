/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts.c - the host's own part of a snapshot
 *
 * Layer: host.
 * In:    /proc/meminfo and /proc/pressure/memory, or the memory cgroup that stands for the host;
 *        the clock on the wall.
 * Out:   struct host_facts.
 *
 * A figure that can no longer be read becomes unknown; its old value is not kept.
 */
#include "host/facts.h"

#include "host/hostgroup.h"
#include "host/meminfo.h"
#include "host/psi.h"

#include <time.h>

const char *host_pressure_path(const struct host_roots *roots, int *ret_dir)
{
	*ret_dir = roots->host ? hostgroup_pressure_dir(roots->host) : -1;
	if (*ret_dir >= 0)
		return "memory.pressure";
	*ret_dir = roots->proc;
	return "pressure/memory";
}

static void update_psi(const struct host_roots *roots, uint64_t now_us, struct host_facts *facts)
{
	const char *path;
	struct psi psi;
	int dir;

	if (fact_fresh(&facts->psi_some_avg10_ppm, now_us, HOST_PSI_US))
		return;
	facts->psi_some_avg10_ppm = (struct fact){ 0 };
	facts->psi_full_avg10_ppm = (struct fact){ 0 };
	path = host_pressure_path(roots, &dir);
	if (psi_read(dir, path, &psi) < 0)
		return;
	if (psi.has_some)
		facts->psi_some_avg10_ppm = fact_of(psi.some.avg10_ppm, now_us);
	if (psi.has_full)
		facts->psi_full_avg10_ppm = fact_of(psi.full.avg10_ppm, now_us);
}

/* What a clock on the wall shows; habits are of hours of the day, not of hours since some start. */
static struct fact local_time(uint64_t now_us)
{
	time_t now = time(NULL);
	struct tm tm;

	if (now == (time_t)-1 || !localtime_r(&now, &tm) || now + tm.tm_gmtoff < 0)
		return (struct fact){ 0 };
	return fact_of((uint64_t)(now + tm.tm_gmtoff), now_us);
}

int host_facts_update(const struct host_roots *roots, uint64_t now_us, struct host_facts *facts)
{
	struct meminfo m = { 0 };
	int r;

	r = meminfo_read(roots->proc, now_us, &m);
	if (roots->host && hostgroup_apply(roots->host, now_us, &m))
		r = 0;
	update_psi(roots, now_us, facts);
	facts->local_s = local_time(now_us);
	facts->total_b = m.total_b;
	facts->available_b = m.available_b;
	return r;
}
