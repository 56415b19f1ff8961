/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Settings of the host that are put back at the end, and the state that a later life reads. */
#include "daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "claim.h"
#include "fdstore.h"
#include "netstat.h"
#include "sysctl.h"

int daemon_claim(struct daemon *daemon)
{
	pid_t other = 0;
	int r = claim_directory(daemon->runtime_directory, &other);

	if (r == -EBUSY && other)
		l_error("%s: another mptcpd serves it, process %d", daemon->runtime_directory,
			(int)other);
	else if (r == -ENOTSUP)
		l_error("%s/lock: not a regular file", daemon->runtime_directory);
	else if (r < 0)
		l_error("%s: %s", daemon->runtime_directory, strerror(-r));
	if (r < 0)
		return EXIT_FAILURE;
	daemon->claim = r;
	daemon->claimed = true;
	return EXIT_SUCCESS;
}

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
	else
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

/* ---- after a death ---- */

/* What was before is not known: a host without mptcpd is served best by what Linux begins with. */
static void guess_path_manager(struct daemon *daemon)
{
	if (sysctl_path_manager() == PATH_MANAGER_USERSPACE &&
	    !config_is_unmanaged(&daemon->config_setup))
		daemon->path_manager_before = PATH_MANAGER_KERNEL;
}

/* Root would drop the file of the user that mptcpd has, and what it says with it. */
static bool may_open_state(const struct daemon *daemon)
{
	AUTO(l_free) char *path = l_strdup_printf("%s/state", daemon->runtime_directory);
	struct stat st;

	if (geteuid() != 0 || lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid == 0)
		return true;
	l_error("%s belongs to user %u, and only that user can put back what it says", path,
		(unsigned int)st.st_uid);
	return false;
}

/* As before it, unless that is not known. Returns whether nothing of it is left. */
static bool put_back_path_manager(struct daemon *daemon)
{
	bool is_known = daemon->state && state_knows_host(daemon->state), is_left;

	if (!is_known)
		guess_path_manager(daemon);
	is_left = daemon->path_manager_before != PATH_MANAGER_UNKNOWN;
	daemon_restore_path_manager(daemon);
	if (daemon->path_manager_before != PATH_MANAGER_UNKNOWN)
		return false;
	if (is_left)
		l_warn("mptcpd died: new connections get the %s path manager, %s",
		       sysctl_path_manager() == PATH_MANAGER_USERSPACE ? "userspace" : "kernel's",
		       is_known ? "as before it" : "because nobody knows what was before it");
	return true;
}

static void note_open(void *data, const char *name, uint64_t value)
{
	if (strcmp(name, "MPCurrEstab") == 0)
		*(uint64_t *)data = value;
}

/* Filters that were loosened stay so while a connection may use their links, for the next life. */
static void put_back_filters(const struct daemon *daemon)
{
	uint64_t n_open = UINT64_MAX; /* nobody knows, as before Linux 6.8 */
	size_t n;

	if (netstat_each(note_open, &n_open) < 0 || n_open > 0)
		return;
	n = rpfilter_free(rpfilter_new(daemon->runtime_directory));
	if (n)
		l_warn("mptcpd died: reverse-path filtering of %zu interface%s is strict, as "
		       "before it",
		       n, n == 1 ? "" : "s");
}

/* The routes by which others were spared a silent link. Returns whether none is left. */
static bool put_back_routes(void)
{
	int n = kernel_drop_spare_routes();

	if (n > 0)
		l_warn("mptcpd died: new connections are not spared a silent link any more");
	else if (n < 0)
		l_error("the route by which new connections are spared a silent link cannot be "
			"taken away: %s",
			strerror(-n));
	return n >= 0;
}

int daemon_put_back(struct daemon *daemon)
{
	int status = may_open_state(daemon) ? daemon_claim(daemon) : EXIT_FAILURE;
	bool is_done;

	if (status != EXIT_SUCCESS)
		return status;
	daemon_open_state(daemon);
	is_done = put_back_path_manager(daemon);
	daemon_restore_deny_join(daemon);
	put_back_filters(daemon);
	is_done &= put_back_routes();
	state_close(daemon->state);
	close(daemon->claim);
	return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
