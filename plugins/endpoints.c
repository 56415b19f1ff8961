/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's endpoints, for the kernel's own path manager: one for each address that leads out.
 *
 * The kernel's table is small, so what matters most comes first: an address of each interface,
 * then one of its other family, then its second ones. Of the addresses of one interface and family
 * those that last and reach furthest come first; what is equal stays in the order of the view.
 */
#include <mptcpd/addr.h>
#include <mptcpd/plugin.h>

#include <errno.h>
#include <stdlib.h>

/* The kernel's limit on subflows before Linux 7.2: what is asked for when their number is open. */
#define SUBFLOWS_MANY 8
#define SOURCE_FLAGS (MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_FULLMESH | MPTCPD_FLAG_LAMINAR)

struct endpoints {
	uint32_t subflows, add_addr_accepted;
	size_t max_endpoints; /* 0: no limit of ours */
	uint16_t port;
};

struct candidate {
	const struct mptcpd_local *local;
	unsigned int order; /* smaller is more important */
};

struct planning {
	const struct endpoints *endpoints;
	const struct mptcpd_view *view;
	struct mptcpd_plan *plan;
	struct candidate candidates[MPTCPD_PLAN_MAX]; /* the most important ones, in order */
	size_t n_candidates;
	size_t n_planned;
	uint32_t n_sources; /* of those planned: subflows begin there */
	uint32_t flags; /* of those planned, all together */
};

enum {
	SETTING_SUBFLOWS,
	SETTING_ADD_ADDR_ACCEPTED,
	SETTING_PORT,
	SETTING_MAX_ENDPOINTS,
	N_SETTINGS
};

static const struct mptcpd_setting settings[N_SETTINGS] = {
	[SETTING_SUBFLOWS] = {"subflows", MPTCPD_SETTING_NUMBER, "0",
			      "the most additional subflows of a connection; 0: as many as there "
			      "are endpoints to make them from",
			      0, MPTCPD_PLAN_MAX},
	[SETTING_ADD_ADDR_ACCEPTED] =
		{"add-addr-accepted", MPTCPD_SETTING_NUMBER, "64",
		 "the most announced addresses that a connection makes subflows to; never more "
		 "than subflows",
		 0, MPTCPD_PLAN_MAX},
	[SETTING_PORT] = {"port", MPTCPD_SETTING_NUMBER, "0",
			  "announce own addresses with this port, on which the kernel listens; 0: "
			  "without a port",
			  0, UINT16_MAX},
	[SETTING_MAX_ENDPOINTS] = {"max-endpoints", MPTCPD_SETTING_NUMBER, "0",
				   "the most endpoints; 0: as many as the kernel takes", 0,
				   MPTCPD_PLAN_MAX},
};

/* What speaks against an address, the worst in the highest bit. */
static unsigned int flaws(const struct mptcpd_local *local)
{
	return (local->deprecated ? 8U : 0) | (mptcpd_addr_is_link_local(&local->addr) ? 4U : 0) |
	       (mptcpd_addr_is_unique_local(&local->addr) ? 2U : 0) | (local->secondary ? 1U : 0);
}

static bool counts(const struct mptcpd_view *view, const struct mptcpd_local *local)
{
	static const struct mptcpd_addr world;

	return local->flags && view->routable(view, local, &world);
}

/* First come those with the fewest better ones of their family on their interface. */
static unsigned int order_of(const struct mptcpd_view *view, const struct mptcpd_local *local,
			     size_t i)
{
	const struct mptcpd_local *other;
	unsigned int n_better = 0, other_family = 0, own = flaws(local);

	for (size_t j = 0; (other = mptcpd_get_local(view, j)) && n_better < MPTCPD_PLAN_MAX; j++) {
		unsigned int its = flaws(other);

		if (other->ifindex != local->ifindex || its > own || (its == own && j >= i) ||
		    !counts(view, other))
			continue;
		if (other->addr.family == local->addr.family)
			n_better++;
		else
			other_family = 1;
	}
	return n_better << 5 | other_family << 4 | own;
}

