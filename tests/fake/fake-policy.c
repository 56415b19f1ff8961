/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A policy inside the test program. */
#include "fake-policy.h"

#include <errno.h>
#include <glib.h>

#include "addr.h"

struct fake_policy fake_policy;

static void plan_pair(const struct mptcpd_view *view, const struct mptcpd_local *local,
		      const struct mptcpd_addr *remote, struct mptcpd_plan *plan)
{
	struct mptcpd_path path = {.local = local->addr,
				   .remote = *remote,
				   .flags = local->flags & MPTCPD_FLAG_BACKUP,
				   .ifindex = local->ifindex};

	if (plan->get_path(plan, MPTCPD_PLAN_MAX - 1))
		return; /* it is full */
	if (local->addr.family != remote->family || !view->routable(view, local, remote))
		return;
	if (fake_policy.names_no_link)
		path.ifindex = 0;
	/* the peer may announce the address we know already */
	if (plan->add_path(plan, &path) < 0)
		g_assert_cmpint(plan->add_path(plan, &path), ==,
				fake_policy.names_no_link ? -ENOTUNIQ : -EEXIST);
	path.instance = 1;
	if (fake_policy.second_is_backup)
		path.flags |= MPTCPD_FLAG_BACKUP;
	if (fake_policy.parallel)
		plan->add_path(plan, &path);
}

static void plan_refused(const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	struct mptcpd_path path = {.local = connection->local, .remote = connection->remote};

	addr_parse("192.0.2.99", &path.local);
	g_assert_cmpint(plan->add_path(plan, &path), ==, -EADDRNOTAVAIL);
	addr_parse("2001:db8::99", &path.local);
	g_assert_cmpint(plan->add_path(plan, &path), ==, -EAFNOSUPPORT);
	path.remote.port = 0;
	g_assert_cmpint(plan->add_path(plan, &path), ==, -EINVAL);
	g_assert_null(plan->get_path(plan, MPTCPD_PLAN_MAX));
	g_assert_cmpint(plan->remove_path(plan, MPTCPD_PLAN_MAX), ==, -ENOENT);
	g_assert_cmpint(plan->drop(plan, &path.local, &path.remote), ==, -ENOENT);
}

static void plan_extras(const struct mptcpd_view *view, struct mptcpd_plan *plan)
{
	struct mptcpd_forbidden forbidden = {.local = fake_policy.forbidden,
					     .local_prefix = 32,
					     .remote = fake_policy.forbidden_remote,
					     .remote_prefix = 32};
	struct mptcpd_announcement announcement = {.addr = fake_policy.announced,
						   .listen = fake_policy.listen,
						   .ifindex = fake_policy.announced_ifindex,
						   .listen_when = (uint8_t)fake_policy.listen_when};

	if (forbidden.local.family || forbidden.remote.family || fake_policy.forbids_all)
		g_assert_cmpint(plan->forbid(plan, &forbidden), ==, 0);
	if (fake_policy.announced.family)
		g_assert_cmpint(plan->add_announcement(plan, &announcement), ==, 0);
	announcement.addr = fake_policy.announced_too;
	if (announcement.addr.family)
		g_assert_cmpint(plan->add_announcement(plan, &announcement), ==, 0);
	if (fake_policy.dropped_local.family)
		g_assert_cmpint(plan->drop(plan, &fake_policy.dropped_local,
					   &fake_policy.dropped_remote),
				==, 0);
	fake_policy.dropped_local.family = 0;
	if (fake_policy.ask_ms)
		plan->ask_again(plan, fake_policy.ask_ms);
	if (fake_policy.ask_after_ms)
		plan->ask_again(plan, view->now_ms + fake_policy.ask_after_ms);
}

static void tell_asked(void)
{
	if (fake_policy.on_asked)
		fake_policy.on_asked(fake_policy.on_asked_data);
}

static void drop_all(const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct mptcpd_subflow *subflow;

	for (size_t i = 0; fake_policy.drops_all && (subflow = mptcpd_get_subflow(connection, i));
	     i++)
		g_assert_cmpint(plan->drop(plan, &subflow->local, &subflow->remote), ==, 0);
	fake_policy.drops_all = false;
}

