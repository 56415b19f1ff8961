/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The endpoints of ours: their records, their ids, and whether they are still ours. */
#include "owned.h"

#include "addr.h"
#include "engine-private.h"

struct owned *owned_find(struct endpoints *endpoints, const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < endpoints->n_owned; i++)
		if (addr_equal(&endpoints->owned[i].is.addr, addr))
			return &endpoints->owned[i];
	return NULL;
}

struct owned *owned_add(struct endpoints *endpoints, const struct mptcpd_addr *addr)
{
	struct owned *owned = NULL;

	if (endpoints->n_owned < ENDPOINTS_OWNED_MAX)
		owned = &endpoints->owned[endpoints->n_owned++];
	/* Full: one whose address is away gives up its id. */
	for (size_t i = 0; !owned && i < endpoints->n_owned; i++)
		if (!endpoints->owned[i].planned && !endpoints->owned[i].present)
			owned = &endpoints->owned[i];
	if (owned)
		*owned = (struct owned){.is.addr = *addr};
	return owned;
}

static bool is_id_free(const struct engine *engine, const struct owned *for_whom, uint8_t id)
{
	static const struct mptcpd_addr any;
	const struct endpoints *endpoints = &engine->endpoints;

	if (model_find_endpoint(&engine->model, id, &any))
		return false;
	for (size_t i = 0; i < endpoints->n_owned; i++)
		if (&endpoints->owned[i] != for_whom && endpoints->owned[i].is.id == id)
			return false;
	return true;
}

uint8_t owned_choose_id(const struct engine *engine, const struct owned *owned)
{
	if (owned->is.id && is_id_free(engine, owned, owned->is.id))
		return owned->is.id;
	for (unsigned int id = 1; id <= UINT8_MAX; id++)
		if (is_id_free(engine, owned, (uint8_t)id))
			return (uint8_t)id;
	return 0;
}

struct endpoint *owned_find_seen(const struct model *model, const struct mptcpd_addr *addr)
{
	struct endpoint *endpoint = model->endpoints;

	while (endpoint && !addr_equal(&endpoint->is.addr, addr))
		endpoint = endpoint->next;
	return endpoint;
}

/* SET_FLAGS cannot do that: somebody deleted ours and made one of his own in its place. */
static bool is_made_anew(const struct owned *owned, const struct endpoint *seen)
{
	return !owned->unconfirmed &&
	       (((seen->is.flags ^ owned->is.flags) & ~FLAGS_IN_PLACE) != 0 ||
		seen->is.ifindex != owned->is.ifindex);
}

static void compare(struct engine *engine, struct owned *owned)
{
	static const struct mptcpd_addr any;
	struct endpoint *seen = owned->is.id
					? model_find_endpoint(&engine->model, owned->is.id, &any)
					: owned_find_seen(&engine->model, &owned->is.addr);

	if (!owned->present)
		return;
	if (!owned->is.id && seen && (seen->is.flags & MPTCPD_FLAG_IMPLICIT))
		return; /* replaced, and the model does not know yet */
	if (!seen || !addr_equal(&seen->is.addr, &owned->is.addr) || is_made_anew(owned, seen)) {
		owned->present = false;
		owned->hands_off = !owned->unconfirmed;
		owned->unconfirmed = false;
		if (seen)
			seen->ours = false;
		return;
	}
	if (seen->is.flags != owned->is.flags && !owned->unconfirmed)
		owned->pinned = true;
	owned->unconfirmed = false;
	owned->is.id = seen->is.id;
	owned->is.flags = seen->is.flags;
	owned->is.ifindex = seen->is.ifindex;
	seen->ours = true;
}

void owned_compare_all(struct engine *engine)
{
	for (size_t i = 0; i < engine->endpoints.n_owned; i++)
		compare(engine, &engine->endpoints.owned[i]);
}

bool owned_is_so(struct engine *engine, const struct event_endpoint *is)
{
	struct event_endpoint list[ENDPOINTS_OWNED_MAX];
	int n = engine->ops->own_addresses(engine->kernel, 0, list, ENDPOINTS_OWNED_MAX);

	for (int i = 0; i < n; i++)
		if (list[i].id == is->id && list[i].flags == is->flags &&
		    list[i].ifindex == is->ifindex && addr_equal(&list[i].addr, &is->addr))
			return true;
	resync_want(engine, SNAPSHOT_ENDPOINTS);
	return false;
}

void owned_choose_ids(struct engine *engine)
{
	for (size_t i = 0; i < engine->endpoints.n_owned; i++) {
		struct owned *owned = &engine->endpoints.owned[i];

		if (owned->wanted && !owned->present)
			owned->is.id = owned_choose_id(engine, owned);
	}
}

static bool is_kept(const struct owned *owned)
{
	return owned->present || owned->wanted || (owned->planned && owned->hands_off);
}

static struct event_endpoint describe(const struct owned *owned)
{
	struct event_endpoint is = owned->is;

	is.flags |= owned->hands_off ? ENGINE_ENDPOINT_HELD : 0;
	is.flags |= owned->pinned ? ENGINE_ENDPOINT_PINNED : 0;
	return is;
}

void engine_tell_host(struct engine *engine)
{
	struct event_endpoint list[ENDPOINTS_OWNED_MAX];
	struct engine_host host = {
		.endpoints = list,
		.has_limits = engine->endpoints.has_limits,
		.limits_before = engine->endpoints.before,
		.limits_set = engine->endpoints.ours,
		.limits_held = engine->endpoints.held,
	};

	for (size_t i = 0; i < engine->endpoints.n_owned; i++)
		if (is_kept(&engine->endpoints.owned[i]))
			list[host.n_endpoints++] = describe(&engine->endpoints.owned[i]);
	if (engine->observer.on_host)
		engine->observer.on_host(engine->observer.data, &host);
}

void engine_set_host(struct engine *engine, const struct engine_host *host)
{
	struct endpoints *endpoints = &engine->endpoints;

	for (size_t i = 0; i < host->n_endpoints; i++) {
		struct owned *owned = owned_add(endpoints, &host->endpoints[i].addr);

		if (!owned)
			break;
		owned->is = host->endpoints[i];
		owned->hands_off = owned->is.flags & ENGINE_ENDPOINT_HELD;
		owned->pinned = owned->is.flags & ENGINE_ENDPOINT_PINNED;
		owned->is.flags &= ~(ENGINE_ENDPOINT_HELD | ENGINE_ENDPOINT_PINNED);
		owned->present = owned->unconfirmed = !owned->hands_off;
	}
	endpoints->has_limits = host->has_limits;
	endpoints->before = host->limits_before;
	endpoints->ours = host->limits_set;
	endpoints->held = host->limits_held;
}
