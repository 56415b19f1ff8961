/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* This host in the model: interfaces, addresses and which of them count, endpoints, limits. */
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "choose.h"
#include "link-health.h"

static const char *const usability_texts[] = {
	[USABLE] = "",
	[UNUSABLE_DOWN] = "interface is down",
	[UNUSABLE_CARRIER] = "no carrier",
	[UNUSABLE_LOOPBACK] = "loopback",
	[UNUSABLE_CONFIGURED] = "use = no",
	[UNUSABLE_TUNNEL] = "tap with a default route beside another link's: taken for a tunnel",
	[UNUSABLE_MEMBER] = "member of a bridge or bond",
	[UNUSABLE_TENTATIVE] = "tentative: duplicate address detection is not done",
	[UNUSABLE_LINK_LOCAL] = "link-local address",
	[UNUSABLE_UNIQUE_LOCAL] = "unique-local address",
	[UNUSABLE_TEMPORARY] = "temporary address, in place of which another one is used",
	[UNUSABLE_STABLE] = "stable address, which a temporary one is there to hide",
	[UNUSABLE_DEPRECATED] = "deprecated address",
	[UNUSABLE_SCOPE] = "not an address that others can reach",
	[UNUSABLE_ROUTED] = "no route leads out from it",
	[UNUSABLE_PRESENT] = "removed",
};

const char *usability_text(enum usability usability)
{
	return usability_texts[usability];
}

/* ---- which addresses count ---- */

static bool is_member(const struct model *model, const struct interface *interface)
{
	const struct interface *master =
		interface->is.master ? model_find_interface(model, interface->is.master) : NULL;

	return master &&
	       (master->is.type == MPTCPD_LINK_BRIDGE || master->is.type == MPTCPD_LINK_BOND);
}

static enum usability judge_interface(const struct model *model, const struct interface *interface,
				      const struct interface_rule *rule)
{
	if (interface->is.type == MPTCPD_LINK_LOOPBACK)
		return UNUSABLE_LOOPBACK;
	if (rule && rule->use == USE_NO)
		return interface->as_tunnel && rule->by_type && rule->type == MPTCPD_LINK_TUNNEL
			       ? UNUSABLE_TUNNEL
			       : UNUSABLE_CONFIGURED;
	if (is_member(model, interface) && !(rule && rule->use == USE_YES))
		return UNUSABLE_MEMBER;
	if (!interface->is.up)
		return UNUSABLE_DOWN;
	return interface->is.carrier ? USABLE : UNUSABLE_CARRIER;
}

static enum usability judge_address(const struct local *local, const struct interface_rule *rule)
{
	uint32_t lifted = rule ? rule->addresses : 0;

	if (local->is.host_scope || mptcpd_addr_is_any(&local->is.addr) ||
	    mptcpd_addr_is_multicast(&local->is.addr) || mptcpd_addr_is_loopback(&local->is.addr))
		return UNUSABLE_SCOPE;
	if (local->is.tentative)
		return UNUSABLE_TENTATIVE;
	if (mptcpd_addr_is_link_local(&local->is.addr) && !(lifted & ADDRESS_LINK_LOCAL))
		return UNUSABLE_LINK_LOCAL;
	if (mptcpd_addr_is_unique_local(&local->is.addr) && !(lifted & ADDRESS_UNIQUE_LOCAL))
		return UNUSABLE_UNIQUE_LOCAL;
	if (local->is.deprecated && !(lifted & ADDRESS_DEPRECATED))
		return UNUSABLE_DEPRECATED;
	return USABLE;
}

/* Returns whether more than its usability, which is chosen after, differs from before. */
static bool judge_local(struct model *model, struct local *local)
{
	const struct interface *interface = local->interface;
	const struct interface_rule *rule =
		rules_for_address(model->rules, interface->is.name, interface->is.type,
				  interface->as_tunnel, &local->is.addr);
	uint32_t flags_before = local->flags;
	bool forced_before = local->forced;

	local->judged = judge_interface(model, interface, rule);
	if (local->judged == USABLE)
		local->judged = judge_address(local, rule);
	local->lifted = rule ? rule->addresses : 0;
	local->flags = rule && rule->has_flags ? rule->flags : model->rules->endpoint_flags;
	local->forced = rule && rule->use == USE_YES;
	local->announce = rule ? rule->announce : (struct mptcpd_addr){0};
	local->listen = rule ? rule->listen : LISTEN_AUTO;
	return flags_before != local->flags || forced_before != local->forced;
}

