/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * api_reserve.h - reservations: created, shown, cancelled
 *
 * Layer: api.
 * In:    {"size_b":N,"within_us":N,"hold_us":N,"for":"NAME"}.
 * Out:   a reservation and the policy's answer to it; or why there is none.
 */
#ifndef BALLONET_API_API_RESERVE_H
#define BALLONET_API_API_RESERVE_H

#include "api/api.h"

api_handler api_post_reservation;
api_handler api_get_reservations;
api_handler api_get_reservation;
api_handler api_delete_reservation;

#endif
