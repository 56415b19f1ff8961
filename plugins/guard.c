/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Last in a stack: what the plugins before it want and may not have is taken out of the plan, and what
 * is forbidden is closed, whoever made it. It wants nothing itself.
 *
 * What is forbidden stays in the plan as a path, so that `explain` shows it, and why it is not there.
 */
#include <mptcpd/addr.h>
#include <mptcpd/plugin.h>

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* The longest glob with its NUL. */
#define GLOB_SIZE 64

/* As long as this a SYN may have no answer before another path takes its place: as in mesh.c. */
#define PATIENCE_MS 4000

/* From what matches the glob or, if there is none, lies in the first prefix; to the second one. */
struct rule {
	char glob[GLOB_SIZE];
	struct mptcpd_addr from, to; /* family 0: any */
	uint8_t from_prefix, to_prefix;
};

struct guard {
	size_t max_subflows;
	size_t n_rules;
	struct rule rules[]; /* flexible */
};

/* One call of plan_paths(). */
struct watch {
	const struct guard *guard;
	const struct mptcpd_view *view;
	const struct mptcpd_connection *connection;
	struct mptcpd_plan *plan;
	struct mptcpd_forbidden forbidden[MPTCPD_PLAN_MAX]; /* by us, in this plan */
	size_t n_forbidden;
	uint64_t again_ms; /* when the first of those asked a moment ago has had its time */
};

enum { SETTING_FORBID, SETTING_MAX_SUBFLOWS, N_SETTINGS };

static const struct mptcpd_setting settings[N_SETTINGS] = {
	[SETTING_FORBID] =
		{"forbid", MPTCPD_SETTING_STRING, "",
		 "FROM -> TO, …: no subflow from an interface (a glob) or a local prefix "
		 "to a prefix, whoever made it; * is any"},
	[SETTING_MAX_SUBFLOWS] = {"max-subflows", MPTCPD_SETTING_NUMBER, "64",
				  "the most subflows of a connection, the initial one included", 1,
				  MPTCPD_PLAN_MAX},
};

/* ---- what may not be ---- */

static bool is_from(const struct watch *watch, const struct rule *rule,
		    const struct mptcpd_addr *local, uint32_t ifindex)
{
	const struct mptcpd_local *own;

	if (!rule->glob[0])
		return !rule->from.family ||
		       mptcpd_addr_in_prefix(local, &rule->from, rule->from_prefix);
	if (ifindex)
		return fnmatch(rule->glob, watch->view->link_name(watch->view, ifindex), 0) == 0;
	/* It is not bound, and may leave by any link that has the address. */
	for (size_t i = 0; (own = mptcpd_get_local(watch->view, i)); i++)
		if (mptcpd_addr_equal_host(&own->addr, local) &&
		    fnmatch(rule->glob, own->interface, 0) == 0)
			return true;
	return false;
}

static bool is_vetoed(const struct watch *watch, const struct mptcpd_addr *local, uint32_t ifindex,
		      const struct mptcpd_addr *remote)
{
	for (size_t i = 0; i < watch->guard->n_rules; i++) {
		const struct rule *rule = &watch->guard->rules[i];

		if ((!rule->to.family ||
		     mptcpd_addr_in_prefix(remote, &rule->to, rule->to_prefix)) &&
		    is_from(watch, rule, local, ifindex))
			return true;
	}
	return false;
}

/* False: the plan has no room for that. */
static bool forbid(struct watch *watch, const struct mptcpd_addr *local, uint32_t ifindex,
		   const struct mptcpd_addr *remote)
{
	struct mptcpd_forbidden pair = {
		.local = *local,
		.remote = *remote,
		.local_prefix = mptcpd_family_bits(local->family),
		.remote_prefix = mptcpd_family_bits(remote->family),
		.ifindex = ifindex,
	};

	pair.local.port = pair.remote.port = 0;
	for (size_t i = 0; i < watch->n_forbidden; i++)
		if (memcmp(&watch->forbidden[i], &pair, sizeof(pair)) == 0)
			return true;
	if (watch->n_forbidden == MPTCPD_PLAN_MAX || watch->plan->forbid(watch->plan, &pair) < 0)
		return false;
	watch->forbidden[watch->n_forbidden++] = pair;
	return true;
}

/* ---- what comes of it ---- */

static void veto_subflows(struct watch *watch)
{
	const struct mptcpd_subflow *subflow;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(watch->connection, i)); i++)
		if (subflow->state != MPTCPD_SUBFLOW_CLOSING &&
		    is_vetoed(watch, &subflow->local, subflow->ifindex, &subflow->remote))
			forbid(watch, &subflow->local, subflow->ifindex, &subflow->remote);
}