static bool judge(struct model *model, struct interface *interface)
{
	enum usability before = interface->usability;
	bool differs = false;

	interface->rule = rules_for_interface(model->rules, interface->is.name, interface->is.type,
					      interface->as_tunnel);
	interface->usability = judge_interface(model, interface, interface->rule);
	for (struct local *local = interface->locals; local; local = local->next)
		differs |= judge_local(model, local);
	differs |= choose_addresses(model, interface);
	return differs || before != interface->usability;
}

enum usability interface_usability(const struct interface *interface)
{
	for (const struct local *local = interface->locals; local; local = local->next)
		if (local->usability == USABLE)
			return USABLE;
	return interface->usability;
}

void host_judge_all(struct model *model)
{
	struct table_entry *entry;

	for (entry = table_first(&model->interfaces); entry; entry = table_next(entry))
		judge(model, table_owner(entry, struct interface));
}

/* ---- interfaces ---- */

static void describe_interface(const struct interface *interface, struct change *change)
{
	change->ifindex = interface->is.ifindex;
	snprintf(change->interface, sizeof(change->interface), "%s", interface->is.name);
}

void model_take_for_tunnel(struct model *model, struct interface *interface, bool as_tunnel)
{
	interface->as_tunnel = as_tunnel;
	judge(model, interface);
}

static bool is_same_link(const struct event_link *a, const struct event_link *b)
{
	return strncmp(a->name, b->name, sizeof(a->name)) == 0 && a->master == b->master &&
	       a->type == b->type && a->up == b->up && a->carrier == b->carrier &&
	       a->point_to_point == b->point_to_point &&
	       a->prefers_temporary == b->prefers_temporary &&
	       a->rp_filter_strict == b->rp_filter_strict;
}

static int apply_link(struct model *model, const struct event_link *link, struct change *change)
{
	struct interface *interface = model_find_interface(model, link->ifindex);
	bool is_new = !interface;

	if (!link->ifindex || !memchr(link->name, '\0', sizeof(link->name)))
		return -EINVAL;
	if (is_new) {
		interface = calloc(1, sizeof(*interface));
		if (!interface)
			abort();
		interface->is.ifindex = link->ifindex;
		table_add(&model->interfaces, &interface->entry, &interface->is.ifindex,
			  sizeof(interface->is.ifindex));
		change->type = CHANGE_INTERFACE_ADDED;
	} else if (!is_same_link(&interface->is, link)) {
		change->type = CHANGE_INTERFACE_CHANGED;
	}
	change->returned = !is_new && link->up && link->carrier &&
			   !(interface->is.up && interface->is.carrier);
	for (struct local *local = interface->locals; local; local = local->next)
		local->fresh |= change->returned;
	interface->seen = model->mark;
	if (!is_new && (!link->up || !link->carrier))
		health_forget(interface);
	interface->is = *link;
	describe_interface(interface, change);
	if (change->type == CHANGE_NONE)
		return 0;
	change->host = judge(model, interface);
	if (interface->is.type == MPTCPD_LINK_BRIDGE || interface->is.type == MPTCPD_LINK_BOND) {
		host_judge_all(model); /* its members are judged by it */
		change->host = true;
	}
	return 0;
}

static void free_local(struct model *model, struct local *local)
{
	table_remove(&model->locals, &local->entry);
	if (table_find(&model->locals, &local->is.addr, sizeof(local->is.addr)))
		model->n_double_locals--;
	choose_count(model, local, local->usability, UNUSABLE_DOWN);
	free(local);
}

static void free_interface(struct model *model, struct interface *interface)
{
	while (interface->locals) {
		struct local *local = interface->locals;

		interface->locals = local->next;
		free_local(model, local);
	}
	table_remove(&model->interfaces, &interface->entry);
	free(interface);
}

static void remove_interface(struct model *model, struct interface *interface,
			     struct change *change)
{
	change->type = CHANGE_INTERFACE_REMOVED;
	change->host = interface->locals != NULL;
	describe_interface(interface, change);
	free_interface(model, interface);
}

/* ---- addresses ---- */

static void describe_local(const struct local *local, enum change_type type, struct change *change)
{
	change->type = type;
	change->local = local->is.addr;
	change->prefix = local->is.prefix;
	describe_interface(local->interface, change);
}

