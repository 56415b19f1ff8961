/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose turn it is. Clients only wake up when the loop tells of them; the work is done here, in
 * pieces of one message or a few signals, between which the loop looks at the kernel again. Those
 * with rights come first. All others together get an eighth of the time, each user the same share of
 * it however many connections he has, and each of his connections the same share of that. The
 * system bus is one user.
 */
#include "bus-private.h"

#include "clock.h"

/* Pieces of work until the loop turns: as long as an event may have to wait for them. */
#define SLICE_NS 50000
/* Users without rights get this part of the time, */
#define PART 8
/* and so much at once, having been quiet. */
#define CREDIT_NS 20000000

/*
 * Time, and not what we had of the processor: on a busy host the scheduler makes those wait who use
 * more than their share, and an event is not to wait for it on account of readers.
 */
static int64_t now_ns(void)
{
	return (int64_t)clock_work_ns();
}

/* The time spent for a user. To have been idle saves nothing up. */
static int64_t spent(const struct bus *bus, const struct user *user)
{
	return user->spent_ns > bus->spent_least_ns ? user->spent_ns : bus->spent_least_ns;
}

static bool is_before(const struct bus *bus, const struct peer *a, const struct peer *b)
{
	bool a_may = a->user->kind == USER_PRIVILEGED, b_may = b->user->kind == USER_PRIVILEGED;

	if (a_may != b_may)
		return a_may;
	if (a->user != b->user)
		return spent(bus, a->user) < spent(bus, b->user);
	return a->served < b->served;
}

/* Whose turn is it? With `any`, even if there is no time for him now. */
static struct peer *next_peer(const struct bus *bus, bool any)
{
	struct peer *next = NULL;

	for (struct peer *peer = bus->peers; peer; peer = peer->next) {
		if (!any && bus->credit_ns <= 0 && peer->user->kind != USER_PRIVILEGED)
			continue;
		if (peer_has_work(peer) && (!next || is_before(bus, peer, next)))
			next = peer;
	}
	return next;
}

static void charge(struct bus *bus, struct user *user, int64_t ns)
{
	if (user->kind == USER_PRIVILEGED)
		return;
	bus->spent_least_ns = spent(bus, user);
	user->spent_ns = bus->spent_least_ns + ns;
	bus->credit_ns -= ns;
}

static void add_credit(struct bus *bus, int64_t now)
{
	bus->credit_ns += (now - bus->credited_ns) / PART;
	bus->credited_ns = now;
	if (bus->credit_ns > CREDIT_NS)
		bus->credit_ns = CREDIT_NS;
}

static void on_paused(void *data)
{
	bus_kick(data);
}

/* Until those without rights may go on. */
static void pause_turns(struct bus *bus)
{
	bus->pause.on_due = on_paused;
	bus->pause.data = bus;
	loop_set_timer(bus->setup.loop, &bus->pause,
		       loop_now_ms() + (uint64_t)(-bus->credit_ns * PART / 1000000) + 1);
}

bool turn_take(struct bus *bus)
{
	int64_t begin = now_ns(), before = begin;
	struct peer *peer;

	add_credit(bus, begin);
	while ((peer = next_peer(bus, false))) {
		int64_t now;

		peer->served = ++bus->n_served;
		peer_work(peer);
		now = now_ns();
		charge(bus, peer->user, now - before);
		before = now;
		if (now - begin >= SLICE_NS)
			break;
	}
	if (next_peer(bus, false))
		return true;
	if (next_peer(bus, true))
		pause_turns(bus);
	return false;
}
