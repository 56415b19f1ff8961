/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is wrong with an address of ours, with its link, and with the way out from there. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "choose.h"
#include "explain.h"
#include "shell.h"
#include "words.h"

/* The group that decides for the address, or the one to be written. */
static const char *group_of(const struct explaining *it, const struct local *local)
{
	const struct event_link *is = &local->interface->is;
	const struct interface_rule *rule =
		rules_for_address(it->engine->rules, is->name, (enum mptcpd_link_type)is->type,
				  local->interface->as_tunnel, &local->is.addr);

	return rule ? rule->match : is->name;
}

bool explain_link(const struct interface *interface, struct explain_path *path)
{
	const char *name = interface->is.name;
	char quoted[SHELL_WORD_SIZE];

	if (!interface->is.up) {
		explain_say(path, REASON_LINK_DOWN, "%s is down", name);
		explain_remedy(path, "ip link set %s up", shell_quote(name, quoted));
	} else if (!interface->is.carrier) {
		explain_say(path, REASON_NO_CARRIER,
			    "%s has no carrier: nothing is at the other end of it", name);
		explain_remedy(path, "plug the cable of %s in, or join its network", name);
	} else {
		return false;
	}
	return true;
}

/* What the configuration leaves out, and how it says otherwise. */
static void say_left_out(const struct explaining *it, const struct local *local, const char *key,
			 enum reason reason, const char *why, struct explain_path *path)
{
	explain_say(path, reason, "%s%s", why, local->interface->is.name);
	if (key)
		explain_remedy(path, "%s in [interface:%s]", key, local->interface->is.name);
}

bool explain_address(const struct explaining *it, const struct local *local,
		     struct explain_path *path)
{
	enum usability usability = choose_for(it->connection, local);
	const char *name = local->interface->is.name;

	switch (usability) {
	case USABLE:
		return false;
	case UNUSABLE_DOWN:
	case UNUSABLE_CARRIER:
		return explain_link(local->interface, path);
	case UNUSABLE_CONFIGURED:
		explain_say(path, REASON_POLICY, "use = no for %s, by [interface:%s]", name,
			    group_of(it, local));
		explain_remedy(path, "use = yes in [interface:%s]", name);
		return true;
	case UNUSABLE_TUNNEL:
		say_left_out(it, local, "use = yes", REASON_POLICY,
			     "what may be a tunnel of a VPN is not used unless configured: ", path);
		return true;
	case UNUSABLE_MEMBER:
		say_left_out(it, local, "use = yes", REASON_POLICY,
			     "members of bridges and bonds are not used unless configured: ", path);
		return true;
	case UNUSABLE_UNIQUE_LOCAL:
		say_left_out(it, local, "addresses = unique-local", REASON_POLICY,
			     "unique-local addresses are not used unless configured: ", path);
		return true;
	case UNUSABLE_TENTATIVE:
		say_left_out(it, local, NULL, REASON_TENTATIVE,
			     "duplicate address detection is not done, or failed, on ", path);
		return true;
	case UNUSABLE_TEMPORARY:
		say_left_out(it, local, "addresses = temporary", REASON_TEMPORARY,
			     "a temporary address, and another one is used on ", path);
		return true;
	case UNUSABLE_STABLE:
		say_left_out(it, local, "addresses = stable", REASON_TEMPORARY,
			     "hidden by the temporary address that is used on ", path);
		return true;
	case UNUSABLE_DEPRECATED:
		say_left_out(it, local, "addresses = deprecated", REASON_TEMPORARY,
			     "deprecated, so that it is not used any more on ", path);
		return true;
	case UNUSABLE_ROUTED:
		say_left_out(it, local, NULL, REASON_NO_ROUTE, "no route leads out by ", path);
		return true;
	case UNUSABLE_PRESENT:
		say_left_out(it, local, NULL, REASON_NO_ADDRESS, "the address went from ", path);
		return true;
	case UNUSABLE_LOOPBACK:
	case UNUSABLE_LINK_LOCAL:
	case UNUSABLE_SCOPE:
		break;
	}
	explain_say(path, REASON_POLICY, "%s", usability_text(usability));
	return true;
}

static void list_flags(uint32_t flags, char *text, size_t size)
{
	size_t n = 0;

	snprintf(text, size, "none");
	for (unsigned int bit = 0; flag_name(bit) && n < size; bit++)
		if (flags >> bit & 1)
			n += (size_t)snprintf(text + n, size - n, "%s%s", n ? "," : "",
					      flag_name(bit));
}

bool explain_flags(const struct explaining *it, const struct local *local, uint32_t flag,
		   struct explain_path *path)
{
	const char *name = local->interface->is.name;
	const char *word = flag == MPTCPD_FLAG_SIGNAL ? "signal" : "subflow";
	char flags[64];

