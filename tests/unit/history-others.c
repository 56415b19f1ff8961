/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "history-others.h"

#include <glib.h>

#include "addr.h"
#include "chance.h"
#include "owned.h"

struct world *world;

void tell(const char *what, uint32_t a, uint32_t b)
{
	if (world->tells)
		g_printerr("%8" G_GUINT64_FORMAT " %s %u %u\n", world->now, what, a, b);
}

char *address_of(uint32_t i, uint32_t family)
{
	return family ? g_strdup_printf("2001:db8:%u::1", i) : g_strdup_printf("10.0.%u.1", i);
}

struct event_endpoint *find_other(const struct mptcpd_addr *addr)
{
	for (uint32_t i = 1; i <= LINKS; i++)
		for (uint32_t family = 0; family < 2; family++)
			if (world->others[i][family].id &&
			    addr_equal(&world->others[i][family].addr, addr))
				return &world->others[i][family];
	return NULL;
}

uint8_t find_id(const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < FAKE_ENDPOINTS; i++)
		if (world->fake->endpoints[i].id &&
		    addr_equal(&world->fake->endpoints[i].addr, addr))
			return world->fake->endpoints[i].id;
	return 0;
}

static const struct endpoint *find_seen(const struct event_endpoint *is)
{
	static const struct mptcpd_addr any;

	return model_find_endpoint(engine_model(world->engine), is->id, &any);
}

/*
 * He made it where one of the engine's own was deleted, which the kernel tells nobody: with the same
 * address, id, link, and the flags that no command changes. Returns when the engine has looked last.
 */
static uint32_t looks_like_ours(const struct event_endpoint *is)
{
	const struct endpoint *seen = find_seen(is);

	return seen && seen->ours && addr_equal(&seen->is.addr, &is->addr) &&
			       seen->is.ifindex == is->ifindex &&
			       ((seen->is.flags ^ is->flags) & ~FLAGS_IN_PLACE) == 0
		       ? seen->seen
		       : 0;
}

/* Does the engine have it among those that it made? */
static bool is_recorded(const struct event_endpoint *is)
{
	for (size_t i = 0; i < world->host.n_endpoints; i++)
		if (addr_equal(&world->host.endpoints[i].addr, &is->addr) &&
		    !(world->host.endpoints[i].flags & ENGINE_ENDPOINT_HELD))
			return true;
	return false;
}

/*
 * Has the engine yet to see it, or to compare it with what it made? A look that began before he made
 * it may have ended since.
 */
static bool is_undecided(const struct event_endpoint *is)
{
	const struct endpoint *seen = find_seen(is);

	return is->id && is->id == find_id(&is->addr) &&
	       (!seen || (!seen->ours && is_recorded(is)));
}

/* Is it his, and known to be? One that the engine takes for its own is not his any more. */
static bool is_his(struct event_endpoint *is, uint32_t *looked)
{
	const struct endpoint *seen = *looked ? find_seen(is) : NULL;

	if (!*looked)
		return is->id;
	if (is_undecided(is))
		return false;
	if (seen && seen->ours && seen->seen == *looked)
		return false;
	*looked = 0;
	if (!seen || seen->ours)
		*is = (struct event_endpoint){0};
	return is->id;
}

void check_others(void)
{
	for (uint32_t i = 1; i <= LINKS; i++) {
		for (uint32_t family = 0; family < 2; family++) {
			struct event_endpoint *is = &world->others[i][family];
			g_autofree char *text = address_of(i, family);
			const struct event_endpoint *there = fake_find_endpoint(world->fake, text);

			if (!is_his(is, &world->looked[i][family]))
				continue;
			g_assert_nonnull(there);
			g_assert_cmpuint(there->flags, ==, is->flags);
			g_assert_cmpuint(there->ifindex, ==, is->ifindex);
		}
	}
}

void see_others(void)
{
	for (uint32_t i = 1; i <= LINKS; i++) {
		for (uint32_t family = 0; family < 2; family++) {
			struct event_endpoint *is = &world->others[i][family];
			g_autofree char *text = address_of(i, family);
			const struct event_endpoint *there = fake_find_endpoint(world->fake, text);

			if (is->id)
				*is = there ? *there : (struct event_endpoint){0};
		}
	}
}

static void remove_other(struct event_endpoint *is)
{
	is->id = find_id(&is->addr);
	g_assert_cmpuint(is->id, !=, 0);
	world->by_hand = true;
	world->fake->fail[FAKE_ENDPOINT_DELETE] = 0; /* that is for the engine */
	fake_endpoint_delete(world->fake, is);
	world->by_hand = false;
	*is = (struct event_endpoint){0};
}

void step_other(void)
{
	uint32_t i = 1 + dice(LINKS), family = dice(2);
	struct event_endpoint *is = &world->others[i][family];
	uint32_t *looked = &world->looked[i][family];
	g_autofree char *text = address_of(i, family);

	tell("other", i, family);
	if (*looked)
		return;
	if (is->id) {
		remove_other(is);
	} else if (!fake_find_endpoint(world->fake, text) && fake_find_link(world->fake, i) &&
		   engine_knows(world->engine, SNAPSHOT_ENDPOINTS)) {
		*is = (struct event_endpoint){.addr = fake_addr(text),
					      .flags = MPTCPD_FLAG_SUBFLOW,
					      .ifindex = i};
		world->fake->fail[FAKE_ENDPOINT_ADD] = 0;
		if (fake_endpoint_add(world->fake, is) == 0)
			*is = *fake_find_endpoint(world->fake, text);
		*looked = is->id ? looks_like_ours(is) : 0;
	}
}

void mistake_others(void)
{
	for (size_t i = 0; i < world->host.n_endpoints; i++) {
		const struct event_endpoint *kept = &world->host.endpoints[i];
		struct event_endpoint *other = find_other(&kept->addr);

		if (other && kept->id == find_id(&kept->addr) &&
		    !(kept->flags & ENGINE_ENDPOINT_HELD))
			*other = (struct event_endpoint){0};
	}
}

void remove_others(void)
{
	check_others();
	for (uint32_t i = 1; i <= LINKS; i++)
		for (uint32_t family = 0; family < 2; family++)
			if (world->others[i][family].id)
				remove_other(&world->others[i][family]);
}
