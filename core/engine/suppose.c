/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What would become of a connection that there is not. It is planned as any other one, and then
 * forgotten: no command goes out, and what plugins wrote into its memory goes with it.
 */
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "engine-private.h"
#include "policy-memory.h"

/* A port for who names none: plans need one. */
#define SOME_PORT 443

static const struct interface *find_interface(const struct model *model, const char *name)
{
	struct table_entry *entry;

	for (entry = table_first(&model->interfaces); entry; entry = table_next(entry)) {
		const struct interface *interface = table_owner(entry, struct interface);

		if (strcmp(interface->is.name, name) == 0)
			return interface;
	}
	return NULL;
}

/* Where it would begin; NULL: its address is not on the link that is named, or not ours. */
static const struct local *find_start(struct engine *engine, const struct subject *subject)
{
	const struct interface *interface;

	if (!*subject->interface)
		return engine_find_link(engine, &subject->local, &subject->remote, 0);
	interface = find_interface(&engine->model, subject->interface);
	return interface ? model_find_local(&engine->model, &subject->local, interface->is.ifindex)
			 : NULL;
}

static enum supposed_state judge(const struct engine *engine, const struct connection *connection,
				 const struct local *start, const struct choice *choice)
{
	if (engine->generation == 1)
		return SUPPOSED_UNREADY;
	if (engine->model.path_manager == PATH_MANAGER_KERNEL)
		return SUPPOSED_KERNEL;
	if (decide_is_kept_apart(start))
		return SUPPOSED_APART;
	if (choice->missing)
		return SUPPOSED_OPEN;
	if (!choice->policy)
		return SUPPOSED_NOBODY;
	if (decide_is_set_aside(engine, choice->policy, connection->token))
		return SUPPOSED_ASIDE;
	return SUPPOSED_DECIDED;
}

/* Who is told what. */
struct listener_of_paths {
	void (*on_path)(void *data, const struct explain_path *path);
	void (*on_announcement)(void *data, const struct explain_announcement *announcement);
	void *data;
	bool has_port; /* the remote port was said */
};

static bool is_initial(const struct connection *connection, const struct mptcpd_path *path)
{
	return addr_equal(&path->remote, &connection->remote) &&
	       addr_equal_host(&path->local, &connection->local) &&
	       path->ifindex == connection->ifindex && path->instance == 0;
}

static void tell_path(const struct engine *engine, const struct connection *connection,
		      const struct mptcpd_path *wanted, const char *wanted_by,
		      const struct listener_of_paths *to)
{
	bool there = is_initial(connection, wanted);
	struct explain_path path = {
		.local = there ? connection->local : wanted->local,
		.remote = wanted->remote,
		.wanted_by = wanted_by,
		.forbidden_by = plan_forbids(&engine->plan, &wanted->local, &wanted->remote,
					     wanted->ifindex)
					? "policy"
					: NULL,
		.state = there ? EXPLAIN_ESTABLISHED : EXPLAIN_WAITING,
		.backup = wanted->flags & MPTCPD_FLAG_BACKUP,
	};

	if (!to->has_port)
		path.remote.port = 0;
	snprintf(path.interface, sizeof(path.interface), "%s",
		 model_interface_name(&engine->model, wanted->ifindex));
	to->on_path(to->data, &path);
}

/* The initial one is there, wanted or not. */
static void tell_paths(const struct engine *engine, const struct connection *connection,
		       const struct listener_of_paths *to)
{
	const struct mptcpd_path initial = {.local = connection->local,
					    .remote = connection->remote,
					    .ifindex = connection->ifindex};
	const struct policy_plugin *stack = connection->policy->plugins;
	const struct plan *plan = &engine->plan;
	bool has_initial = false;

	for (size_t i = 0; i < plan->n_paths; i++)
		has_initial |= is_initial(connection, &plan->paths[i].path);
	if (!has_initial)
		tell_path(engine, connection, &initial, NULL, to);
	for (size_t i = 0; i < plan->n_paths; i++)
		tell_path(engine, connection, &plan->paths[i].path,
			  stack[plan->paths[i].wanted_by].plugin->name, to);
	for (size_t i = 0; i < plan->n_announcements; i++) {
		const struct plan_announcement *planned = &plan->announcements[i];
		const struct explain_announcement announcement = {
			.addr = planned->announcement.addr,
			.wanted_by = stack[planned->wanted_by].plugin->name,
		};

		to->on_announcement(to->data, &announcement);
	}
}

static void plan(struct engine *engine, struct connection *connection, const struct policy *policy,
		 uint64_t now_ms)
{
	connection->policy = policy;
	policy_memory_take(connection);
	engine->view.base.now_ms = now_ms;
	engine->routes.mark = engine_mark(engine, connection);
	ask_paths(engine, connection);
	engine->routes.mark = 0;
}

void engine_suppose(struct engine *engine, const struct subject *subject, uint64_t now_ms,
		    struct supposed *ret_supposed,
		    void (*on_path)(void *data, const struct explain_path *path),
		    void (*on_announcement)(void *data,
					    const struct explain_announcement *announcement),
		    void *data)
{
	const struct listener_of_paths to = {on_path, on_announcement, data, subject->remote.port};
	const struct local *start = find_start(engine, subject);
	struct subject whole = *subject;
	struct connection *connection;
	struct choice choice;

	if (start)
		whole.interface = start->interface->is.name;
	choice = rules_for_connection(engine->rules, &whole);
	if (!to.has_port)
		whole.remote.port = SOME_PORT;
	connection = connection_suppose(&engine->model, &whole,
					start ? start->interface->is.ifindex : 0, now_ms);
	connection->temporary = start && start->is.temporary;
	*ret_supposed = (struct supposed){.state = judge(engine, connection, start, &choice),
					  .policy = choice.policy,
					  .missing = choice.missing};
	snprintf(ret_supposed->interface, sizeof(ret_supposed->interface), "%s", whole.interface);
	if (ret_supposed->state == SUPPOSED_DECIDED) {
		plan(engine, connection, choice.policy, now_ms);
		tell_paths(engine, connection, &to);
	}
	connection_dismiss(connection);
}
