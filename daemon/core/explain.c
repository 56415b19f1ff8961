/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Says of every path of a connection what is done about it, and why. Changes nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "engine-private.h"

static const struct {
	int error;
	const char *text;
} error_texts[] = {
	{ECONNREFUSED, "refused by the peer"},
	{EHOSTUNREACH, "no route, or the next hop does not answer"},
	{ENETUNREACH, "no route to that network"},
	{ETIMEDOUT, "no answer to the SYN"},
	{ECONNRESET, "reset"},
	{ECONNABORTED, "closed from this side, by another program"},
	{EADDRNOTAVAIL, "the local address is not available"},
	{EADDRINUSE, "the local port is in use"},
	{ENODEV, "the interface is gone"},
	{ENOTCONN, "the connection takes no subflows"},
	{EINVAL, "the kernel finds the request invalid"},
};

/* RFC 8684 section 3.6. */
static const char *const reset_texts[] = {
	"unspecified error",	       "MPTCP specific error",	    "lack of resources",
	"administratively prohibited", "too much outstanding data", "unacceptable performance",
	"middlebox interference",
};

const char *subflow_error_text(const struct subflow *subflow, char *text, size_t size)
{
	const char *words = NULL;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(error_texts) / sizeof(error_texts[0]); i++)
		if (subflow->error == error_texts[i].error)
			words = error_texts[i].text;
	if (subflow->has_reset)
		snprintf(text, size, "reset by the peer: %s",
			 subflow->reset_reason < sizeof(reset_texts) / sizeof(reset_texts[0])
				 ? reset_texts[subflow->reset_reason]
				 : "unknown reason");
	else if (words)
		snprintf(text, size, "%s (%s)", words, strerrorname_np(subflow->error));
	else if (subflow->error)
		snprintf(text, size, "%s", strerrordesc_np(subflow->error));
	return text;
}

static const char *wanted_by(const struct connection *connection, const struct subflow *subflow)
{
	if (subflow->wanted_by == WANTED_BY_ADMIN)
		return "admin";
	if (!connection->policy || subflow->wanted_by >= connection->policy->n_plugins)
		return NULL;
	return connection->policy->plugins[subflow->wanted_by].plugin->name;
}

static enum explain_state explain_state(const struct subflow *subflow)
{
	bool is_wanted = subflow->wanted_by != WANTED_BY_NONE && !subflow->banned;

	if (subflow->banned)
		return EXPLAIN_UNWANTED;

	switch (subflow->state) {
	case SUBFLOW_WANTED:
		return subflow->refused ? EXPLAIN_REFUSED : EXPLAIN_WAITING;
	case SUBFLOW_PENDING:
		return is_wanted ? EXPLAIN_PENDING : EXPLAIN_UNWANTED;
	case SUBFLOW_ESTABLISHED:
		/* What applications and peers made is nobody's to want. */
		return is_wanted || subflow->origin != MPTCPD_ORIGIN_POLICY ? EXPLAIN_ESTABLISHED
									    : EXPLAIN_UNWANTED;
	case SUBFLOW_CLOSING:
		break;
	}
	return EXPLAIN_UNWANTED;
}

static void explain_error(const struct engine *engine, const struct subflow *subflow,
			  struct explain_path *path)
{
	const struct local *local = model_find_local(&engine->model, &subflow->local, 0);

	subflow_error_text(subflow, path->error, sizeof(path->error));
	if (!local)
		snprintf(path->error, sizeof(path->error), "the local address is gone");
	else if (subflow->state == SUBFLOW_WANTED && local->usability != USABLE)
		snprintf(path->error, sizeof(path->error), "%s", usability_text(local->usability));
	else if (subflow->state == SUBFLOW_WANTED && subflow->no_route)
		snprintf(path->error, sizeof(path->error), "no route to the peer from %s",
			 local->interface->name);
}

static void explain(const struct engine *engine, const struct connection *connection,
		    const struct subflow *subflow, uint64_t now_ms, struct explain_path *path)
{
	*path = (struct explain_path){
		.local = subflow->local,
		.remote = subflow->remote,
		.wanted_by = wanted_by(connection, subflow),
		.forbidden_by = subflow->banned	     ? "admin"
				: subflow->forbidden ? "policy"
						     : NULL,
		.state = explain_state(subflow),
		.attempts = subflow->attempts,
		.backup = subflow_is_seen(subflow) ? subflow->backup : subflow->want_backup,
	};
	snprintf(path->interface, sizeof(path->interface), "%s",
		 model_interface_name(&engine->model, subflow->ifindex));
	explain_error(engine, subflow, path);
	if (subflow->state != SUBFLOW_WANTED)
		return;
	path->local.port = subflow->asked_port;
	path->has_next_try = !path->forbidden_by && !subflow->no_route;
	path->next_try_ms = subflow->due_ms > now_ms ? subflow->due_ms - now_ms : 0;
}

int engine_explain(const struct engine *engine, uint32_t token, uint64_t now_ms,
		   void (*on_path)(void *data, const struct explain_path *path), void *data)
{
	const struct connection *connection = model_find_connection(&engine->model, token);
	struct explain_path path;

	if (!connection)
		return -ESRCH;
	for (size_t i = 0; i < connection->n_subflows; i++) {
		if (connection->subflows[i].gone)
			continue;
		explain(engine, connection, &connection->subflows[i], now_ms, &path);
		on_path(data, &path);
	}
	return 0;
}