/* Keep it in its place, if it is among those that a plan has room for. */
static void insert(struct planning *planning, struct candidate candidate)
{
	struct candidate *list = planning->candidates;
	size_t i = planning->n_candidates;

	if (i < MPTCPD_PLAN_MAX)
		planning->n_candidates++;
	else if (list[--i].order <= candidate.order)
		return;
	for (; i > 0 && list[i - 1].order > candidate.order; i--)
		list[i] = list[i - 1];
	list[i] = candidate;
}

static void add(struct planning *planning, const struct mptcpd_endpoint *endpoint)
{
	size_t max = planning->endpoints->max_endpoints;

	if ((max && planning->n_planned == max) ||
	    planning->plan->add_endpoint(planning->plan, endpoint) < 0)
		return;
	planning->n_planned++;
	planning->n_sources += (endpoint->flags & SOURCE_FLAGS) != 0;
	planning->flags |= endpoint->flags;
}

/*
 * What is announced is an endpoint of its own if it is another address, or if it has a port: the
 * kernel takes a port with flag signal alone.
 */
static void plan_local(struct planning *planning, const struct mptcpd_local *local)
{
	bool elsewhere = local->announce.family == local->addr.family;
	struct mptcpd_endpoint own = {local->addr, local->flags, local->ifindex};
	struct mptcpd_endpoint announced = {elsewhere ? local->announce : local->addr,
					    MPTCPD_FLAG_SIGNAL, local->ifindex};

	if (!elsewhere)
		announced.addr.port = planning->endpoints->port;
	if ((own.flags & MPTCPD_FLAG_SIGNAL) && (elsewhere || announced.addr.port)) {
		own.flags &= ~(uint32_t)MPTCPD_FLAG_SIGNAL;
		add(planning, &announced);
	}
	if (own.flags)
		add(planning, &own);
}

/* Joins that peers make, to what is announced, and those of a mesh cannot be counted ahead. */
static uint32_t subflows_wanted(const struct planning *planning)
{
	if (planning->endpoints->subflows)
		return planning->endpoints->subflows;
	if ((planning->flags & (MPTCPD_FLAG_SIGNAL | MPTCPD_FLAG_FULLMESH)) &&
	    planning->n_sources < SUBFLOWS_MANY)
		return SUBFLOWS_MANY;
	return planning->n_sources;
}

static void plan_endpoints(void *data, const struct mptcpd_view *view, struct mptcpd_plan *plan)
{
	struct planning planning = {.endpoints = data, .view = view, .plan = plan};
	uint32_t subflows, accepted = planning.endpoints->add_addr_accepted;
	const struct mptcpd_local *local;

	for (size_t i = 0; (local = mptcpd_get_local(view, i)); i++)
		if (counts(view, local))
			insert(&planning, (struct candidate){local, order_of(view, local, i)});
	for (size_t i = 0; i < planning.n_candidates; i++)
		plan_local(&planning, planning.candidates[i].local);
	subflows = subflows_wanted(&planning);
	plan->set_limits(plan, subflows, accepted < subflows ? accepted : subflows);
}

static uint64_t number(const struct mptcpd_start *start, size_t setting)
{
	return mptcpd_get_value(start, setting)->number;
}

static int start(const struct mptcpd_start *start, void **data)
{
	struct endpoints *endpoints = malloc(sizeof(*endpoints));

	if (!endpoints)
		return -ENOMEM;
	endpoints->subflows = (uint32_t)number(start, SETTING_SUBFLOWS);
	endpoints->add_addr_accepted = (uint32_t)number(start, SETTING_ADD_ADDR_ACCEPTED);
	endpoints->port = (uint16_t)number(start, SETTING_PORT);
	endpoints->max_endpoints = number(start, SETTING_MAX_ENDPOINTS);
	*data = endpoints;
	return 0;
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
	.name = "endpoints",
	.summary = "an endpoint for each address of this host that leads out",
	.settings = settings,
	.n_settings = N_SETTINGS,
	.start = start,
	.stop = free,
	.plan_endpoints = plan_endpoints,
};
