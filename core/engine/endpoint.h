/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our endpoints and limits in the kernel's own path manager: which are ours, which are wanted, which
 * are leaving, and which somebody changed by hand. Part of the engine.
 *
 * An endpoint is wanted, leaving or gone. Whatever ends the wish makes it leaving; it goes when no
 * connection needs it any more (need.c), and a wish that returns before that makes it wanted again.
 */
#ifndef CORE_ENDPOINT_H
#define CORE_ENDPOINT_H

#include "model.h"

/* As many as the ids there are. */
#define ENDPOINTS_OWNED_MAX 255

/* Why an endpoint of ours is not to stay as it is. */
enum leaving {
	LEAVING_NOT,
	/* These are often over at once: where a connection uses it, they count after `hold`. */
	LEAVING_ADDRESS, /* its link has not its address, or may not use it yet */
	LEAVING_ROUTE, /* no route leads out */
	/* These count at once. */
	LEAVING_LINK, /* its interface is down or gone */
	LEAVING_CARRIER,
	LEAVING_OUTDATED, /* the address is deprecated, or another one is preferred to it */
	LEAVING_INDEX, /* its address is on another interface now */
	LEAVING_FLAGS, /* the configuration wants flags that SET_FLAGS does not bring softly */
	LEAVING_CONFIG, /* the configuration does not want it: use = no, another plugin, fewer */
	LEAVING_PLACE, /* more important ones have the places of the kernel's table */
	LEAVING_PATH_MANAGER, /* new connections are not the kernel's path manager's */
	LEAVING_RENEWAL, /* to be made anew, for subflows that died */
	LEAVING_MENDING, /* … for its address is usable again: of somebody else's alone */
};

/* How far it is with having the kernel try somebody else's endpoint again: mend.c. */
enum mending {
	MENDING_DUE, /* does a connection lack a subflow from there? */
	MENDING_ASKED, /* one does; which joins are under way is asked for */
	MENDING_KNOWN, /* … and known */
	MENDING_DONE,
};

/* An endpoint we made, or want to make. It is remembered while its address is away, for its id. */
struct owned {
	struct event_endpoint is; /* as the kernel has it, or had it last; id 0: never yet */
	struct mptcpd_endpoint want; /* while planned */
	uint64_t due_ms; /* next try, after a failure */
	uint64_t renew_ms; /* renew it then, because subflows of it died; 0: no need */
	uint64_t leaving_ms; /* since when it is leaving */
	uint64_t away_ms; /* since when no interface has its address; 0: one has it */
	uint32_t witness; /* token of a connection that needed it when last looked; 0: none */
	enum leaving leaving;
	enum mending mending; /* while foreign */
	uint32_t asked_mark; /* of MENDING_ASKED: the model's, then */
	uint8_t attempts, renewals;
	bool planned; /* the plugin wants it */
	bool wanted; /* and there is a place for it */
	bool present;
	bool needed; /* leaving, and a connection needs it */
	bool released; /* needed, and yet it goes: the table is full of outdated addresses */
	bool hands_off; /* somebody deleted it: left so until its address went and came back */
	bool pinned; /* somebody changed its flags: left so, likewise */
	bool foreign; /* planned, and somebody else's endpoint has its address */
	bool bereft; /* … of which a subflow died since it was usable */
	bool unconfirmed; /* known from before a restart, not seen since */
	bool told; /* that it finds no place */
	bool told_foreign,
		told_flags; /* that it is somebody else's; with other flags than wanted */
	bool told_leaving; /* that it is needed though it should go */
};

struct endpoints {
	struct owned owned[ENDPOINTS_OWNED_MAX];
	size_t n_owned;
	size_t n_leaving;
	bool dirty;
	bool is_tight; /* it is full, and one of ours waits for a place */
	uint32_t max; /* size of the kernel's table, once it was found full; 0: unknown */
	uint64_t due_ms; /* next look */
	uint64_t looked_ms; /* when it was last asked who needs the leaving */
	uint64_t
		foreign_ms; /* when addresses changed last: others may change endpoints with them */
	uint8_t n_foreign_looks; /* looks at the table since then */
	bool has_limits; /* we set them */
	struct event_limits before, ours; /* as they were before us, and as we set them */
	struct event_limits plan; /* what was wanted when somebody else set them */
	uint8_t held; /* enum engine_limit bits: a person set them */
};

#endif
