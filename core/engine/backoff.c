/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When what failed is tried again, and what went is given up. */
#include "engine-private.h"
#include "failure.h"

#define BACK_OFF_FIRST_MS 1000
#define BACK_OFF_MAX_MS 60000
/* A peer that refuses is asked once more soon, then rarely. */
#define REFUSED_FIRST_MS 2000
/* A peer that closes what it accepted is asked more and more rarely. */
#define TURNED_AWAY_MAX_MS 3600000

/*
 * An address that went from a link which works is often back at once: whoever configures links anew
 * takes it away and gives it back, and TCP hardly notices. To close what is there, and to tell the
 * peer, has everything sent again that is under way. So it waits this long.
 */
#define BLINK_MS 300

/* splitmix64: small, and the same everywhere for the same seed. */
static uint64_t next_random(struct engine *engine)
{
	uint64_t z = engine->random += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

static uint64_t jitter(struct engine *engine, uint64_t ms)
{
	return ms - ms / 5 + next_random(engine) % (2 * ms / 5 + 1);
}

uint64_t backoff_next(uint8_t *attempts, uint64_t first_ms, uint64_t most_ms)
{
	uint64_t delay_ms = *attempts < 32 ? first_ms << *attempts : most_ms;

	if (*attempts < UINT8_MAX)
		++*attempts;
	return delay_ms < most_ms ? delay_ms : most_ms;
}

void backoff_path(struct engine *engine, struct subflow *subflow, uint64_t now_ms)
{
	bool is_refused = tries_refused(&subflow->try);
	uint64_t first_ms = BACK_OFF_FIRST_MS, most_ms = BACK_OFF_MAX_MS, delay_ms;

	if (is_refused)
		first_ms = BACK_OFF_MAX_MS / 2; /* the second wait is the usual longest */
	if (subflow->try.turned_away)
		most_ms = TURNED_AWAY_MAX_MS;
	delay_ms = backoff_next(&subflow->try.attempts, first_ms, most_ms);
	if (is_refused && subflow->try.attempts == 1)
		delay_ms = REFUSED_FIRST_MS;
	subflow->try.failed = false;
	subflow->try.due_ms = now_ms + jitter(engine, delay_ms);
}

uint64_t backoff_blink(const struct engine *engine, uint32_t ifindex)
{
	const struct interface *interface = model_find_interface(&engine->model, ifindex);
	bool works = ifindex == 0 || (interface && interface->is.up && interface->is.carrier);

	return engine->view.base.now_ms + (works ? BLINK_MS : 0);
}

void backoff_ask(struct connection *connection, uint64_t now_ms)
{
	if (connection->more->ask_ms > now_ms + RETRY_MIN_MS)
		connection_more(connection)->ask_ms = now_ms + RETRY_MIN_MS;
}
