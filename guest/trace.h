/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.h - tracepoints: every turn of the balloon, and every page it gives back
 *
 * Layer: guest.
 * In:    the moments themselves.
 * Out:   events/ballonet/ in tracefs.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ballonet

#if !defined(BALLONET_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define BALLONET_TRACE_H

#include <linux/tracepoint.h>

/* clang-format off */
TRACE_EVENT(ballonet_direction,
	TP_PROTO(int from, int to, unsigned long size, unsigned long target),
	TP_ARGS(from, to, size, target),
	TP_STRUCT__entry(
		__field(int, from)
		__field(int, to)
		__field(unsigned long, size)
		__field(unsigned long, target)
	),
	TP_fast_assign(
		__entry->from = from;
		__entry->to = to;
		__entry->size = size;
		__entry->target = target;
	),
	TP_printk("%s -> %s size=%lu target=%lu",
		  __print_symbolic(__entry->from, {0, "idle"}, {1, "inflating"}, {2, "deflating"}),
		  __print_symbolic(__entry->to, {0, "idle"}, {1, "inflating"}, {2, "deflating"}),
		  __entry->size, __entry->target)
);

TRACE_EVENT(ballonet_relief,
	TP_PROTO(int wish, unsigned long wanted, unsigned long freed),
	TP_ARGS(wish, wanted, freed),
	TP_STRUCT__entry(
		__field(int, wish)
		__field(unsigned long, wanted)
		__field(unsigned long, freed)
	),
	TP_fast_assign(
		__entry->wish = wish;
		__entry->wanted = wanted;
		__entry->freed = freed;
	),
	TP_printk("by=%s wanted=%lu freed=%lu",
		  __print_symbolic(__entry->wish, {1, "oom"}, {2, "pressure"}),
		  __entry->wanted, __entry->freed)
);

TRACE_EVENT(ballonet_press,
	TP_PROTO(unsigned long wanted, unsigned long pressed, u64 us),
	TP_ARGS(wanted, pressed, us),
	TP_STRUCT__entry(
		__field(unsigned long, wanted)
		__field(unsigned long, pressed)
		__field(u64, us)
	),
	TP_fast_assign(
		__entry->wanted = wanted;
		__entry->pressed = pressed;
		__entry->us = us;
	),
	TP_printk("wanted=%lu pressed=%lu us=%llu", __entry->wanted, __entry->pressed, __entry->us)
);
/* clang-format on */

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
