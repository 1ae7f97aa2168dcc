/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts.c - the host's own part of a snapshot
 *
 * Layer: host.
 * In:    /proc/meminfo and /proc/pressure/memory.
 * Out:   struct host_facts.
 *
 * Old figures are never kept in place of ones that can no longer be read: they
 * become unknown.
 */
#include "host/facts.h"

#include "host/meminfo.h"
#include "host/psi.h"

static void update_psi(const struct host_roots *roots, uint64_t now_us, struct host_facts *facts)
{
	struct psi psi;

	if (fact_fresh(&facts->psi_some_avg10_ppm, now_us, HOST_PSI_US))
		return;
	facts->psi_some_avg10_ppm = (struct fact){ 0 };
	facts->psi_full_avg10_ppm = (struct fact){ 0 };
	if (psi_read(roots->proc, HOST_PSI_PATH, &psi) < 0)
		return;
	if (psi.has_some)
		facts->psi_some_avg10_ppm = fact_of(psi.some.avg10_ppm, now_us);
	if (psi.has_full)
		facts->psi_full_avg10_ppm = fact_of(psi.full.avg10_ppm, now_us);
}

int host_facts_update(const struct host_roots *roots, uint64_t now_us, struct host_facts *facts)
{
	struct meminfo m = { 0 };
	int r;

	update_psi(roots, now_us, facts);
	r = meminfo_read(roots->proc, now_us, &m);
	facts->total_b = m.total_b;
	facts->available_b = m.available_b;
	return r;
}