static struct local *add_local(struct model *model, struct interface *interface,
			       const struct event_local *event)
{
	struct local *local = calloc(1, sizeof(*local)), **end;

	if (!local)
		abort();
	local->is.addr = addr_host(&event->addr);
	local->interface = interface;
	local->judged = local->usability = UNUSABLE_DOWN; /* not judged yet */
	for (end = &interface->locals; *end; end = &(*end)->next)
		;
	*end = local;
	if (table_find(&model->locals, &local->is.addr, sizeof(local->is.addr)))
		model->n_double_locals++;
	table_add(&model->locals, &local->entry, &local->is.addr, sizeof(local->is.addr));
	return local;
}

static bool is_same_address(const struct event_local *a, const struct event_local *b)
{
	return a->prefix == b->prefix && a->tentative == b->tentative &&
	       a->temporary == b->temporary && a->deprecated == b->deprecated &&
	       a->host_scope == b->host_scope && a->secondary == b->secondary;
}

static int apply_local(struct model *model, const struct event_local *event, bool dumped,
		       struct change *change)
{
	struct interface *interface = model_find_interface(model, event->ifindex);
	struct local *local;

	if (!event->addr.family || !event->ifindex)
		return -EINVAL;
	if (!interface) {
		change->resync = true;
		change->snapshot = SNAPSHOT_HOST;
		return 0;
	}
	local = model_find_local(model, &event->addr, event->ifindex);
	if (!local) {
		local = add_local(model, interface, event);
		local->fresh = !dumped;
		change->type = CHANGE_INTERFACE_ADDRESS_ADDED;
	}
	if (change->type == CHANGE_NONE && !is_same_address(&local->is, event))
		change->type = CHANGE_INTERFACE_ADDRESS_CHANGED;
	local->is = *event;
	local->is.addr.port = 0;
	local->seen = model->mark;
	if (change->type != CHANGE_NONE)
		describe_local(local, change->type, change);
	change->host = judge_local(model, local) || change->type == CHANGE_INTERFACE_ADDRESS_ADDED;
	if (choose_addresses(model, interface))
		change->host = true;
	/* The sysctl that makes the kernel prefer it tells nobody when it changes. */
	change->resync =
		local->is.temporary && change->type == CHANGE_INTERFACE_ADDRESS_ADDED && !dumped;
	change->snapshot = SNAPSHOT_HOST;
	return 0;
}

static void remove_local(struct model *model, struct local *local, struct change *change)
{
	struct interface *interface;
	struct local **link;

	describe_local(local, CHANGE_INTERFACE_ADDRESS_REMOVED, change);
	change->host = true;
	for (link = &local->interface->locals; *link != local; link = &(*link)->next)
		;
	*link = local->next;
	interface = local->interface;
	free_local(model, local);
	choose_addresses(model, interface);
}

/* ---- endpoints and limits of the kernel's path manager ---- */

static void describe_endpoint(const struct model *model, const struct endpoint *endpoint,
			      enum change_type type, struct change *change)
{
	change->type = type;
	change->local = endpoint->is.addr;
	change->local_id = endpoint->is.id;
	change->flags = endpoint->is.flags;
	change->ours = endpoint->ours;
	change->ifindex = endpoint->is.ifindex;
	snprintf(change->interface, sizeof(change->interface), "%s",
		 model_interface_name(model, endpoint->is.ifindex));
}

static int apply_endpoint(struct model *model, const struct event_endpoint *event,
			  struct change *change)
{
	struct endpoint **link, *endpoint;

	if (!event->addr.family)
		return -EINVAL;
	for (link = &model->endpoints; *link && (*link)->is.id < event->id; link = &(*link)->next)
		;
	endpoint = *link;
	if (!endpoint || endpoint->is.id != event->id) {
		endpoint = calloc(1, sizeof(*endpoint));
		if (!endpoint)
			abort();
		endpoint->next = *link;
		endpoint->serial = ++model->n_endpoints;
		*link = endpoint;
		change->type = CHANGE_ENDPOINT_ADDED;
	} else if (!addr_equal(&endpoint->is.addr, &event->addr) ||
		   endpoint->is.flags != event->flags || endpoint->is.ifindex != event->ifindex) {
		change->type = CHANGE_ENDPOINT_CHANGED;
	}
	endpoint->ours &= addr_equal(&endpoint->is.addr, &event->addr);
	endpoint->is = *event;
	endpoint->seen = model->mark;
	if (change->type != CHANGE_NONE)
		describe_endpoint(model, endpoint, change->type, change);
	return 0;
}

