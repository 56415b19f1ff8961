/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "race.h"

#include <errno.h>

void mptcp_race_begin(struct race *race, size_t n_addresses, uint64_t delay_ms, uint64_t now_ms)
{
	*race = (struct race){
		.n = n_addresses,
		.delay_ms = delay_ms,
		.next_ms = now_ms,
		.again_ms = UINT64_MAX,
	};
}

void mptcp_race_again(struct race *race, uint64_t now_ms)
{
	if (race->is_again || race->next < race->n || race->again_ms > now_ms)
		return;
	race->is_again = true;
	race->next = 0;
	race->next_ms = now_ms;
}

bool mptcp_race_is_due(const struct race *race, uint64_t now_ms)
{
	return race->next < race->n && race->next_ms <= now_ms;
}

void mptcp_race_pass(struct race *race)
{
	race->next++;
}

void mptcp_race_started(struct race *race, uint64_t now_ms)
{
	race->next++;
	race->next_ms = now_ms + race->delay_ms;
}

void mptcp_race_postponed(struct race *race, uint64_t now_ms)
{
	race->next_ms = now_ms + race->delay_ms;
}

/* Of two failures the first is told, unless that says only that there is no way from here. */
static bool says_little(int error)
{
	return error == 0 || error == -ENETUNREACH || error == -EADDRNOTAVAIL ||
	       error == -EAFNOSUPPORT;
}

void mptcp_race_failed(struct race *race, int error, uint64_t now_ms)
{
	if (says_little(race->error) && (race->error == 0 || !says_little(error)))
		race->error = error;
	race->next_ms = now_ms;
}

void mptcp_race_skipped(struct race *race, int error, uint64_t now_ms)
{
	race->next++;
	mptcp_race_failed(race, error, now_ms);
}

bool mptcp_race_is_lost(const struct race *race, size_t n_running)
{
	return n_running == 0 && race->next == race->n;
}

uint64_t mptcp_race_wake_ms(const struct race *race)
{
	if (race->next < race->n)
		return race->next_ms;
	return race->is_again ? UINT64_MAX : race->again_ms;
}
