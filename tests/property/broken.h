/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * broken.h - the real policy, spoilt in one way each: for the checker to be caught out by
 *
 * In:    what the controller is told.
 * Out:   the policy's decisions, of facts that were tampered with, or tampered with themselves.
 */
#ifndef BALLONET_TESTS_PROPERTY_BROKEN_H
#define BALLONET_TESTS_PROPERTY_BROKEN_H

#include "checker.h"

#include "sim/controller.h"

struct broken {
	enum invariant breaks; /* what it is expected to break */
	struct controller controller;
};

/* One or more for each invariant; *ret_n of them. */
const struct broken *broken_policies(size_t *ret_n);

#endif
