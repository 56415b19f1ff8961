/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declarations that the files of the engine share, and nobody else. */
#ifndef CORE_ENGINE_PRIVATE_H
#define CORE_ENGINE_PRIVATE_H

#include "deadline.h"
#include "decide.h"
#include "dirty.h"
#include "early.h"
#include "endpoint.h"
#include "engine.h"
#include "listen.h"
#include "health.h"
#include "many.h"
#include "returned.h"
#include "plan.h"
#include "route.h"
#include "routing.h"
#include "traffic.h"
#include "walk.h"

/* Events that ask for a snapshot again and again lead to one in this many milliseconds. */
#define RESYNC_INTERVAL_MS 250
/* Routes that change all the time lead to one look at the host in this many milliseconds. */
#define HOST_INTERVAL_MS 20

struct view {
	struct mptcpd_view base; /* what plugins see; first member */
	struct engine *engine;
	const struct connection *connection; /* whose addresses it shows, NULL: those for all */
};

struct engine {
	struct model model;
	const struct rules *rules;
	const struct kernel_ops *ops;
	void *kernel;
	struct engine_observer observer;
	struct engine_counters counters;
	struct guard *guard;
	struct guard own_guard; /* where nobody else keeps one */
	uint64_t random; /* state of the jitter's generator */
	uint64_t deadline_ns; /* by the setup's clock: when this settle has used up its time */
	bool has_stepped; /* this settle has done a piece of what may take long */
	uint64_t (*clock)(void *data);
	void *clock_data;

	/* what to look at */
	struct dirty dirty; /* touched by an event: first */
	struct walk walk; /* over all */
	bool passive; /* as of struct engine_setup */
	struct deadlines deadlines;
	bool host_dirty; /* the view is out of date */
	uint64_t host_due_ms; /* not before: routes may change hundreds of times a second */
	/* Of the view, 1: none was made yet; connections remember with which they were planned. */
	uint32_t generation;

	struct {
		bool known; /* the first one is complete */
		bool lost; /* because events were lost, and no snapshot has made up for it */
		uint32_t lost_mark; /* the model's, then */
		uint8_t n_failed; /* in a row */
		uint64_t due_ms; /* not before */
	} resync[SNAPSHOT_KINDS];
	unsigned int resync_wanted; /* 1 << kind: resync_want() */
	struct endpoints endpoints;
	struct routes_kept routing;
	struct early early;
	struct listeners_wanted listeners;
	struct many many;
	struct returned returned;
	struct health_watch health;
	bool marks_matter; /* a rule looks at marks: routes are asked for with the connection's */
	const struct policy *counted; /* the rules' policies, */
	size_t *n_by_policy; /* and for each of them its connections; owned */
	bool create_keeps_backup; /* this kernel's SUBFLOW_CREATE was seen to honour the flag */
	bool creates_unbound; /* … and seen to ignore the link */
	size_t n_sweeps_left; /* brief ones, until a full one */
	bool brief_waits; /* until all is swept */
	uint64_t measuring_ms; /* when the full snapshot began that is under way, or the last one */
	uint64_t measured_ms; /* … when the last complete one did, */
	uint64_t measure_took_ms; /* and how long it took */
	uint64_t read_ms; /* when somebody asked for measurements, 0: nobody ever did */
	uint64_t cgroups_due_ms; /* when to look on which cgroups there are */
	uint64_t sweep_due_ms; /* next look for what ended without an event */
	struct traffic traffic;

	/* scratch, so that planning allocates nothing */
	struct view view;
	struct mptcpd_local *locals; /* owned; base.locals */
	size_t room_locals;
	struct plan plan;
	struct mptcpd_subflow seen[256];
	struct mptcpd_peer_address peers[256];
	struct mptcpd_failure failures[256];
	struct route_cache routes;
};

/* Look at it in the next settle, before all others. */
void engine_mark_dirty(struct engine *engine, struct connection *connection);
/* The same, though nothing happened to it but what its plan awaited. */
void engine_mark_awaited(struct engine *engine, struct connection *connection);
/* A command of ours changed the kernel: the model and the observer learn it, nothing is marked. */
void engine_learn(struct engine *engine, const struct event *event, uint64_t now_ms);
/* Tell the observer. */
void engine_tell(struct engine *engine, const struct change *change);
/* Let the observer save it. */
void engine_settled(struct engine *engine, struct connection *connection);
/* A command's answer: counts it, and tells failures that the operator should know. */
int engine_command(struct engine *engine, const struct connection *connection, const char *command,
		   int r);