/* Behind a load balancer another port of that address leads to another server as well. */
static bool is_barred(const struct mptcpd_connection *connection, const struct mptcpd_path *path)
{
	return connection->deny_join_id0 &&
	       mptcpd_addr_equal_host(&path->remote, &connection->remote);
}

static bool serves(const struct mptcpd_subflow *subflow, const struct mptcpd_path *path)
{
	return mptcpd_addr_equal_host(&path->local, &subflow->local) &&
	       mptcpd_addr_equal(&path->remote, &subflow->remote) &&
	       (!subflow->ifindex || subflow->ifindex == path->ifindex);
}

/* What is known of a path by the subflows that serve it. */
enum use {
	USE_CARRIES,
	USE_AWAITED, /* it is not there yet, or not for long enough to tell */
	USE_NOTHING, /* it has no answer: it stays, and another one takes its place */
};

static enum use use_of_pending(struct watch *watch, const struct mptcpd_subflow *subflow)
{
	uint64_t end_ms = subflow->since_ms + PATIENCE_MS;

	if (end_ms <= watch->view->now_ms)
		return USE_NOTHING;
	if (end_ms < watch->again_ms)
		watch->again_ms = end_ms;
	return USE_AWAITED;
}

static enum use find_use(struct watch *watch, const struct mptcpd_path *path)
{
	enum use pending = USE_AWAITED;
	const struct mptcpd_subflow *subflow;
	bool is_silent = false;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(watch->connection, i)); i++) {
		if (!serves(subflow, path))
			continue;
		if (subflow->state == MPTCPD_SUBFLOW_PENDING)
			pending = use_of_pending(watch, subflow);
		if (subflow->state != MPTCPD_SUBFLOW_ESTABLISHED)
			continue;
		if (subflow->health != MPTCPD_HEALTH_SILENT)
			return USE_CARRIES;
		is_silent = true;
	}
	return is_silent ? USE_NOTHING : pending;
}

/* Does somebody else than a policy have a subflow that none of the paths stands for? */
static size_t count_others(const struct watch *watch)
{
	const struct mptcpd_subflow *subflow;
	const struct mptcpd_path *path;
	size_t n = 0;

	for (size_t i = 0; (subflow = mptcpd_get_subflow(watch->connection, i)); i++) {
		bool is_planned = false;

		for (size_t j = 0; (path = watch->plan->get_path(watch->plan, j)); j++)
			is_planned |= serves(subflow, path);
		n += !is_planned && subflow->origin != MPTCPD_ORIGIN_POLICY &&
		     subflow->state != MPTCPD_SUBFLOW_CLOSING &&
		     subflow->health != MPTCPD_HEALTH_SILENT;
	}
	return n;
}

/* For people, of a path that no rule forbids: why it goes. */
static void tell_left_out(const struct watch *watch, const struct mptcpd_path *path)
{
	struct mptcpd_plan *plan = watch->plan;

	if (!mptcpd_leaves_out(plan))
		return;
	if (is_barred(watch->connection, path))
		plan->leave_out(plan, path, MPTCPD_LEFT_BY_CHOICE,
				"the peer asks for no joins to that address, on any port (C flag)");
	else
		plan->leave_out(plan, path, MPTCPD_LEFT_BY_LIMIT, "max-subflows = %zu",
				watch->guard->max_subflows);
}

/* Those that have no place wait for that of one which is not there yet. */
static void veto_paths(struct watch *watch)
{
	struct mptcpd_plan *plan = watch->plan;
	size_t n = count_others(watch), i = 0;
	bool awaits = false, leaves_out = false;
	const struct mptcpd_path *path;

	watch->again_ms = watch->view->now_ms + PATIENCE_MS;
	while ((path = plan->get_path(plan, i))) {
		bool is_forbidden = is_vetoed(watch, &path->local, path->ifindex, &path->remote);
		enum use use = is_forbidden ? USE_NOTHING : find_use(watch, path);
		bool counts = use != USE_NOTHING;
		bool is_full = counts && n >= watch->guard->max_subflows;

		if (is_barred(watch->connection, path) ||
		    (is_forbidden ? !forbid(watch, &path->local, path->ifindex, &path->remote)
				  : is_full)) {
			if (counts)
				tell_left_out(watch, path);
			leaves_out |= is_full;
			plan->remove_path(plan, i);
			continue;
		}
		awaits |= use == USE_AWAITED;
		n += counts;
		i++;
	}
	if (awaits && leaves_out)
		plan->ask_again(plan, watch->again_ms);
}

