/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load.h - what the programs of a model guest do over time
 *
 * Layer: sim.
 * In:    a kind of guest and a seed, or a script.
 * Out:   memory wanted and freed, files read, processor time, each at its time.
 *
 * A guest has a few errands, and each comes again and again. The times are
 * drawn from a seed of the guest's own and from nothing else, so that guests
 * do the same under every controller.
 */
#ifndef BALLONET_SIM_LOAD_H
#define BALLONET_SIM_LOAD_H

#include "sim/guest.h"
#include "sim/rng.h"

#include <stddef.h>
#include <stdint.h>

enum load_kind {
	LOAD_IDLE = 0, /* booted, and hardly used since */
	LOAD_WEB,      /* a working set, files that are read again within minutes; day and night */
	LOAD_DATABASE, /* much memory of its own that stays, files read again within seconds */
	LOAD_BATCH,    /* jobs: memory for minutes, input that is read once */
	LOAD_BUILD,    /* jobs that read the same tree again, an hour or so apart */
	LOAD_ARCHIVE,  /* reads and writes files that nobody comes back for */
	LOAD_LEAK,     /* grows until it is started anew */
	LOAD_KINDS,
};

/* What is done at an errand's time. */
enum errand_do {
	DO_NOTHING = 0,
	DO_SPIKE,    /* want size_b for lasts_us, then free it */
	DO_READ,     /* read the same size_b of data again */
	DO_READ_NEW, /* read size_b that were never read */
	DO_DAY,	     /* from 0 to size_b more and back, in the course of a day, a step each time */
	DO_LEAK,     /* want size_b more; from lasts_b on, free all and begin anew */
	DO_SCRIPT,   /* the next step of a script */
	DO_WORK,     /* of a script: a second's work of its application */
};

struct errand {
	enum errand_do what;
	uint64_t at_us;	   /* next time */
	uint64_t every_us; /* on average */
	uint64_t lasts_us; /* of a spike, on average */
	uint64_t size_b;
	uint64_t held_b;   /* had of it at present */
	uint64_t want_b;   /* of a spike: still to be had */
	uint64_t until_us; /* of a spike: its end; 0: there is none */
};

#define LOAD_ERRANDS 4

/* A step of a script: told at a time, done by every guest of the world alike. */
enum script_do {
	SCRIPT_TOUCH = 0, /* programs want size_b, and free it at once */
	SCRIPT_HOLD,	  /* programs want size_b, and keep it */
	SCRIPT_FREE,	  /* programs free size_b */
	SCRIPT_READ,	  /* the first size_b of the data are read */
	SCRIPT_BUSY,	  /* from now on size_b / 1 MiB per cent of a processor are used */
	SCRIPT_WORK,	  /* an application works on the first size_b of the data; 0: it stops */
	SCRIPT_SQUEEZE,	  /* an operator asks for a squeeze */
	SCRIPT_MARK,	  /* the figures of now are kept for the report */
	SCRIPT_START,	  /* the controller begins; before that there is none */
	SCRIPT_STOP,	  /* the controller ends */
	SCRIPT_COUNT,
};

#define SCRIPT_STEPS 32

struct script {
	size_t n;
	struct script_step {
		uint64_t at_us; /* after the beginning */
		enum script_do what;
		uint64_t size_b;
	} step[SCRIPT_STEPS];
};

struct load {
	uint64_t next_us;     /* when load_run() is to be called; UINT64_MAX: never */
	struct rng rng;	      /* of errands */
	struct rng rng_noise; /* of what is said: drawn as often as somebody asks */
	struct errand errand[LOAD_ERRANDS];
	unsigned int n;
	const struct script *script; /* NULL: none; borrowed */
	size_t script_at;
	uint64_t work_b;   /* of a script: what its application works on; 0: it rests */
	unsigned int asks; /* bits 1 << enum script_do that are the world's to do */
	uint64_t cpu_ppm;  /* of one processor, besides what errands cost */
	uint64_t cpu_us;   /* used until now_us */
	uint64_t now_us;
};

/* The word of a kind ("web"); never NULL. */
const char *load_word(enum load_kind kind);

/* The word of a script's step ("touch"); never NULL. */
const char *script_word(enum script_do what);

/* Draws a guest of @kind with @ram_b, and fills in what its kind says of @spec's sizes. Returns the
 * size of its programs. */
uint64_t load_init(struct load *l, enum load_kind kind, uint64_t ram_b, uint64_t seed,
		   uint64_t now_us, uint64_t *ret_base_b);

/* A guest that does what @script says and nothing else. */
void load_init_script(struct load *l, const struct script *script, uint64_t now_us);

/* From now on its programs use @cpu_ppm of a processor. */
void load_busy(struct load *l, struct guest *g, uint64_t now_us, uint64_t cpu_ppm);

/* The guest was reset: what its programs held is gone. */
void load_reset(struct load *l, uint64_t now_us);

/* Does all that is due at @now_us, to which @g must have advanced. */
void load_run(struct load *l, struct guest *g, uint64_t now_us);

/* Processor time used until @now_us. */
uint64_t load_cpu(const struct load *l, uint64_t now_us);

#endif