static void remember(const struct mptcpd_connection *connection)
{
	const struct mptcpd_subflow *subflow;

	fake_policy.seen = *connection;
	fake_policy.measure.taken_ms = 0;
	for (size_t i = 0; (subflow = mptcpd_get_subflow(connection, i)); i++)
		if (subflow->measure && !fake_policy.measure.taken_ms)
			fake_policy.measure = *subflow->measure;
	if (connection->owner)
		fake_policy.owner = *connection->owner;
}

static void plan_peers(const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct mptcpd_subflow *subflow;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(connection, i)); i++) {
		struct mptcpd_path path = {.local = subflow->local,
					   .remote = subflow->remote,
					   .ifindex = subflow->ifindex};

		if (subflow->origin == MPTCPD_ORIGIN_PEER &&
		    subflow->state == MPTCPD_SUBFLOW_ESTABLISHED)
			plan->add_path(plan, &path);
	}
}

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	const struct mptcpd_peer_address *peer;
	const struct mptcpd_local *local;

	fake_policy.n_asked++;
	if (fake_policy.work_ns)
		*fake_policy.work_ns += fake_policy.takes_ns;
	if (fake_policy.words && mptcpd_explains(plan))
		plan->explain(plan, "%s", fake_policy.words);
	tell_asked();
	if (fake_policy.refuses_rules)
		plan_refused(connection, plan);
	remember(connection);
	plan_extras(view, plan);
	drop_all(connection, plan);
	if (fake_policy.plans_peers)
		plan_peers(connection, plan);
	if (fake_policy.plans_nothing || connection->side != MPTCPD_SIDE_CLIENT)
		return;
	for (size_t i = 0; (local = mptcpd_get_local(view, i)); i++) {
		if (!connection->deny_join_id0 && !connection->remote_removed &&
		    !(fake_policy.only_peers && connection->peer_addresses.n))
			plan_pair(view, local, &connection->remote, plan);
		for (size_t j = 0; (peer = mptcpd_get_peer_address(connection, j)); j++)
			plan_pair(view, local, &peer->addr, plan);
	}
	(void)data;
}

static void plan_endpoints(void *data, const struct mptcpd_view *view, struct mptcpd_plan *plan)
{
	static const struct mptcpd_addr world;
	const struct mptcpd_local *local;
	uint32_t n = 0;

	tell_asked();
	for (size_t i = 0; (local = mptcpd_get_local(view, i)); i++) {
		struct mptcpd_endpoint endpoint = {.addr = local->addr,
						   .flags = local->flags,
						   .ifindex = local->ifindex};

		if (local->flags && view->routable(view, local, &world))
			n += plan->add_endpoint(plan, &endpoint) == 0;
	}
	plan->set_limits(plan, n, n);
}

static const struct mptcpd_plugin plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(plugin),
	.name = "mesh",
	.summary = "for tests",
	.plan_paths = plan_paths,
	.plan_endpoints = plan_endpoints,
};

static struct policy_plugin stack[] = {{.plugin = &plugin, .id = FAKE_POLICY_ID}};
static char policy_name[] = "all", backup_match[] = "backup*", never_match[] = "never*",
	    both_match[] = "both*";
struct policy fake_policies[] = {{.name = policy_name, .plugins = stack, .n_plugins = 1}};
static struct interface_rule interfaces[] = {
	{.match = backup_match,
	 .flags = MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP,
	 .has_flags = true},
	{.match = never_match, .use = USE_NO},
	{.match = both_match, .addresses = ADDRESS_STABLE},
};

struct rules fake_rules = {
	.manage_path_manager = true,
	.path_manager = PATH_MANAGER_USERSPACE,
	.interfaces = interfaces,
	.n_interfaces = 3,
	.policies = fake_policies,
	.n_policies = 1,
	.endpoints = {.plugin = &plugin, .id = FAKE_POLICY_ID},
	.endpoint_flags = MPTCPD_FLAG_SUBFLOW,
	.endpoint_hold_ms = 5000,
};

void fake_policy_reset(void)
{
	fake_policy = (struct fake_policy){0};
	fake_policies[0].needs = fake_policies[0].traits = 0;
}
