/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the peer of a connection is told of addresses of ours, and that it is to forget one. */
#ifndef CORE_ENGINE_ANNOUNCE_H
#define CORE_ENGINE_ANNOUNCE_H

#include "engine-private.h"

/*
 * Learn what an earlier life announced and no record but the kernel's tells. Clears ids_unknown if
 * the kernel could be asked. Returns whether it told.
 */
bool engine_learn_announced(struct engine *engine, struct connection *connection);
/*
 * Is another word about addresses on its way to the peer, whose kernel drops one that comes right
 * after it? Then the connection is looked at again when that is over.
 */
bool engine_waits_to_be_withdrawn(struct connection *connection, const struct subflow *subflow,
				  uint64_t now_ms);
/* Was forgetting its id the last that the peer was told? */
bool engine_is_withdrawn(const struct connection *connection, const struct subflow *subflow);
/* The peer is told of the address with that id, or to forget it. */
void engine_note_told(struct connection *connection, uint8_t id, bool to_forget, uint64_t now_ms);
/* Tell the peer to forget that id. As of command_withdraw(). */
int engine_tell_to_forget(struct engine *engine, struct connection *connection, uint8_t id,
			  uint64_t now_ms);
/* Are there subflows that came of it, beside that one (NULL: none is left out)? */
bool engine_is_joined(const struct connection *connection, const struct announced *announced,
		      const struct subflow *except);
/* Can packets come in there? */
bool engine_is_reachable(const struct engine *engine, const struct announced *announced);
/* Listen for it on this address of ours, which has a port; and no more. */
void engine_listen(struct engine *engine, struct announced *announced,
		   const struct mptcpd_addr *addr, uint32_t ifindex, enum mptcpd_listen when);
void engine_unlisten(struct engine *engine, struct announced *announced);
/*
 * Before a DESTROY on purpose: what was announced and led the peer there is taken back,
 * unless other subflows came of it; told again, as after any DESTROY, it would have the peer come
 * again at once. What a person announced and closes by hand is not announced any more, and nobody
 * is told, as with the kernel's own tool. 0 or -errno; -EAGAIN: not by hand, and the peer was told of
 * an address a moment ago, so that it would not hear this: the connection is looked at again.
 */
int engine_take_back(struct engine *engine, struct connection *connection,
		     const struct subflow *closing, bool by_hand);
/*
 * Before a DESTROY of a join that a plan forbids, which makes the kernel forget the address that led
 * the peer there: told again it would have the peer come again at once. So it is not told before the
 * peer has come by another way too. Taken back it is not: other joins may be under way there.
 */
void engine_hold_announced(struct connection *connection, const struct subflow *closing);
/*
 * Note that the address was taken back on purpose. One that a plan wants announced stays known, so
 * that no plan announces it again; a person may.
 */
void engine_ban_announced(struct engine *engine, struct connection *connection,
			  struct announced *announced);
/*
 * Give the plan's announcements their records, and take back what is not wanted any more, or cannot
 * be reached now, unless the connection would end with it: after it is known what is stale, before
 * any DESTROY, after which the kernel has nothing to take back. Both return when to look again.
 */
uint64_t engine_withdraw_unwanted(struct engine *engine, struct connection *connection,
				  uint64_t now_ms);
/* Announce what is wanted and was not yet: after the subflows, which matter more. */
uint64_t engine_announce_wanted(struct engine *engine, struct connection *connection,
				uint64_t now_ms);

#endif