	if (local->flags & flag)
		return false;
	list_flags(local->flags, flags, sizeof(flags));
	explain_say(path, REASON_POLICY, "%s has the flags %s, and %s not, by which %s", name,
		    flags, word,
		    flag == MPTCPD_FLAG_SIGNAL ? "peers are told of it" : "subflows begin there");
	explain_remedy(path, "flags = %s%s%s in [interface:%s]", local->flags ? flags : "",
		       local->flags ? "," : "", word, name);
	return true;
}

bool explain_silence(const struct explaining *it, const struct local *local,
		     struct explain_path *path)
{
	const struct health *health =
		&local->interface->health[health_index(local->is.addr.family)];
	char text[160];

	if (health->state != MPTCPD_HEALTH_SILENT)
		return false;
	explain_say(path, REASON_SILENT, "%s is %s", local->interface->is.name,
		    health_text(health, it->now_ms, text, sizeof(text)));
	return true;
}

uint32_t explain_find_stray(struct engine *engine, const struct local *local,
			    const struct mptcpd_addr *remote)
{
	uint32_t out = route_egress(&engine->routes, &local->is.addr, remote);

	return out != local->interface->is.ifindex && model_find_interface(&engine->model, out)
		       ? out
		       : 0;
}

bool explain_stray(const struct explaining *it, const struct local *local,
		   const struct mptcpd_addr *remote, struct explain_path *path)
{
	const struct mptcpd_addr host = addr_host(&local->is.addr);
	char text[ADDR_TEXT_SIZE];
	uint32_t out;

	if (it->engine->rules->source_routing != SOURCE_ROUTING_NO ||
	    !model_sole_local(&it->engine->model, &host))
		return false;
	out = explain_find_stray(it->engine, local, remote);
	if (!out)
		return false;
	explain_say(path, it->engine->creates_unbound ? REASON_UNBOUND : REASON_WRONG_LINK,
		    "packets from %s leave by %s%s", addr_format_host(&host, text),
		    model_interface_name(&it->engine->model, out),
		    it->engine->creates_unbound
			    ? ": this kernel binds no subflow to its link, Linux 6.12 does"
			    : "");
	explain_remedy(path, "source-routing = auto in [core]");
	return true;
}

static bool is_filtered(const struct explaining *it, const struct interface *interface)
{
	return it->engine->ops->filters
		       ? it->engine->ops->filters(it->engine->kernel, interface->is.name)
		       : interface->is.rp_filter_strict;
}

bool explain_filter(const struct explaining *it, const struct local *local,
		    const struct mptcpd_addr *remote, struct explain_path *path)
{
	const char *name = local->interface->is.name;
	uint32_t out;

	if (local->is.addr.family != AF_INET || !is_filtered(it, local->interface))
		return false;
	out = explain_find_stray(it->engine, local, remote);
	if (!out)
		return false;
	explain_say(path, REASON_RP_FILTER,
		    "rp_filter is strict on %s: answers are dropped here, because the best route "
		    "to %s is by %s",
		    name, remote->family ? "the peer" : "most peers",
		    model_interface_name(&it->engine->model, out));
	explain_remedy(path, "rp-filter = loose in [interface:%s]%s", name,
		       it->engine->rules->source_routing == SOURCE_ROUTING_NO
			       ? ", or source-routing = auto in [core]"
			       : "");
	return true;
}

static void advise_route(const char *interface, struct explain_path *path)
{
	char quoted[SHELL_WORD_SIZE];

	explain_remedy(path, "ip route add default via GATEWAY dev %s metric 1000",
		       shell_quote(interface, quoted));
}

void explain_no_way_out(const struct local *local, struct explain_path *path)
{
	const char *name = local->interface->is.name;
	char text[ADDR_TEXT_SIZE];

	explain_say(path, REASON_NO_ROUTE, "no route leads out from %s by %s",
		    addr_format_host(&local->is.addr, text), name);
	advise_route(name, path);
}

bool explain_route(struct explaining *it, const struct local *local,
		   const struct mptcpd_addr *remote, struct explain_path *path)
{
	struct engine *engine = it->engine;
	char mark[32] = "";

	if (engine_is_elsewhere(engine, it->connection, local, remote)) {
		explain_say(path, REASON_NO_ROUTE,
			    "the peer has a link-local address, and the connection began on %s",
			    model_interface_name(&engine->model, it->connection->ifindex));
		return true;
	}
	if (it->n_routes == 0)
		return false;
	it->n_routes--;
	if (route_exists(&engine->routes, local, remote))
		return false;
	if (engine->routes.mark)
		snprintf(mark, sizeof(mark), " with mark 0x%x", engine->routes.mark);
	snprintf(path->error, sizeof(path->error), "no route to the peer from %s%s",
		 path->interface, mark);
	explain_say(path, REASON_NO_ROUTE, "%s", path->error);
	advise_route(path->interface, path);
	return true;
}
