/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is done to a connection when a link of its goes silent, and when it is well again. */
#include "engine-private.h"
#include "watch.h"

/*
 * A path that was dead for long waits for the next timeout of whoever sends there, up to once more as
 * long. The peer's sender goes on when it hears anything: an ACK that says what it knows. Ours does
 * not, and another subflow takes the place of one that waits.
 */
static void wake(struct engine *engine, const struct connection *connection,
		 struct subflow *subflow)
{
	struct event_evidence evidence;

	subflow->is.waits = false;
	if (connection->path_manager != PATH_MANAGER_USERSPACE ||
	    watch_evidence(engine, subflow, &evidence) < 0)
		return;
	if (evidence.retransmits && evidence.unacked)
		subflow->is.stale = true;
	else
		command_poke(engine, connection, subflow);
}

void wake_connection(struct engine *engine, struct connection *connection)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];
		const struct interface *interface =
			subflow->ifindex ? model_find_interface(&engine->model, subflow->ifindex)
					 : NULL;
		enum mptcpd_health health;

		if (!interface || subflow->is.state != SUBFLOW_ESTABLISHED)
			continue;
		health = interface->health[health_index(subflow->local.family)].state;
		if (health == MPTCPD_HEALTH_SILENT)
			subflow->is.waits = true;
		else if (subflow->is.waits && health == MPTCPD_HEALTH_WELL)
			wake(engine, connection, subflow);
	}
}