/* A command or probe has shown that it is gone. */
void engine_close(struct engine *engine, struct connection *connection);

/* Can it go on by this subflow, if all others go? As engine_judge() has found. */
static inline bool engine_carries(const struct subflow *subflow)
{
	return subflow->is.state == SUBFLOW_ESTABLISHED && !subflow->is.stale &&
	       !subflow->want.forbidden && !subflow->want.dropped;
}

/* ---- resync.c ---- */

/* Ask for the snapshots that are due. */
void resync_settle(struct engine *engine, uint64_t now_ms);
/* Have the kernel asked for one. Not yet asked for? */
static inline void resync_want(struct engine *engine, enum snapshot_kind kind)
{
	engine->resync_wanted |= 1U << kind;
}

static inline bool resync_is_wanted(const struct engine *engine, enum snapshot_kind kind)
{
	return engine->resync_wanted >> kind & 1;
}

/*
 * A brief one of connections, at once. One that is under way tells the same; and what one in full has
 * not shown is removed first, as a brief one in its place would not do that. 0 or -errno.
 */
static inline int resync_brief(struct engine *engine)
{
	enum snapshot_kind kind = SNAPSHOT_CONNECTIONS;

	engine->brief_waits =
		engine->model.snapshot[kind].sweeping && !engine->model.snapshot[kind].brief;
	return engine->model.snapshot[kind].open || engine->brief_waits
		       ? 0
		       : engine->ops->snapshot_brief(engine->kernel, kind);
}

/* When one is due at the latest: all there is to do before the host is known. */
uint64_t resync_next(const struct engine *engine, uint64_t now_ms);
/* Addresses changed: others may change endpoints with them. */
void resync_watch_foreign(struct engine *engine, uint64_t now_ms);
/* Is there a rule that looks at marks? */
void engine_look_for_marks(struct engine *engine);

/* ---- ask.c ---- */

/* Fill engine->plan: of the connection, or of the host's endpoints. */
void ask_paths(struct engine *engine, struct connection *connection);
void ask_endpoints(struct engine *engine);
/* What its plugins say of what they would plan now. Changes nothing but engine->plan. */
void ask_explain(struct engine *engine, struct connection *connection, uint64_t now_ms,
		 char *ret_words, size_t size);
/* Report what was refused of the plan just made; NULL: for the host's endpoints. */
void ask_tell_refusals(struct engine *engine, const struct connection *connection);

/* ---- reconcile.c ---- */

/* Compare wanted with seen for this connection, and act. It may be freed by that. */
void engine_reconcile(struct engine *engine, struct connection *connection, uint64_t now_ms);

/* ---- close.c ---- */

/* How a connection is carried, for the decision about what may go. */
struct verdict {
	bool carried; /* something carries the connection */
	bool carried_on; /* so does something that is to stay */
	size_t n_awaited; /* paths that are planned and not there, or not yet */
};

/*
 * A subflow that the plan drops does not serve the plan any more: a path of the same pair is made
 * beside it, and it goes once another one carries the connection. Before engine_match_plan().
 */
void engine_mark_drops(struct engine *engine, struct connection *connection);
/* Mark subflows whose address or link went. Before engine_match_plan(). */
void engine_judge_links(struct engine *engine, struct connection *connection);
/*
 * Mark subflows that are forbidden, and wishes without a route. Refuses drops that would
 * end the connection.
 */
struct verdict engine_judge(struct engine *engine, struct connection *connection);
/* False: the connection is not ours any more, or gone. */
bool engine_close_unwanted(struct engine *engine, struct connection *connection,
			   struct verdict verdict, uint64_t now_ms);

/* ---- ids.c ---- */

/* The most addresses of its own that a connection is asked for. */
#define OWN_ADDRESSES_MAX 64

/* The id to use for a local address in this connection. */
uint8_t ids_local(const struct connection *connection, const struct mptcpd_addr *local);
/* The id to announce it by. 0: it needs no announcement, being the initial address. */
uint8_t ids_announced(const struct connection *connection, const struct mptcpd_addr *local);
/* The id the peer gave to its address, 0 for the initial one and for unknown ones. */
uint8_t ids_remote(const struct connection *connection, const struct mptcpd_addr *remote);
/*
 * The kernel refused the address by this id: it may know it by another one, or another address by
 * this one, from a time that we do not remember. Ask it, and set the id right in all that is to be
 * tried again. Returns whether that changed anything.
 */
