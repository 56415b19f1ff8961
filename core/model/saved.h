/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections that an earlier life of the daemon saved wait in a table of their own. One leaves it
 * when a snapshot shows the same connection, each of its subflows with the first word about that.
 * Those that a whole snapshot did not show are dropped in silence, but for wishes that nobody else
 * knows.
 */
#ifndef CORE_SAVED_H
#define CORE_SAVED_H

#include "model.h"

/* Apply an EVENT_SAVED_*. 0 or -EINVAL, which leaves all as it was. */
int saved_apply(struct model *model, const struct event *event);
/*
 * An event comes for a token that the model does not know: it may end what waits by that token, or
 * prove that the token is another one's now. Returns whether the event is dealt with by that.
 */
bool saved_meet(struct model *model, const struct event *event, struct change *change);
/* A snapshot shows the connection: it counts from now on. NULL: none waits. */
struct connection *saved_show(struct model *model, uint32_t token);
/*
 * The record that waits by the token: a connection, or, once that is shown, the subflows that are
 * not.
 */
struct connection *saved_find(const struct model *model, uint32_t token);
/*
 * A whole snapshot is over: the connection's subflows that it did not show are wishes, or nothing.
 */
void saved_settle(struct model *model, struct connection *connection);
/* … and so is what is left, of which a little is dropped. False: there is no more. */
bool saved_sweep(struct model *model);

#endif
