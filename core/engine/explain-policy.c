/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the plan of a policy says of a pair of addresses. */
#include <stdio.h>

#include "addr.h"
#include "explain.h"

static const char *plugin_name(const struct explaining *it, uint8_t plugin)
{
	return it->connection->policy->plugins[plugin].plugin->name;
}

static bool is_path(const struct mptcpd_path *path, const struct local *local,
		    const struct mptcpd_addr *remote)
{
	return path->ifindex == local->interface->is.ifindex &&
	       addr_equal_host(&path->local, &local->is.addr) && addr_equal(&path->remote, remote);
}

static bool explain_planned(const struct explaining *it, const struct local *local,
			    const struct mptcpd_addr *remote, struct explain_path *path)
{
	const struct plan *plan = &it->engine->plan;

	for (size_t i = 0; i < plan->n_paths; i++) {
		if (!is_path(&plan->paths[i].path, local, remote))
			continue;
		path->wanted_by = plugin_name(it, plan->paths[i].wanted_by);
		explain_say(path, REASON_PLANNED, "about to be made");
		return true;
	}
	return false;
}

void explain_forbidden(const struct explaining *it, const struct plan_forbidden *forbidden,
		       const char *more, struct explain_path *path)
{
	const struct policy *policy = it->connection->policy;

	explain_say(path, REASON_POLICY, "plugin %s of [policy:%s] forbids it%s",
		    forbidden ? plugin_name(it, forbidden->plugin) : "of the stack",
		    policy ? policy->name : "", more);
}

static bool explain_prevented(const struct explaining *it, const struct local *local,
			      const struct mptcpd_addr *remote, struct explain_path *path)
{
	const struct plan_forbidden *forbidden = plan_forbids(&it->engine->plan, &local->is.addr,
							      remote, local->interface->is.ifindex);

	if (!forbidden)
		return false;
	path->forbidden_by = "policy";
	explain_forbidden(it, forbidden, "", path);
	return true;
}

static bool explain_left_out(const struct explaining *it, const struct local *local,
			     const struct mptcpd_addr *remote, struct explain_path *path)
{
	static const enum reason reasons[] = {
		[MPTCPD_LEFT_BY_CHOICE] = REASON_POLICY,
		[MPTCPD_LEFT_BY_LIMIT] = REASON_OWN_LIMIT,
		[MPTCPD_LEFT_FOR_LATER] = REASON_PLANNED,
	};
	const struct plan *plan = &it->engine->plan;
	const char *policy = it->connection->policy->name;

	for (size_t i = 0; i < plan->n_left_out; i++) {
		const struct plan_left_out *left = &plan->left_out[i];

		if (!is_path(&left->path, local, remote))
			continue;
		explain_say(path, reasons[left->why], "plugin %s of [policy:%s]: %s",
			    plugin_name(it, left->plugin), policy, left->words);
		if (left->why == MPTCPD_LEFT_BY_LIMIT)
			explain_remedy(path, "a higher limit in [policy:%s]", policy);
		return true;
	}
	return false;
}

/* "fullmesh", "fullmesh,guard" */
static void list_stack(const struct policy *policy, char *text, size_t size)
{
	size_t n = 0;

	*text = '\0';
	for (size_t i = 0; i < policy->n_plugins && n < size; i++)
		n += (size_t)snprintf(text + n, size - n, "%s%s", i ? "," : "",
				      policy->plugins[i].plugin->name);
}

static void explain_unwanted(const struct explaining *it, struct explain_path *path)
{
	const struct policy *policy = it->connection->policy;
	char stack[128];

	list_stack(policy, stack, sizeof(stack));
	explain_say(path, REASON_POLICY, "not wanted by [policy:%s], plugin = %s%s%s", policy->name,
		    stack, *it->words ? ": " : "", it->words);
}

void explain_by_policy(struct explaining *it, const struct local *local,
		       const struct mptcpd_addr *remote, struct explain_path *path)
{
	if (explain_whole(it, path) || explain_flags(it, local, MPTCPD_FLAG_SUBFLOW, path) ||
	    explain_route(it, local, remote, path) || !it->is_planned ||
	    explain_prevented(it, local, remote, path) ||
	    explain_planned(it, local, remote, path) || explain_left_out(it, local, remote, path) ||
	    explain_silence(it, local, path)) {
		if (!path->reason)
			explain_say(path, REASON_UNKNOWN, "its policy has not been asked yet");
		return;
	}
	explain_unwanted(it, path);
}