bool ids_correct(struct engine *engine, struct connection *connection,
		 const struct mptcpd_addr *addr, uint8_t refused);
/*
 * The kernel has just forgotten its entry of this address, as DESTROY and a CREATE that fails make
 * it do, whoever else uses it: if it was announced it is to be announced again, or a join to it
 * would get another id.
 */
void ids_forgotten(struct connection *connection, const struct mptcpd_addr *addr, uint64_t now_ms);
/*
 * The peer was told to forget the id, and the kernel did: who wants it announced has to wait. That
 * of the initial address is not known again until it is announced, or a subflow made from it.
 */
void ids_withdrawn(struct connection *connection, uint8_t id);

/* ---- backoff.c ---- */

/* A path that failed is not tried more often than this, however often the host changes. */
#define RETRY_MIN_MS 1000

/* How long to wait after one more failure: first_ms at first, doubling up to most_ms. */
uint64_t backoff_next(uint8_t *attempts, uint64_t first_ms, uint64_t most_ms);
/* The attempt failed: when is the next one? Sets due_ms and attempts. */
void backoff_path(struct engine *engine, struct subflow *subflow, uint64_t now_ms);
/*
 * An address of this link has just gone: until when it may come back as if nothing had happened. Now,
 * where the link does not work either (0: it is not known).
 */
uint64_t backoff_blink(const struct engine *engine, uint32_t ifindex);
/* A command failed that no back-off of a subflow's own tries again. */
void backoff_ask(struct connection *connection, uint64_t now_ms);

/* ---- create.c ---- */

/* What the kernel is to be asked for, to have the wanted subflow. */
struct subflow_request create_request(const struct connection *connection,
				      const struct subflow *subflow);
/* The connection's subflow of this request, that is in this state; or NULL. */
struct subflow *create_find(struct connection *connection, const struct subflow_request *request,
			    enum subflow_state state);
/* The kernel was asked for it, and has not said no. */
void create_asked(struct engine *engine, struct connection *connection, struct subflow *subflow,
		  const struct subflow_request *request, uint64_t now_ms);
/* It says no, some time later: as if nobody had asked. */
void create_refused(struct engine *engine, struct connection *connection,
		    const struct subflow_request *request, uint64_t now_ms);

/* ---- command.c: one command each, with its bookkeeping ---- */

/* Make the wanted subflow. 0 or -errno, which is noted in it. */
int command_create(struct engine *engine, struct connection *connection, struct subflow *subflow,
		   uint64_t now_ms);
/* Close the seen subflow. */
int command_destroy(struct engine *engine, struct connection *connection, struct subflow *subflow,
		    uint64_t now_ms);
int command_set_backup(struct engine *engine, struct connection *connection,
		       struct subflow *subflow, bool backup);
/*
 * Say again what it is: an ACK goes out with that, at which a peer goes on that was waiting for one,
 * and which middleboxes see. Nothing is said where it is not known what it is.
 */
void command_poke(struct engine *engine, const struct connection *connection,
		  struct subflow *subflow);
/*
 * Is it a backup, as SUBFLOW_CREATE was asked for one, or as one was of several that cannot be told
 * apart? Sets what is true.
 */
void command_look_at_backup(struct engine *engine, const struct connection *connection,
			    struct subflow *subflow);
/* Have the peer forget the address. -errno, or 1: the kernel knows no such id, and says nothing. */
int command_withdraw(struct engine *engine, const struct connection *connection, uint8_t id);
/* Ask the kernel, unless known, who commands the connection. False: it is gone, and freed. */
bool command_probe(struct engine *engine, struct connection *connection);
/*
 * A command was answered with EINVAL: that is how the kernel says that the connection is gone, or
 * not ours to command. False: there is no use in going on; it may have been freed.
 */
bool command_survives(struct engine *engine, struct connection *connection, int r);

/* ---- early.c ---- */

/* Is the connection, which is only created, to be planned now? Else there is a first plan for it. */
bool early_is_due(const struct engine *engine, const struct connection *connection);
/* Keep the plan just made, if it is the connection's first and may serve for others. */
void early_keep(struct engine *engine, struct connection *connection);
/* What the event, which is applied, made engine_early() ask for: the model learns it. */
void early_learn(struct engine *engine, const struct event *event, uint64_t now_ms);

