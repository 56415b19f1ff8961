/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who decides for a connection: the first group whose matches hold. Where only a request tells whether
 * they do, nobody decides before it is answered.
 */
#include "engine-private.h"
#include "policy-memory.h"

bool decide_is_kept_apart(const struct local *start)
{
	return start &&
	       (start->usability == UNUSABLE_LOOPBACK || start->usability == UNUSABLE_CONFIGURED ||
		start->usability == UNUSABLE_TUNNEL);
}

bool decide_is_set_aside(const struct engine *engine, const struct policy *policy, uint32_t token)
{
	for (size_t i = 0; i < policy->n_plugins; i++)
		if (guard_is_aside(engine->guard, policy->plugins[i].id, token))
			return true;
	return false;
}

/* Where its initial subflow was seen last, 0: not known. */
static uint32_t initial_ifindex(const struct connection *connection)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (connection->subflows[i].is.initial)
			return connection->subflows[i].ifindex;
	return 0;
}

/* As far as it is known without asking for it; `local`: where it began. */
static struct subject describe(const struct connection *connection, const struct local *local,
			       const char *cgroup)
{
	struct subject subject = {
		.side = connection->side,
		.local = connection->local,
		.remote = connection->remote,
		.interface = local ? local->interface->is.name : "",
	};

	owner_describe(connection, &subject);
	if (cgroup) {
		subject.cgroup = cgroup;
		subject.unknown &= ~(uint32_t)FACT_CGROUP;
	}
	return subject;
}

static void take_policy(struct engine *engine, struct connection *connection,
			const struct policy *policy)
{
	connection->policy_known = true;
	connection->policy = policy;
	for (size_t i = 0; i < connection->n_subflows; i++)
		connection->subflows[i].want.dropped = false; /* by another policy */
	connection->set_aside = policy && decide_is_set_aside(engine, policy, connection->token);
	if (connection->set_aside)
		connection->policy = NULL;
	engine_count(engine, connection->policy, 1);
	policy_memory_take(connection);
}

static const struct local *find_start(struct engine *engine, const struct connection *connection)
{
	return engine_find_link(engine, &connection->local, &connection->remote,
				initial_ifindex(connection));
}

/* Returns what is missing, 0: nothing. `cgroup`: its path, or NULL. */
static uint32_t find_policy(struct engine *engine, struct connection *connection,
			    const char *cgroup)
{
	struct choice choice = {0};
	const struct local *local;
	struct subject subject;

	if (connection->policy_known || connection->side == MPTCPD_SIDE_UNKNOWN ||
	    !connection->local.family || engine->generation == 1)
		return 0;
	local = find_start(engine, connection);
	connection->ifindex = local ? local->interface->is.ifindex : initial_ifindex(connection);
	connection->temporary |= local && local->is.temporary;
	if (!decide_is_kept_apart(local)) {
		subject = describe(connection, local, cgroup);
		choice = rules_for_connection(engine->rules, &subject);
	}
	if (!choice.missing)
		take_policy(engine, connection, choice.policy);
	return choice.missing;
}

void decide_by_known(struct engine *engine, struct connection *connection)
{
	find_policy(engine, connection, NULL);
}

bool decide_asking(struct engine *engine, struct connection *connection, uint64_t now_ms)
{
	const char *known_cgroup = NULL;
	char cgroup[CGROUP_PATH_SIZE];
	uint32_t missing;

	while ((missing = find_policy(engine, connection, known_cgroup))) {
		bool is_owned = connection->more->has_owner && missing == FACT_CGROUP;
		uint64_t wait_ms = is_owned ? owner_find_cgroup(engine, connection, cgroup)
					    : owner_find(engine, connection, missing);

		if (wait_ms) {
			connection->planned = 0; /* any walk comes to it, too */
			deadlines_set(&engine->deadlines, connection, now_ms + wait_ms);
			return false;
		}
		known_cgroup = is_owned ? cgroup : NULL;
	}
	return true;
}

void decide_forget(struct connection *connection)
{
	connection->policy = NULL;
	connection->policy_known = false;
	connection->set_aside = false;
}

void decide_anew(struct engine *engine, struct connection *connection)
{
	if (!connection->policy_known || !rules_ask(engine->rules, FACTS_OF_OWNER))
		return;
	engine_count(engine, connection->policy, -1);
	decide_forget(connection);
}

bool decide_is_by_addresses(struct engine *engine, const struct connection *connection)
{
	const struct local *local = find_start(engine, connection);
	struct subject subject = describe(connection, local, NULL);

	return decide_is_kept_apart(local) || !rules_for_connection(engine->rules, &subject).asked;
}
