/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After a change of the host all connections are gone through, and each may need a subflow, or have one
 * to close: a link that ten thousand of them had is back, or lost. Neither is waited for. What is refused
 * is as if it had never been asked for, and its connection is looked at again in the usual way, which
 * finds out why. A DESTROY after a withdrawal is given when it is known that that was not refused.
 */
#ifndef CORE_MANY_H
#define CORE_MANY_H

#include "model.h"
#include "ops.h"

/* As many as are under way until somebody asks how it went; and closings among them. */
#define MANY_ASKED 64
#define MANY_CLOSINGS 16

enum many_kind { MANY_CREATE, MANY_WITHDRAW, MANY_DESTROY };

struct many {
	bool is_on; /* a walk is under way */
	size_t n, n_closings;
	struct many_asked {
		enum many_kind kind;
		uint32_t token;
		int number;
		bool local_removed; /* of the connection, before */
		struct subflow_request request; /* of a withdrawal the id, of a DESTROY the pair */
		/* DESTROY: */
		bool held, mapped;
		uint64_t since_ms; /* of the subflow, before */
		/* Withdrawal: what the peer was told last, before. */
		struct told {
			uint64_t ms;
			uint8_t id;
			bool to_forget;
		} told;
	} asked[MANY_ASKED];
};

struct engine;

/*
 * Each says whether it is asked for, and is taken to be carried out then. Not but in a walk over all
 * connections, and nothing that has to do with what was announced.
 */
bool many_create(struct engine *engine, const struct connection *connection,
		 const struct subflow_request *request);
/* The peer is to forget the subflow's address id, and the subflow, an established one, is to go. */
bool many_withdraw(struct engine *engine, const struct connection *connection,
		   const struct subflow *subflow);
bool many_destroy(struct engine *engine, const struct connection *connection,
		  const struct subflow *subflow);
/* Hear what was refused of all that was asked for without waiting; of how much, at most MANY_ASKED. */
size_t many_hear(struct engine *engine);
/* Send all that was asked for, and hear how it went. */
void many_settle(struct engine *engine);

#endif
