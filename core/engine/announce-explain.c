/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Says of every address that a connection announces what came of it, and why nothing did. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "addr.h"
#include "announce.h"
#include "choose.h"
#include "explain.h"

static const char *wanted_by(const struct connection *connection, uint8_t by)
{
	if (by == WANTED_BY_ADMIN)
		return "admin";
	if (connection->policy && by < connection->policy->n_plugins)
		return connection->policy->plugins[by].plugin->name;
	return NULL;
}

/*
 * Where joins arrive: on our own address, behind a NAT on that of the link it leads to. False: not
 * known.
 */
static bool find_arrival(const struct engine *engine, const struct connection *connection,
			 const struct announced *announced, const struct local **ret_local,
			 struct mptcpd_addr *ret_at)
{
	struct mptcpd_addr host = addr_host(&announced->addr);
	const struct local *local = model_find_local(&engine->model, &host, 0);

	if (local) {
		*ret_at = announced->addr;
	} else {
		host = addr_host(&announced->want.listen);
		local = host.family ? model_find_local(&engine->model, &host, announced->ifindex)
				    : NULL;
		*ret_at = announced->want.listen;
	}
	if (!local)
		return false;
	if (!ret_at->port)
		ret_at->port = connection->local.port;
	*ret_local = local;
	return true;
}

/* Would a join be refused for want of somebody who listens? */
static bool lacks_listener(struct engine *engine, const struct connection *connection,
			   const struct announced *announced, struct explain_announcement *it)
{
	char text[ADDR_TEXT_SIZE];
	const struct local *local;
	struct mptcpd_addr at;

	if (it->listening || !find_arrival(engine, connection, announced, &local, &at) ||
	    addr_equal(&at, &connection->local))
		return false;
	switch (engine->ops->listens(engine->kernel, &at, local->interface->is.ifindex, true)) {
	case LISTENS_NOBODY:
	case LISTENS_ELSEWHERE:
		break;
	default:
		return false; /* somebody does, or nobody knows */
	}
	it->reason = REASON_NO_LISTENER;
	snprintf(it->text, sizeof(it->text), "nobody listens on %s: peers are refused",
		 addr_format(&at, text));
	if (local->listen == LISTEN_NO)
		snprintf(it->remedy, sizeof(it->remedy), "listen = auto in [interface:%s]",
			 local->interface->is.name);
	else
		snprintf(it->remedy, sizeof(it->remedy), "have the application listen there");
	return true;
}

/* A NAT in front of us decides where joins to this port arrive, and nobody tells. */
static bool is_translated(const struct engine *engine, const struct connection *connection,
			  const struct announced *announced)
{
	struct mptcpd_addr host = addr_host(&announced->addr);

	return host.family && announced->addr.port &&
	       announced->addr.port != connection->local.port &&
	       !model_find_local(&engine->model, &host, 0);
}

static void explain_told(const struct engine *engine, const struct connection *connection,
			 const struct announced *announced, uint64_t now_ms,
			 struct explain_announcement *it)
{
	uint64_t age_ms = now_ms - announced->try.told_ms;
	char age[32] = "in an earlier life of mptcpd", port[128] = "";

	if (announced->try.told_ms)
		snprintf(age, sizeof(age), "%" PRIu64 " s ago", age_ms / 1000);
	if (is_translated(engine, connection, announced)) {
		it->reason = REASON_PORT_TRANSLATED;
		snprintf(port, sizeof(port),
			 "; port %u must be translated to port %u of this host, or peers will be "
			 "refused (MismatchPortSynRx)",
			 announced->addr.port, connection->local.port);
	}
	if (announced->try.told_ms && age_ms < EXPLAIN_PATIENCE_MS) {
		snprintf(it->text, sizeof(it->text), "told %s, no join so far%s", age, port);
		return;
	}
	if (!it->reason)
		it->reason = REASON_NOT_JOINED;
	/* The kernel does not say whether the peer has echoed it. */
	snprintf(it->text, sizeof(it->text),
		 "told %s, and no join came: the peer accepts no addresses, or cannot reach it%s",
		 age, port);
	snprintf(it->remedy, sizeof(it->remedy), "%s",
		 "at the peer: ip mptcp limits set add_addr_accepted 4");
}

void announce_explain(struct engine *engine, const struct connection *connection,
		      const struct announced *announced, uint64_t now_ms,
		      struct explain_announcement *it)
{
	*it = (struct explain_announcement){
		.addr = announced->addr,
		.id = announced->id,
		.wanted_by = wanted_by(connection, announced->want.by),
		.sent = announced->is.sent,
		.listening =
			announced->is.listening && listen_is_held(engine, &announced->want.listen),
		.joined = engine_is_joined(connection, announced, NULL),
	};
	if (it->joined)
		return;
	if (!it->sent && !engine_is_reachable(engine, announced)) {
		it->reason = REASON_LINK_DOWN;
		snprintf(it->text, sizeof(it->text), "%s", "its address or its link is gone");
	} else if (announced->want.held) {
		it->reason = REASON_POLICY;
		snprintf(it->text, sizeof(it->text), "%s",
			 "a policy forbids the join that came of it: not told again before "
			 "another one comes");
	} else if (!it->sent) {
		snprintf(it->text, sizeof(it->text), "%s", "not told yet");
	} else if (!lacks_listener(engine, connection, announced, it)) {
		explain_told(engine, connection, announced, now_ms, it);
	}
}

/* What fullmesh leaves out, because this connection can have no subflow there. */
static void explain_left_out(const struct engine *engine, const struct connection *connection,
			     void (*on_announcement)(void *, const struct explain_announcement *),
			     void *data)
{
	struct table_entry *entry = table_first(&engine->model.interfaces);

	if (connection->side != MPTCPD_SIDE_SERVER || !connection_is_ipv4_only(connection))
		return;
	for (; entry; entry = table_next(entry)) {
		const struct local *local = table_owner(entry, struct interface)->locals;

		for (; local; local = local->next) {
			struct explain_announcement it = {
				.addr = local->announce.family ? local->announce : local->is.addr,
				.reason = REASON_IPV4_ONLY,
				.text = "not announced: the connection is of IPv4 alone, and can "
					"have no subflow of IPv6",
				.remedy = "an application that listens on an IPv6 socket",
			};

			if (it.addr.family == AF_INET6 && (local->flags & MPTCPD_FLAG_SIGNAL) &&
			    choose_for(connection, local) == USABLE)
				on_announcement(data, &it);
		}
	}
}

int engine_explain_announcements(
	struct engine *engine, uint32_t token, uint64_t now_ms,
	void (*on_announcement)(void *data, const struct explain_announcement *announcement),
	void *data)
{
	struct connection *connection = model_find_connection(&engine->model, token);
	struct explain_announcement it;

	if (!connection)
		return -ESRCH;
	for (size_t i = 0; i < connection->more->n_announced; i++) {
		if (connection->more->announced[i].want.banned)
			continue;
		announce_explain(engine, connection, &connection->more->announced[i], now_ms, &it);
		on_announcement(data, &it);
	}
	if (connection->policy && connection->path_manager == PATH_MANAGER_USERSPACE)
		explain_left_out(engine, connection, on_announcement, data);
	return 0;
}
