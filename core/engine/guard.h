/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls into plugins: which one is under way, and which plugins are set aside because a call never
 * returned. It is plain values in one piece of memory, so that it can lie in a mapped file: what a
 * process leaves there that dies of a plugin is judged by the next one. Pure.
 */
#ifndef CORE_GUARD_H
#define CORE_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most plugins set aside. */
#define GUARD_ASIDES 64
/* So many connections on which a plugin died, and it is set aside for all. */
#define GUARD_CONNECTIONS 3
/*
 * So often killed in a young call of a plugin, without coming to rest between, and it is no chance.
 */
#define GUARD_DOUBTS 3
/*
 * A call that was ended from outside when it was so old hung: no plugin needs a thousandth of it.
 */
#define GUARD_HUNG_MS 1000

enum guard_function {
	GUARD_LOAD, /* and all that is looked at then */
	GUARD_START,
	GUARD_STOP, /* and unloading it */
	GUARD_PLAN_ENDPOINTS,
	GUARD_PLAN_PATHS,
};

/* As plugin.h calls it; "load" is none of those. */
const char *guard_function_name(uint32_t function);

/* In place of a signal: the plugin called exit(). */
#define GUARD_EXIT 255

struct guard_call {
	uint64_t id; /* of the plugin; 0: none is under way. Written last */
	uint64_t since_ms; /* when it began, or a little earlier */
	uint32_t token; /* of the connection; 0: none */
	uint32_t function; /* enum guard_function */
	/* Written by whoever catches the signal that ends the process: */
	uint64_t died_ms;
	uint32_t signal; /* or GUARD_EXIT; 0: nobody did, as SIGKILL and _exit() cannot be caught */
	uint32_t from_outside; /* another process sent it */
};

struct guard_aside {
	uint64_t id;
	uint64_t since_ms;
	uint32_t token; /* 0: for all connections */
	uint8_t function;
	uint8_t signal;
	uint8_t doubts; /* not 0: it may have been killed by chance, so often; it is not set aside */
};

/* All zero at first. */
struct guard {
	struct guard_call call;
	uint32_t n_asides;
	struct guard_aside asides[GUARD_ASIDES];
};

/*
 * A plugin is named by an id that says what runs (its file's bytes) and how (its group in the
 * configuration), so that a change of either makes it another one, which nothing is known of.
 */
static inline void guard_enter(struct guard *guard, enum guard_function function, uint64_t id,
			       uint32_t token, uint64_t now_ms)
{
	guard->call.since_ms = now_ms;
	guard->call.token = token;
	guard->call.function = function;
	__asm__ __volatile__("" ::: "memory");
	guard->call.id = id;
	__asm__ __volatile__("" ::: "memory");
}

static inline void guard_leave(struct guard *guard)
{
	__asm__ __volatile__("" ::: "memory");
	guard->call.id = 0;
	__asm__ __volatile__("" ::: "memory");
}

enum guard_verdict {
	GUARD_NOTHING, /* no call was under way */
	GUARD_DOUBT, /* killed by chance, it seems */
	GUARD_ASIDE, /* set aside, as *ret_aside says */
};

/*
 * Judge what an earlier process left behind, once: was it the plugin's fault that it died? A signal
 * of its own, which a handler caught, says so. Where another process ended it, or nothing was
 * caught, a call that took long hung; that a young one was ended is chance, unless it happens
 * GUARD_DOUBTS times.
 */
enum guard_verdict guard_judge(struct guard *guard, uint64_t now_ms, struct guard_aside *ret_aside);
/* All plugins were called and returned: what was doubtful was chance. */
void guard_end_doubts(struct guard *guard);
/* Set it aside: for its token, or where that is 0 or the GUARD_CONNECTIONS-th, for all. */
struct guard_aside guard_set_aside(struct guard *guard, const struct guard_aside *aside);
/* Is the plugin set aside for this connection, or with token 0 for all? */
bool guard_is_aside(const struct guard *guard, uint64_t id, uint32_t token);
/* Forget all that is not about one of these plugins. */
void guard_retain(struct guard *guard, const uint64_t *ids, size_t n_ids);

#endif