/* The kernel refused what was asked for by this number. False: that is none of these. */
bool early_refused(struct engine *engine, int number, uint64_t now_ms);

/* ---- health.c ---- */

/* Look whether the far sides answer, if it is time, and act on it. */
void health_settle(struct engine *engine, uint64_t now_ms);
/* When to look next. ENGINE_NEVER: there is nothing to look at. */
uint64_t health_next(const struct engine *engine);

/* ---- evidence.c ---- */

/* Evidence came, or its end, or the verdict of a probe. */
void evidence_event(struct engine *engine, const struct event *event, uint64_t now_ms);
/* A join was not made: a refusal is an answer, too. */
void evidence_unmade(struct engine *engine, const struct change *change, uint64_t now_ms);

/* ---- scout.c ---- */

/* Is it a subflow that may be doubled to find out whether its link answers? */
bool scout_may_follow(const struct connection *connection, const struct subflow *subflow);
/* It was answered, stays beside its path, and there are enough of those that came later. */
bool scout_is_one_too_many(const struct connection *connection, const struct subflow *scout);
/* Send one by the far side's link, beside this witness if that can be. Returns whether one is out. */
bool scout_send(struct engine *engine, struct far *far, const struct witness *beside,
		uint64_t now_ms);
/* See what became of it: whether it is answered, and since when it is not. */
enum scout_state {
	SCOUT_NONE,
	SCOUT_OUT, /* a SYN is sent, and not answered */
	SCOUT_ANSWERED,
};
enum scout_state scout_look(struct engine *engine, struct far *far);
/* Wake the peers' senders by what has a witness there: an ACK that needs no answer. */
void scout_poke(struct engine *engine, struct far *far, uint64_t now_ms);

/* ---- wake.c ---- */

/* Subflows whose link went silent, or is well again: note it, and wake them. */
void wake_connection(struct engine *engine, struct connection *connection);

/* ---- match.c ---- */

/* Did a policy make it? Not: somebody who is not known. */
bool engine_is_policys(const struct subflow *subflow);
/* Each path of the plan just made finds the record that serves it, or gets a new one. */
void engine_match_plan(struct engine *engine, struct connection *connection, uint64_t now_ms);

/* ---- place.c ---- */

/*
 * The link of an unbound socket: the one that has the local address, among several the one that
 * routing chooses, or, if that has not got it, the one it was on before (0: not known). One that
 * failed keeps what was on it. NULL: the address is not ours.
 */
const struct local *engine_find_link(struct engine *engine, const struct mptcpd_addr *local,
				     const struct mptcpd_addr *remote, uint32_t before);
/* Find out on which link each of its unbound subflows is now. */
void engine_place(struct engine *engine, struct connection *connection);
/* The same, and name the link in a change that is about one of them. */
void engine_place_change(struct engine *engine, struct connection *connection,
			 struct change *change);
/* Would a subflow made from this address leave by its link? Before Linux 6.12 routing decides. */
bool engine_can_bind(struct engine *engine, const struct local *local,
		     const struct mptcpd_addr *remote);

/* A link-local address means its owner on the link alone by which the connection began. */
bool engine_is_elsewhere(const struct engine *engine, const struct connection *connection,
			 const struct local *local, const struct mptcpd_addr *remote);

/* ---- view.c ---- */

/* Bring the view of the host up to date, its time included. */
void engine_update_view(struct engine *engine, uint64_t now_ms);
/*
 * Show the addresses that this connection may use, if they are not those for all; NULL: show these
 * again.
 */
void engine_view_addresses(struct engine *engine, const struct connection *connection);
/* The connection as plugins see it, until the next call. */
struct mptcpd_connection engine_view_connection(struct engine *engine,
						struct connection *connection);
/* Does a plugin of its policy say that it needs this? */
static inline bool engine_needs(const struct connection *connection, enum mptcpd_need need)
{
	return connection->policy && (connection->policy->needs & (uint32_t)need);
}

/* ---- watching.c ---- */

/* A snapshot, for who watches. */
void watching_event(struct engine *engine, const struct event *event, uint64_t now_ms);

/* ---- tally.c ---- */

