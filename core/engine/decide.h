/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who decides for a connection, and whose it is, where that matters for it. */
#ifndef CORE_DECIDE_H
#define CORE_DECIDE_H

#include "model.h"

struct engine;

/* ---- owner.c ---- */

/*
 * The mark of its packets, where a rule looks at marks: that costs a request a connection. One that
 * an application sets later is seen by the next sweep. Else 0.
 */
uint32_t engine_mark(struct engine *engine, struct connection *connection);
/* Whose is it? Asks the kernel, once. False: nobody can tell. */
bool owner_know(struct engine *engine, struct connection *connection);
/* Say what is known of its socket. */
void owner_describe(const struct connection *connection, struct subject *subject);
/* Ask for what is missing (enum fact bits). 0: it is as known as it can be; else how long to wait. */
uint64_t owner_find(struct engine *engine, struct connection *connection, uint32_t missing);
/* The same, for the path of its cgroup, "" if there is none to be known; its id is known. */
uint64_t owner_find_cgroup(struct engine *engine, const struct connection *connection,
			   char path[static CGROUP_PATH_SIZE]);
/* Rules that ask for cgroups are new: see which there are. */
void owner_rules_changed(struct engine *engine);
void owner_settle(struct engine *engine, uint64_t now_ms);

/* ---- decide.c ---- */

/*
 * Find the policy that decides for it, if its side and addresses are known, and all that its group
 * asks for. Nobody decides until then.
 */
void decide_by_known(struct engine *engine, struct connection *connection);
/*
 * The same, and ask the kernel for what it takes. False: it is not known yet, and looked for again at
 * the connection's deadline.
 */
bool decide_asking(struct engine *engine, struct connection *connection, uint64_t now_ms);
/* The rules are new: nobody decides until it is found out. */
void decide_forget(struct connection *connection);
/* Its socket is another's, or has another mark: so may be who decides. */
void decide_anew(struct engine *engine, struct connection *connection);
/*
 * Has one no policy that starts there? On a link which is not to be used (loopback, a VPN's tunnel) it
 * stays: paths beside it would lead past the VPN.
 */
bool decide_is_kept_apart(const struct local *start);
/* Whatever one of the stack is set aside for: without it the others could open what it forbids. */
bool decide_is_set_aside(const struct engine *engine, const struct policy *policy, uint32_t token);
/* Do its addresses alone, without its port, say which policy it has? */
bool decide_is_by_addresses(struct engine *engine, const struct connection *connection);

#endif
