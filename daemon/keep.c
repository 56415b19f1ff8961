/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Settings of the host that are put back at the end, and the state that a later life reads. */
#include "daemon.h"

#include <string.h>

#include "fdstore.h"
#include "sysctl.h"

void daemon_on_host(void *data, const struct engine_host *host)
{
	struct daemon *daemon = data;

	if (daemon->state)
		state_set_host(daemon->state, host);
}

void daemon_on_settled(void *data, struct connection *connection)
{
	struct daemon *daemon = data;

	if (daemon->state)
		state_save(daemon->state, connection);
}

void daemon_on_forget(void *data, struct connection *connection)
{
	struct daemon *daemon = data;

	if (daemon->state)
		state_forget(daemon->state, connection);
}

void daemon_open_state(struct daemon *daemon)
{
	struct state_identity identity;
	int r = state_identify(&identity);

	if (r == 0)
		r = state_open(daemon->runtime_directory, &identity, &daemon->state);
	if (r < 0) {
		l_warn("%s/state: %s; what the kernel cannot tell will be lost at a restart",
		       daemon->runtime_directory, strerror(-r));
		return;
	}
	daemon->path_manager_before = state_path_manager(daemon->state);
	daemon->deny_join_before = state_deny_join(daemon->state);
}

void daemon_load_state(struct daemon *daemon)
{
	struct engine_host host;

	fdstore_start(daemon->kernel);
	if (!daemon->state)
		return;
	host = state_host(daemon->state);
	engine_set_host(daemon->engine, &host);
	state_load(daemon->state, daemon_on_event, daemon);
}

static void remember_path_manager(struct daemon *daemon, enum path_manager before)
{
	daemon->path_manager_before = before;
	if (daemon->state)
		state_set_path_manager(daemon->state, before);
}

int daemon_apply_path_manager(struct daemon *daemon, const struct rules *rules)
{
	enum path_manager before = daemon->path_manager_before, now = sysctl_path_manager();
	int r;

	if (!rules->manage_path_manager)
		return 0;
	if (now != rules->path_manager) {
		if (before == PATH_MANAGER_UNKNOWN)
			remember_path_manager(daemon, now);
		r = sysctl_set_path_manager(rules->path_manager);
		if (r < 0) {
			remember_path_manager(daemon, before);
			return r;
		}
	}
	daemon->path_manager_set = rules->path_manager;
	return 0;
}

void daemon_restore_path_manager(struct daemon *daemon)
{
	int r = 0;

	if (daemon->path_manager_before == PATH_MANAGER_UNKNOWN)
		return;
	/* The sysctl is put back only if it is as we set it: somebody may have chosen otherwise since. */
	if (daemon->path_manager_set == PATH_MANAGER_UNKNOWN ||
	    sysctl_path_manager() == daemon->path_manager_set)
		r = sysctl_set_path_manager(daemon->path_manager_before);
	if (r < 0)
		l_error("net.mptcp.path_manager cannot be put back as it was: %s", strerror(-r));
	remember_path_manager(daemon, PATH_MANAGER_UNKNOWN);
}

static void remember_deny_join(struct daemon *daemon, enum deny_join before)
{
	daemon->deny_join_before = before;
	if (daemon->state)
		state_set_deny_join(daemon->state, before);
}

/* DENY_JOIN_KEEP: this kernel has no such setting. */
static enum deny_join deny_join_now(void)
{
	int allows = sysctl_allow_join_initial();

	return allows < 0 ? DENY_JOIN_KEEP : allows ? DENY_JOIN_NO : DENY_JOIN_YES;
}

void daemon_restore_deny_join(struct daemon *daemon)
{
	int r;

	if (daemon->deny_join_before == DENY_JOIN_KEEP)
		return;
	/* There are two values: what is there is ours, or somebody has put it back already. */
	r = sysctl_set_allow_join_initial(daemon->deny_join_before == DENY_JOIN_NO);
	if (r < 0)
		l_error("net.mptcp.allow_join_initial_addr_port cannot be put back as it was: %s",
			strerror(-r));
	remember_deny_join(daemon, DENY_JOIN_KEEP);
}

int daemon_apply_deny_join(struct daemon *daemon, enum deny_join wanted)
{
	enum deny_join before = daemon->deny_join_before, now = deny_join_now();
	int r;

	if (wanted == DENY_JOIN_KEEP || wanted == before) {
		daemon_restore_deny_join(daemon);
		return 0;
	}
	if (now == wanted)
		return 0;
	if (before == DENY_JOIN_KEEP)
		remember_deny_join(daemon, now);
	r = sysctl_set_allow_join_initial(wanted == DENY_JOIN_NO);
	if (r < 0)
		remember_deny_join(daemon, before);
	return r;
}