/* A subflow of the connection (NULL: it is not known) was asked for, and is there after so long. */
void tally_joined(struct engine *engine, const struct connection *connection, uint32_t ms);
/* A subflow is gone. */
void tally_closed(struct engine *engine, const struct change *change);

/* ---- reader.c ---- */

/* The connections of a policy are one more, or one less; NULL: of none. */
void engine_count(struct engine *engine, const struct policy *policy, int more);
/* The rules are new: count from zero. */
void engine_count_anew(struct engine *engine);
/*
 * Is a policy that asked to be asked now to see measurements first, which are old? Then it is asked
 * when they are there.
 */
bool engine_await_measures(struct engine *engine, struct connection *connection, uint64_t now_ms);
/* Note when a full snapshot of connections begins. */
void engine_see_begin(struct engine *engine, const struct event *event, uint64_t now_ms);
/* … and that it has ended. */
void engine_measured(struct engine *engine, uint64_t now_ms);

/* ---- endpoint.c ---- */

/* Compare the host's wanted endpoints and limits with the kernel's, and act. */
void engine_reconcile_endpoints(struct engine *engine, uint64_t now_ms);
/* A connection changed: one that needed a leaving endpoint may not need it any more. */
void engine_endpoint_touched(struct engine *engine);
/* A subflow of the kernel's path manager died: it may have to be made again. */
void engine_endpoint_lost(struct engine *engine, const struct change *change, uint64_t now_ms);
/* Why it is leaving, in words. */
const char *engine_leaving_text(enum leaving leaving);

/* ---- mend.c ---- */

/* Have the kernel try endpoints of somebody else again, as far as the rules want that. */
void mend_all(struct engine *engine, uint64_t now_ms);
/* A snapshot of connections is complete, for those who asked before it began. */
void mend_informed(struct engine *engine);
/* An address that somebody else's endpoint has is usable now. */
void mend_begin(struct owned *owned);
/* A subflow from there died. */
void mend_lost(struct engine *engine, struct owned *owned, uint64_t now_ms);

/* ---- leaving.c ---- */

/* Is it to go, and does a connection need it? */
void engine_judge_endpoint(struct engine *engine, struct owned *owned, uint64_t now_ms);
/*
 * Temporary addresses expire daily, and the table is small: while one waits for a place, of those
 * of one link and family that are leaving only the one stays which most connections need.
 */
void engine_release_outdated(struct engine *engine);

/* ---- owned.c ---- */

/* Have the observer keep what is ours. */
void engine_tell_host(struct engine *engine);

/* ---- need.c ---- */

/* Are all connections and links known, with nothing missed? Before that, each endpoint is needed. */
bool need_is_known(const struct engine *engine);
/* Does any connection need the endpoint, which is leaving? Remembers one that does. */
bool need_find(struct engine *engine, struct owned *owned);
/* How many do. */
size_t need_count(struct engine *engine, const struct owned *owned);
/* Is this one of the causes that are often over at once? */
bool need_may_be_held(enum leaving leaving);
/* Is it leaving for one of them, and not long enough yet to go while a connection uses it? */
bool need_is_held(const struct engine *engine, const struct owned *owned);
/*
 * Is there a connection without a subflow from this endpoint, not even one that is asked for, which
 * would get one if the endpoint was new?
 */
bool need_is_lacking(struct engine *engine, const struct event_endpoint *is);
/* Would deleting an endpoint with this address close any subflow? */
bool need_is_used(const struct engine *engine, const struct mptcpd_addr *addr);
/* Which of these addresses do open connections use, whoever commands them? All, while not known. */
void need_find_used(const struct engine *engine, const struct sorted *addresses,
		    struct sorted *ret_used);
/* A command has just closed all subflows that began there; the kernel's events are on their way. */
void need_closed(struct engine *engine, const struct mptcpd_addr *addr, uint64_t now_ms);
/* When the connections may be looked through again, for those who need the leaving. */
uint64_t need_next_look(const struct engine *engine);

/* ---- limits.c ---- */

/* Raise the limits to what the plan just made asks for. */
void engine_reconcile_limits(struct engine *engine, uint64_t now_ms);
/* New rules, before they are in use: those that a person set stay, unless these want other ones. */
void engine_reconsider_limits(struct engine *engine, const struct rules *rules);
/* As they were before us, unless somebody set them since. */
void engine_restore_limits(struct engine *engine);

#endif