/* Nobody is invited to where he would be shown out: the peer is thought to come from where it is. */
static void veto_announcements(struct watch *watch)
{
	struct mptcpd_plan *plan = watch->plan;
	const struct mptcpd_announcement *ann;
	size_t i = 0;

	while ((ann = plan->get_announcement(plan, i))) {
		const struct mptcpd_addr *own = ann->listen.family ? &ann->listen : &ann->addr;

		if (is_vetoed(watch, own, ann->ifindex, &watch->connection->remote))
			plan->remove_announcement(plan, i);
		else
			i++;
	}
}

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	struct watch watch; /* most of it is room, and stays as it is */

	watch.guard = data;
	watch.view = view;
	watch.connection = connection;
	watch.plan = plan;
	watch.n_forbidden = 0;
	veto_subflows(&watch);
	veto_paths(&watch);
	veto_announcements(&watch);
}

/* ---- settings ---- */

/* Without the blanks around it. */
static char *strip(char *text)
{
	size_t length;

	text += strspn(text, " \t");
	length = strlen(text);
	while (length > 0 && strchr(" \t", text[length - 1]))
		length--;
	text[length] = '\0';
	return text;
}

static bool read_to(const char *text, struct rule *rule)
{
	return strcmp(text, "*") == 0 ||
	       mptcpd_addr_parse_prefix(text, &rule->to, &rule->to_prefix) == 0;
}

/* A name without a wildcard that is too long for an interface is a mistake, and would guard nothing. */
static bool read_from(const char *text, struct rule *rule)
{
	size_t length = strlen(text);

	if (mptcpd_addr_parse_prefix(text, &rule->from, &rule->from_prefix) == 0 ||
	    strcmp(text, "*") == 0)
		return true;
	if (length == 0 || length >= GLOB_SIZE || strpbrk(text, "/: \t") ||
	    (length >= MPTCPD_IFNAME_SIZE && !strpbrk(text, "*?[")))
		return false;
	memcpy(rule->glob, text, length + 1);
	return true;
}

static const char *read_rule(char *text, struct rule *rule)
{
	char *arrow = strstr(text, "->");

	*rule = (struct rule){0};
	if (!arrow)
		return "expected FROM -> TO";
	*arrow = '\0';
	if (!read_from(strip(text), rule))
		return "expected an interface or a prefix before ->";
	if (!read_to(strip(arrow + 2), rule))
		return "expected a prefix or * after ->";
	if (rule->from.family && rule->to.family && rule->from.family != rule->to.family)
		return "expected prefixes of one family";
	return NULL;
}

static int read_rules(const struct mptcpd_start *start, char *text, struct guard *guard)
{
	char *rest = NULL;

	for (char *item = strtok_r(text, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
		char shown[GLOB_SIZE];
		const char *wrong;

		item = strip(item);
		if (!*item)
			continue;
		strncpy(shown, item, sizeof(shown) - 1);
		shown[sizeof(shown) - 1] = '\0';
		wrong = read_rule(item, &guard->rules[guard->n_rules++]);
		if (wrong) {
			start->fault(start, SETTING_FORBID, "has '%s', %s", shown, wrong);
			return -EINVAL;
		}
	}
	return 0;
}

static int start(const struct mptcpd_start *start, void **data)
{
	const char *forbidden = mptcpd_get_value(start, SETTING_FORBID)->string;
	char *text = strdup(forbidden);
	size_t most = 1;
	struct guard *guard;
	int r;

	for (const char *at = forbidden; *at; at++)
		most += *at == ',';
	guard = calloc(1, sizeof(*guard) + most * sizeof(guard->rules[0]));
	if (!guard || !text) {
		free(guard);
		free(text);
		return -ENOMEM;
	}
	guard->max_subflows = mptcpd_get_value(start, SETTING_MAX_SUBFLOWS)->number;
	r = read_rules(start, text, guard);
	free(text);
	if (r < 0)
		free(guard);
	else
		*data = guard;
	return r;
}

MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
	.abi = MPTCPD_PLUGIN_ABI,
	.size = sizeof(struct mptcpd_plugin),
	.name = "guard",
	.summary = "vetoes what the plugins before it want",
	.settings = settings,
	.n_settings = N_SETTINGS,
	.start = start,
	.stop = free,
	.plan_paths = plan_paths,
	.traits = MPTCPD_TRAIT_ADDRESSES,
};
