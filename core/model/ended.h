/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections and subflows that ended while a dump of connections runs: a record that was made
 * before may still come, and is not to bring them back.
 */
#ifndef CORE_ENDED_H
#define CORE_ENDED_H

#include "model.h"

/* Note it, while such a dump runs. */
void ended_note_connection(struct model *model, const struct connection *connection);
void ended_note_subflow(struct model *model, const struct connection *connection,
			const struct subflow *subflow);
/* Did the connection, or the subflow that the record is about, end since the dump began? */
bool ended_has_connection(const struct model *model, uint32_t token);
bool ended_has_subflow(const struct model *model, uint32_t token,
		       const struct event_subflow *record);
/* The dump is over: forget some. False: there are no more. */
bool ended_sweep(struct model *model);

#endif