struct endpoint *model_find_endpoint(const struct model *model, uint8_t id,
				     const struct mptcpd_addr *addr)
{
	for (struct endpoint *endpoint = model->endpoints; endpoint; endpoint = endpoint->next) {
		if (id && endpoint->is.id != id)
			continue;
		if (addr->family && !(addr->port ? addr_equal(&endpoint->is.addr, addr)
						 : addr_equal_host(&endpoint->is.addr, addr)))
			continue;
		return endpoint;
	}
	return NULL;
}

const struct interface *model_endpoint_elsewhere(const struct model *model,
						 const struct local *local)
{
	const struct endpoint *endpoint =
		model->n_double_locals ? model_find_endpoint(model, 0, &local->is.addr) : NULL;
	const struct local *there = NULL;

	if (endpoint && endpoint->is.ifindex &&
	    endpoint->is.ifindex != local->interface->is.ifindex)
		there = model_find_local(model, &local->is.addr, endpoint->is.ifindex);
	return there ? there->interface : NULL;
}

static void free_endpoint(struct model *model, struct endpoint **link, struct change *change)
{
	struct endpoint *endpoint = *link;

	describe_endpoint(model, endpoint, CHANGE_ENDPOINT_REMOVED, change);
	*link = endpoint->next;
	free(endpoint);
}

static void remove_endpoint(struct model *model, uint8_t id, struct change *change)
{
	for (struct endpoint **link = &model->endpoints; *link; link = &(*link)->next) {
		if ((*link)->is.id != id)
			continue;
		free_endpoint(model, link, change);
		return;
	}
}

static void apply_limits(struct model *model, const struct event_limits *limits,
			 struct change *change)
{
	if (!model->limits_known || limits->subflows != model->limits.subflows ||
	    limits->add_addr_accepted != model->limits.add_addr_accepted)
		change->type = CHANGE_LIMITS;
	model->limits = *limits;
	model->limits_known = true;
}

int host_apply(struct model *model, const struct event *event, struct change *change)
{
	struct interface *interface;
	struct local *local;

	switch ((int)event->type) {
	case EVENT_LINK:
		return apply_link(model, &event->link, change);
	case EVENT_LINK_GONE:
		interface = model_find_interface(model, event->link.ifindex);
		if (interface)
			remove_interface(model, interface, change);
		return 0;
	case EVENT_LOCAL:
		return apply_local(model, &event->local, event->dumped, change);
	case EVENT_LOCAL_GONE:
		local = event->local.ifindex
				? model_find_local(model, &event->local.addr, event->local.ifindex)
				: NULL;
		if (local)
			remove_local(model, local, change);
		return 0;
	case EVENT_ENDPOINT:
		return apply_endpoint(model, &event->endpoint, change);
	case EVENT_ENDPOINT_GONE:
		remove_endpoint(model, event->endpoint.id, change);
		return 0;
	case EVENT_LIMITS:
		apply_limits(model, &event->limits, change);
		return 0;
	default:
		return -EINVAL;
	}
}

/* ---- sweeping ---- */

bool host_sweep(struct model *model, struct change *change)
{
	uint32_t mark = model->snapshot[SNAPSHOT_HOST].mark;
	struct table_entry *entry;

	for (entry = table_first(&model->interfaces); entry; entry = table_next(entry)) {
		struct interface *interface = table_owner(entry, struct interface);

		if (interface->seen < mark) {
			remove_interface(model, interface, change);
			return true;
		}
		for (struct local *local = interface->locals; local; local = local->next) {
			if (local->seen < mark) {
				remove_local(model, local, change);
				return true;
			}
		}
	}
	return false;
}

bool host_sweep_endpoints(struct model *model, struct change *change)
{
	uint32_t mark = model->snapshot[SNAPSHOT_ENDPOINTS].mark;

	for (struct endpoint **link = &model->endpoints; *link; link = &(*link)->next) {
		if ((*link)->seen >= mark)
			continue;
		free_endpoint(model, link, change);
		return true;
	}
	return false;
}

void host_done(struct model *model)
{
	struct table_entry *entry;

	while ((entry = table_first(&model->interfaces)))
		free_interface(model, table_owner(entry, struct interface));
	while (model->endpoints) {
		struct endpoint *endpoint = model->endpoints;

		model->endpoints = endpoint->next;
		free(endpoint);
	}
}
