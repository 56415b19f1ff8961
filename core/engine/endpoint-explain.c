/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Says of every endpoint how it stands, and why: the kernel's, and those that wait for a place. */
#include <inttypes.h>
#include <stdio.h>

#include "addr.h"
#include "engine-private.h"
#include "owned.h"
#include "words.h"

static const struct {
	const char *reason, *text;
} causes[] = {
	[LEAVING_NOT] = {NULL, ""},
	[LEAVING_ADDRESS] = {"address-gone", "its link does not have its address"},
	[LEAVING_ROUTE] = {"no-route", "no route leads out from it"},
	[LEAVING_LINK] = {"link-down", "its interface is down or gone"},
	[LEAVING_CARRIER] = {"no-carrier", "its link has no carrier"},
	[LEAVING_OUTDATED] = {"temporary", "newer addresses of its link are used"},
	[LEAVING_INDEX] = {"wrong-link", "its address is on another interface now"},
	[LEAVING_FLAGS] = {"policy", "the configuration wants other flags"},
	[LEAVING_CONFIG] = {"policy", "the configuration does not want it"},
	[LEAVING_PLACE] = {"no-place", "more important ones fill the kernel's table"},
	[LEAVING_PATH_MANAGER] = {"policy", "new connections have the userspace path manager"},
	[LEAVING_RENEWAL] = {"not-joined", "subflows of it died and are to be made again"},
	[LEAVING_MENDING] = {"not-joined", "the kernel is to try it again"},
};

const char *engine_leaving_text(enum leaving leaving)
{
	return causes[leaving].text;
}

#define NEED_TEXT_SIZE 64

/* Returns how many connections need it, and says so. */
static size_t format_need(struct engine *engine, const struct owned *owned,
			  char ret_text[NEED_TEXT_SIZE])
{
	size_t n = need_count(engine, owned);

	if (!need_is_known(engine))
		snprintf(ret_text, NEED_TEXT_SIZE,
			 "kept until all connections and links are known");
	else if (n)
		snprintf(ret_text, NEED_TEXT_SIZE, "needed by %zu connection%s", n,
			 n == 1 ? "" : "s");
	else
		snprintf(ret_text, NEED_TEXT_SIZE, "not needed any more");
	return n;
}

static void explain_leaving(struct engine *engine, const struct owned *owned, uint64_t now_ms,
			    struct explain_endpoint *endpoint)
{
	uint64_t since_s = (now_ms - owned->leaving_ms) / 1000;
	char needed[NEED_TEXT_SIZE];

	endpoint->state = ENDPOINT_LEAVING;
	endpoint->reason = causes[owned->leaving].reason;
	endpoint->needed_by = format_need(engine, owned, needed);
	snprintf(endpoint->text, sizeof(endpoint->text), "leaving for %" PRIu64 " s: %s; %s",
		 since_s, causes[owned->leaving].text, needed);
}

/* An endpoint that is to leave and cannot, whose place another one waits for; or NULL. */
static const struct owned *find_in_the_way(const struct endpoints *endpoints)
{
	for (size_t i = 0; i < endpoints->n_owned; i++)
		if (endpoints->owned[i].present && endpoints->owned[i].needed)
			return &endpoints->owned[i];
	return NULL;
}

static void explain_absent(struct engine *engine, const struct owned *owned,
			   struct explain_endpoint *endpoint)
{
	const struct owned *other = find_in_the_way(&engine->endpoints);
	char text[ADDR_TEXT_SIZE], needed[NEED_TEXT_SIZE];

	endpoint->state = ENDPOINT_WAITING;
	endpoint->reason = "no-place";
	if (owned->hands_off) {
		endpoint->state = ENDPOINT_HELD_OFF;
		endpoint->reason = "held";
		snprintf(endpoint->text, sizeof(endpoint->text),
			 "somebody deleted it: it is made again when its address went and came "
			 "back");
	} else if (owned->wanted && !engine->endpoints.is_tight) {
		endpoint->reason = "refused";
		snprintf(endpoint->text, sizeof(endpoint->text),
			 "the kernel refused it, and is asked again");
	} else if (other) {
		format_need(engine, other, needed);
		snprintf(endpoint->text, sizeof(endpoint->text),
			 "waits for the place of %s (id %u), %s",
			 addr_format(&other->is.addr, text), other->is.id, needed);
	} else {
		snprintf(endpoint->text, sizeof(endpoint->text),
			 "no place: the kernel's table has %u", engine->endpoints.max);
	}
}

bool engine_explain_foreign(struct engine *engine, const struct local *local,
			    struct explain_foreign *ret_foreign)
{
	const struct owned *owned = owned_find(&engine->endpoints, &local->is.addr);

	if (!owned || !owned->foreign || owned->want.ifindex != local->interface->is.ifindex)
		return false;
	ret_foreign->there = owned_find_seen(&engine->model, &local->is.addr);
	ret_foreign->wanted = owned->want.flags;
	return ret_foreign->there != NULL;
}

static void explain_foreign(const struct engine *engine, const struct owned *owned,
			    struct explain_endpoint *endpoint)
{
	char flags[FLAGS_TEXT_SIZE], more[FLAGS_TEXT_SIZE + 32] = "";

	endpoint->reason = "foreign-endpoint";
	if (owned->want.flags != endpoint->is.flags)
		snprintf(more, sizeof(more), ": %s of the configuration is without effect",
			 flags_text(owned->want.flags, flags));
	snprintf(endpoint->text, sizeof(endpoint->text), "somebody else made it%s%s",
		 engine->rules->mend_foreign ? "" : ", and mptcpd leaves it alone", more);
}

void engine_explain_endpoint(struct engine *engine, const struct endpoint *seen, uint64_t now_ms,
			     struct explain_endpoint *endpoint)
{
	const struct owned *owned = owned_find(&engine->endpoints, &seen->is.addr);

	*endpoint = (struct explain_endpoint){
		.is = {.addr = seen->is.addr,
		       .flags = seen->is.flags,
		       .ifindex = seen->is.ifindex,
		       .id = seen->is.id},
		.ours = seen->ours,
		.state = ENDPOINT_PRESENT,
	};
	if (owned && owned->present && owned->leaving != LEAVING_NOT) {
		explain_leaving(engine, owned, now_ms, endpoint);
	} else if (owned && owned->planned && !seen->ours) {
		explain_foreign(engine, owned, endpoint);
	}
}

bool engine_explain_absent(struct engine *engine, size_t *cursor,
			   struct explain_endpoint *ret_endpoint)
{
	struct endpoints *endpoints = &engine->endpoints;

	for (; *cursor < endpoints->n_owned; ++*cursor) {
		const struct owned *owned = &endpoints->owned[*cursor];

		if (!owned->planned || owned->present ||
		    owned_find_seen(&engine->model, &owned->want.addr))
			continue;
		*ret_endpoint = (struct explain_endpoint){
			.is = {.addr = owned->want.addr,
			       .flags = owned->want.flags,
			       .ifindex = owned->want.ifindex},
			.ours = true,
		};
		explain_absent(engine, owned, ret_endpoint);
		++*cursor;
		return true;
	}
	return false;
}
