/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guard.h"

const char *guard_function_name(uint32_t function)
{
	static const char *const names[] = {
		[GUARD_LOAD] = "load",
		[GUARD_START] = "start",
		[GUARD_STOP] = "stop",
		[GUARD_PLAN_ENDPOINTS] = "plan_endpoints",
		[GUARD_PLAN_PATHS] = "plan_paths",
	};

	return function <= GUARD_PLAN_PATHS ? names[function] : "?";
}

static void take_away(struct guard *guard, size_t i)
{
	for (; i + 1 < guard->n_asides; i++)
		guard->asides[i] = guard->asides[i + 1];
	__asm__ __volatile__("" ::: "memory");
	guard->n_asides--;
}

/* Whole at every moment: the last store makes it count. The oldest gives way. */
static void add(struct guard *guard, const struct guard_aside *aside)
{
	if (guard->n_asides == GUARD_ASIDES)
		take_away(guard, 0);
	guard->asides[guard->n_asides] = *aside;
	__asm__ __volatile__("" ::: "memory");
	guard->n_asides++;
}

/* How often it was in doubt, which ends with this. */
static uint8_t take_doubts(struct guard *guard, uint64_t id)
{
	uint8_t doubts = 0;

	for (size_t i = guard->n_asides; i-- > 0;) {
		if (guard->asides[i].id != id || !guard->asides[i].doubts)
			continue;
		doubts = guard->asides[i].doubts;
		take_away(guard, i);
	}
	return doubts;
}

bool guard_is_aside(const struct guard *guard, uint64_t id, uint32_t token)
{
	for (size_t i = 0; i < guard->n_asides; i++) {
		const struct guard_aside *aside = &guard->asides[i];

		if (aside->id == id && !aside->doubts && (!aside->token || aside->token == token))
			return true;
	}
	return false;
}

/* Takes those away that one for all stands for. */
static void take_away_single(struct guard *guard, uint64_t id)
{
	for (size_t i = guard->n_asides; i-- > 0;)
		if (guard->asides[i].id == id)
			take_away(guard, i);
}

struct guard_aside guard_set_aside(struct guard *guard, const struct guard_aside *aside)
{
	struct guard_aside set = *aside;
	size_t n = 1;

	if (guard_is_aside(guard, set.id, set.token))
		return set; /* it died once more before the mark of the call was cleared */
	for (size_t i = 0; i < guard->n_asides; i++)
		n += guard->asides[i].id == set.id && !guard->asides[i].doubts;
	if (n >= GUARD_CONNECTIONS)
		set.token = 0;
	if (!set.token)
		take_away_single(guard, set.id);
	add(guard, &set);
	return set;
}

enum guard_verdict guard_judge(struct guard *guard, uint64_t now_ms, struct guard_aside *ret_aside)
{
	const struct guard_call call = guard->call;
	uint64_t end_ms = call.signal ? call.died_ms : now_ms;
	bool hung = end_ms >= call.since_ms + GUARD_HUNG_MS;
	bool fault = call.signal && !call.from_outside;
	uint8_t doubts;
	struct guard_aside aside = {
		.id = call.id,
		.since_ms = now_ms,
		.token = call.function == GUARD_PLAN_PATHS ? call.token : 0,
		.function = (uint8_t)call.function,
		.signal = (uint8_t)call.signal,
	};

	if (guard->n_asides > GUARD_ASIDES)
		guard->n_asides = 0; /* who died may have written anywhere */
	if (!call.id) {
		guard->call = (struct guard_call){0};
		return GUARD_NOTHING;
	}
	doubts = take_doubts(guard, aside.id);
	if (fault || hung || doubts + 1 >= GUARD_DOUBTS) {
		aside = guard_set_aside(guard, &aside);
	} else {
		aside.doubts = (uint8_t)(doubts + 1);
		add(guard, &aside);
	}
	guard_leave(guard);
	guard->call = (struct guard_call){0};
	*ret_aside = aside;
	return aside.doubts ? GUARD_DOUBT : GUARD_ASIDE;
}

void guard_retain(struct guard *guard, const uint64_t *ids, size_t n_ids)
{
	for (size_t i = guard->n_asides; i-- > 0;) {
		size_t j = 0;

		while (j < n_ids && ids[j] != guard->asides[i].id)
			j++;
		if (j == n_ids)
			take_away(guard, i);
	}
}

void guard_end_doubts(struct guard *guard)
{
	for (size_t i = guard->n_asides; i-- > 0;)
		if (guard->asides[i].doubts)
			take_away(guard, i);
}
