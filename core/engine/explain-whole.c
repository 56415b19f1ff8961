/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What holds for a connection as a whole. */
#include "addr.h"
#include "explain.h"

static enum fallback when(const struct connection *connection)
{
	if (connection->key_received)
		return FALLBACK_LATER;
	return connection->unasked ? FALLBACK_SYN : FALLBACK_ANSWER;
}

enum reason explain_fallback_reason(const struct connection *connection)
{
	switch (when(connection)) {
	case FALLBACK_SYN:
		return REASON_BLACKHOLE;
	case FALLBACK_ANSWER:
		return REASON_NO_MPTCP;
	case FALLBACK_LATER:
		break;
	}
	return REASON_FALLBACK;
}

/* The kernel counts for all connections together: how often it was so is all that can be known. */
static const char *count(struct explaining *it)
{
	const struct engine *engine = it->engine;

	if (!*it->counted && engine->ops->fallbacks &&
	    engine->ops->fallbacks(engine->kernel, when(it->connection), it->counted,
				   sizeof(it->counted)) < 0)
		it->counted[0] = '\0';
	return it->counted;
}

bool explain_fallback(struct explaining *it, struct explain_path *path)
{
	const char *counted, *colon;

	if (!it->connection->fallback)
		return false;
	counted = count(it);
	colon = *counted ? "; counted here so far: " : "";
	switch (when(it->connection)) {
	case FALLBACK_SYN:
		explain_say(path, REASON_BLACKHOLE,
			    "plain TCP: SYNs with MPTCP were not answered, one without was%s%s",
			    colon, counted);
		explain_remedy(path, "find what drops SYNs with MPTCP: a firewall, or a middlebox");
		break;
	case FALLBACK_ANSWER:
		explain_say(
			path, REASON_NO_MPTCP,
			"plain TCP: the peer does not speak MPTCP, or something on the way took "
			"it out%s%s",
			colon, counted);
		explain_remedy(path, "at the peer: net.mptcp.enabled=1, and mptcpize run PROGRAM");
		break;
	case FALLBACK_LATER:
		explain_say(path, REASON_FALLBACK,
			    "plain TCP now: MPTCP was agreed on, and then its options or its data "
			    "were damaged on the way%s%s",
			    colon, counted);
		break;
	}
	return true;
}

static bool is_kept_apart(const struct explaining *it)
{
	const struct connection *connection = it->connection;

	return decide_is_kept_apart(engine_find_link(it->engine, &connection->local,
						     &connection->remote, connection->ifindex));
}

/* Who decides under the userspace path manager? */
static bool explain_nobody(const struct explaining *it, struct explain_path *path)
{
	const struct connection *connection = it->connection;

	if (connection->set_aside) {
		explain_say(path, REASON_SET_ASIDE,
			    "a plugin of its policy crashed or hung, and is not asked any more");
		explain_remedy(path, "mptcpctl status names it; mptcpctl reload tries it again");
		return true;
	}
	if (connection->policy)
		return false;
	if (!connection->policy_known) {
		explain_say(path, REASON_UNKNOWN, "which policy decides is not known yet");
	} else if (is_kept_apart(it)) {
		explain_say(path, REASON_POLICY,
			    "it began on %s, which is not to be used: no policy decides for it",
			    model_interface_name(&it->engine->model, connection->ifindex));
	} else {
		explain_say(path, REASON_POLICY, "no [policy:…] group matches it");
		explain_remedy(path, "a group [policy:default], which has no match-… keys");
	}
	return true;
}

/* Under the kernel's path manager: nobody keeps the endpoints. */
static bool explain_endpoints_aside(const struct explaining *it, struct explain_path *path)
{
	if (!guard_is_aside(it->engine->guard, it->engine->rules->endpoints.id, 0))
		return false;
	explain_say(path, REASON_SET_ASIDE,
		    "the plugin of [endpoints] crashed or hung: endpoints stay as they are");
	explain_remedy(path, "mptcpctl reload tries it again");
	return true;
}

bool explain_whole(const struct explaining *it, struct explain_path *path)
{
	const struct connection *connection = it->connection;

	if (it->engine->generation == 1 || it->path_manager == PATH_MANAGER_UNKNOWN) {
		explain_say(path, REASON_UNKNOWN, "mptcpd does not know the host yet");
		return true;
	}
	if (it->path_manager == PATH_MANAGER_USERSPACE && explain_nobody(it, path))
		return true;
	if (connection->state == MPTCPD_CONNECTION_CLOSING) {
		explain_say(path, REASON_LEAVING, "the connection is being closed");
		return true;
	}
	if (connection->state == MPTCPD_CONNECTION_CREATED) {
		explain_say(path, REASON_NOT_ESTABLISHED,
			    connection->side == MPTCPD_SIDE_SERVER
				    ? "made when the client has sent something"
				    : "made when something was sent, and the peer has answered it");
		return true;
	}
	return it->path_manager == PATH_MANAGER_KERNEL && explain_endpoints_aside(it, path);
}
