/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memlock.h - a process whose memory is never paged out
 *
 * Layer: base.
 * In:    -
 * Out:   memory that stays where it is once it was used.
 */
#ifndef BALLONET_BASE_MEMLOCK_H
#define BALLONET_BASE_MEMLOCK_H

/*
 * Locks all memory of this process, now and later, as it comes into use. Raises the limit of locked
 * memory first: below a limit, a later allocation would fail instead of being paged out. 0, or
 * -errno (-EPERM: the limit may not be raised); then nothing is locked.
 */
int memlock_all(void);

#endif
