/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a link stands for the world at large: the reasons of explain, where there is no connection. */
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "explain.h"
#include "shell.h"
#include "words.h"

static const struct mptcpd_addr world;

static void tell(const struct explaining *it, struct explain_path *path)
{
	path->state = !path->reason		    ? EXPLAIN_ESTABLISHED
		      : reason_passes(path->reason) ? EXPLAIN_WAITING
						    : EXPLAIN_UNWANTED;
	it->on_path(it->data, path);
}

static bool leads_out(struct engine *engine, const struct local *local)
{
	return local->forced || route_exists(&engine->routes, local, &world);
}

/*
 * A rule of somebody else, of a VPN most likely, comes before the one about the source. It is right as
 * it is for who wants all in the tunnel; for who does not, ours may come before that.
 */
static void tell_earlier(const struct engine *engine, const struct local *local, int table,
			 uint32_t before, struct explain_path *path)
{
	uint32_t thousands = before > 2 ? (before - 2) / 1000 * 1000 : 0;
	char text[ADDR_TEXT_SIZE];

	if (engine->rules->source_routing == SOURCE_ROUTING_NO)
		explain_remedy(path, "ip %srule add from %s lookup %d priority %u",
			       local->is.addr.family == AF_INET6 ? "-6 " : "",
			       addr_format_host(&local->is.addr, text), table, before - 1);
	else if (thousands > 0)
		explain_remedy(path, "rule-priority = %u in [core]", thousands);
}

/* In spite of a rule about their source it is somebody's mistake; without one it is nobody's. */
static bool examine_stray(const struct explaining *it, const struct local *local,
			  struct explain_path *path)
{
	struct engine *engine = it->engine;
	uint32_t out = explain_find_stray(engine, local, &world), before = 0;
	char text[ADDR_TEXT_SIZE], name[SHELL_WORD_SIZE];
	int table = out && engine->ops->source_table
			    ? engine->ops->source_table(engine->kernel, &local->is.addr, &before)
			    : 0;

	if (table <= 0)
		return explain_stray(it, local, &world, path);
	addr_format_host(&local->is.addr, text);
	if (before) {
		explain_say(path, REASON_WRONG_LINK,
			    "packets from %s, the address of %s, leave by %s: the rule of priority "
			    "%u comes before the one about their source, which leads to table %d",
			    text, path->interface, model_interface_name(&engine->model, out),
			    before, table);
		tell_earlier(engine, local, table, before, path);
	} else {
		explain_say(path, REASON_WRONG_LINK,
			    "packets from %s, the address of %s, leave by %s, though a rule about "
			    "their source leads to table %d",
			    text, path->interface, model_interface_name(&engine->model, out),
			    table);
		explain_remedy(path, "ip route replace default via GATEWAY dev %s table %d",
			       shell_quote(path->interface, name), table);
	}
	snprintf(path->error, sizeof(path->error), "led to %s",
		 model_interface_name(&engine->model, out));
	return true;
}

/* The kernel's path manager takes each address once. */
static bool examine_twin(const struct explaining *it, const struct local *local,
			 struct explain_path *path)
{
	const struct model *model = &it->engine->model;
	const struct interface *elsewhere = model->path_manager == PATH_MANAGER_KERNEL
						    ? model_endpoint_elsewhere(model, local)
						    : NULL;

	if (!elsewhere)
		return false;
	explain_say(path, REASON_SAME_ADDRESS, "%s: " SAME_ADDRESS_TEXT, path->interface,
		    elsewhere->is.name);
	explain_remedy(path, "path-manager = userspace in [core]");
	return true;
}

/* Each thing that is wrong is told; what follows from one that was told is not. */
static void examine_address(const struct explaining *it, const struct local *local)
{
	struct explain_path path = {.local = local->is.addr,
				    .backup = local->flags & MPTCPD_FLAG_BACKUP};
	bool is_well = true;

	memcpy(path.interface, local->interface->is.name, sizeof(path.interface));
	if (explain_address(it, local, &path)) {
		tell(it, &path);
		return;
	}
	if (!leads_out(it->engine, local)) {
		explain_no_way_out(local, &path);
		tell(it, &path);
		return;
	}
	if (examine_twin(it, local, &path)) {
		is_well = false;
		tell(it, &path);
	}
	if (explain_silence(it, local, &path)) {
		is_well = false;
		tell(it, &path);
	}
	if (explain_filter(it, local, &world, &path) || examine_stray(it, local, &path)) {
		is_well = false;
		tell(it, &path);
	}
	if (is_well)
		tell(it, &path);
}

/* Bridges and tunnels are told of where they lead out. */
static bool is_of_interest(struct engine *engine, const struct interface *interface)
{
	if (explain_is_uplink(interface))
		return true;
	for (const struct local *local = interface->locals; local; local = local->next)
		if (explain_may_leave(local) && local->usability == USABLE &&
		    leads_out(engine, local))
			return true;
	return false;
}

void engine_examine(struct engine *engine, uint32_t ifindex, uint64_t now_ms,
		    void (*on_path)(void *data, const struct explain_path *path), void *data)
{
	const struct explaining it = {.engine = engine,
				      .now_ms = now_ms,
				      .on_path = on_path,
				      .data = data};
	const struct interface *interface = model_find_interface(&engine->model, ifindex);
	struct explain_path path = {0};
	size_t n = 0;

	if (!interface || !is_of_interest(engine, interface))
		return;
	for (const struct local *local = interface->locals; local; local = local->next) {
		if (!explain_may_leave(local))
			continue;
		n++;
		examine_address(&it, local);
	}
	if (n > 0)
		return;
	memcpy(path.interface, interface->is.name, sizeof(path.interface));
	if (!explain_link(interface, &path))
		explain_say(&path, REASON_NO_ADDRESS, "%s has no address", path.interface);
	tell(&it, &path);
}
