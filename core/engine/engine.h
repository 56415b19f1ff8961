/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine: compares what the policies want with what the model has seen, and issues the
 * commands that close the difference. It owns, once for all policies: de-duplication, "asked but
 * not yet seen", limits, back-off, address ids, binding, ownership.
 *
 * It has no clock, socket or log: time comes in, deadlines go out, the kernel is struct
 * kernel_ops, and what people should know goes to an observer.
 */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include "guard.h"
#include "model.h"
#include "ops.h"
#include "reason.h"

struct engine;
struct traffic;

#define ENGINE_NEVER UINT64_MAX

/* Things the operator should know; the observer words and logs them. */
enum notice_type {
	NOTICE_PLAN_REFUSED, /* plugin, error: one entry of its plan; local and remote */
	NOTICE_PLAN_SLOW, /* plugin, ms: it took so long, and all connections waited */
	/* local: somebody else's endpoint has an address we want; text: "": with the flags we want */
	NOTICE_ENDPOINT_FOREIGN,
	NOTICE_ENDPOINTS_FULL, /* local: finds no place in the kernel's table; error: its size */
	NOTICE_ANNOUNCEMENT_REFUSED, /* remote, text: the peer announced what cannot be its own */
	NOTICE_ENDPOINT_LEAVING, /* local, text: why; error: how many connections need it */
	NOTICE_ROUTING_DELETED, /* somebody else deleted rules or routes of ours, which are made again */
	NOTICE_ROUTING_CONFLICT, /* text: who uses the numbers of ours; none are made */
	NOTICE_ALL_SILENT, /* no link is answered: the fault lies beyond them, nothing is changed */
	NOTICE_SPARED, /* text: whether new connections are spared a silent link, or why not */
	NOTICE_COMMAND_FAILED, /* command, error, text: not one that races and retries explain */
};

struct notice {
	enum notice_type type;
	uint32_t token;
	int error; /* negative errno */
	unsigned int ms; /* of NOTICE_PLAN_SLOW */
	const char *plugin; /* name, or NULL */
	const char *command; /* "SUBFLOW_CREATE" …, or NULL */
	const char *text; /* the kernel's own words, or "" */
	struct mptcpd_addr local, remote;
};

enum engine_limit {
	ENGINE_LIMIT_SUBFLOWS = 1,
	ENGINE_LIMIT_ADD_ADDR_ACCEPTED = 2,
#define ENGINE_LIMIT_ALL 3
};

/* Our changes of the host, to be put back, or known again after a crash. */
struct engine_host {
	/* Ours, made or about to be made; with these flags beside the kernel's: */
#define ENGINE_ENDPOINT_HELD 0x80000000U /* a person deleted it, and it stays so */
#define ENGINE_ENDPOINT_PINNED 0x40000000U /* a person set its flags, and they stay so */
	const struct event_endpoint *endpoints;
	size_t n_endpoints;
	bool has_limits; /* we set them: */
	struct event_limits limits_before, limits_set;
	uint8_t limits_held; /* enum engine_limit bits: a person set them, and they stay so */
};

/*
 * Observers must only remember: they are called between an event and its command. on_change sees
 * every change but CHANGE_NONE.
 */
struct engine_observer {
	void (*on_change)(void *data, const struct change *change);
	void (*on_notice)(void *data, const struct notice *notice);
	/* Called before the commands that make it true. NULL: nobody keeps it. */
	void (*on_host)(void *data, const struct engine_host *host);
	void *data;
	/*
	 * For whoever saves connections; both may be NULL. on_settled: all commands for the
	 * connection are out, and what is known of it may have changed. It may set saved_slot and
	 * nothing else. on_forget: it ended, or what was saved of it is of no use.
	 */
	void (*on_settled)(void *data, struct connection *connection);
	void (*on_forget)(void *data, struct connection *connection);
};

struct engine_setup {
	const struct rules *rules; /* must outlive the engine or the next engine_set_rules() */
	const struct kernel_ops *ops;
	void *kernel;
	struct engine_observer observer;
	/*
	 * Where calls into plugins are marked, and which plugins are set aside. It must outlive the
	 * engine. NULL: nobody looks, and none is.
	 */
	struct guard *guard;
	uint64_t seed; /* of the jitter in back-off */
	/*
	 * How long work takes, in nanoseconds: a settle ends when its share is used up. NULL: when
	 * all is done.
	 */
	uint64_t (*clock)(void *data);
	void *clock_data;
	/*
	 * Only look: engine_settle() sends no command that changes anything. What an administrator
	 * does by hand is done once, and nothing is kept up or done again for it.
	 */
	bool passive;
};

/*
 * How long joins took that were asked for here, from the command until the kernel told of them: up
 * to so many milliseconds; the last are those that took longer.
 */
#define ENGINE_JOIN_BOUNDS_MS                                                                      \
	{                                                                                          \
		1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000                        \
	}
#define ENGINE_JOIN_BOUNDS 13

struct engine_counters {
	uint64_t events, events_lost, events_bad, resyncs, commands, command_errors, plans_refused;
	uint64_t announcements_refused; /* of peers */
	uint64_t joins[ENGINE_JOIN_BOUNDS + 1]; /* by the first bound that holds */
	uint64_t joins_ms; /* that all of them took together */
	uint64_t failures[REASONS]; /* subflows that failed, or could not be asked for, by why */
};

struct engine *engine_new(const struct engine_setup *setup);
void engine_free(struct engine *engine);

/*
 * The host as on_host told it last, before an end without engine_leave(). Before the first event.
 */
void engine_set_host(struct engine *engine, const struct engine_host *host);
/*
 * Put the host back as it was: the limits, our endpoints, and the rules and routes of our addresses;
 * but for those that open connections use. Tells which endpoints are left by on_host.
 */
void engine_leave(struct engine *engine, uint64_t now_ms);

/* Take a fact in. Cheap: marks what to look at, issues nothing. */
void engine_event(struct engine *engine, const struct event *event, uint64_t now_ms);
/*
 * A connection is established, and engine_event() will be told of it before any later event: ask the
 * kernel at once for the subflows that are known to be wanted. Does nothing with other events.
 */
void engine_early(struct engine *engine, const struct event *event);
/* An event of a connection comes soon. Changes nothing: what is known of it is fetched meanwhile. */
void engine_expect(const struct engine *engine, uint32_t token);
/* What ops->ask() gave this number was refused. */
void engine_refused(struct engine *engine, int number, uint64_t now_ms);
/*
 * Close the difference between wanted and seen, as far as the time allows. Returns when to be
 * called next at the latest: now_ms itself means "again, work is left"; ENGINE_NEVER: only after
 * the next event.
 */
uint64_t engine_settle(struct engine *engine, uint64_t now_ms);
/* New rules from now on; the old ones are not looked at any more when this returns. */
void engine_set_rules(struct engine *engine, const struct rules *rules, uint64_t now_ms);

const struct model *engine_model(const struct engine *engine);
/* Is the first snapshot of this kind complete? Until that of the host is, no command is sent. */
bool engine_knows(const struct engine *engine, enum snapshot_kind kind);
/* Are the endpoints made, as far as they can be, that the host as it is known now asks for? */
bool engine_has_endpoints(const struct engine *engine);
const struct engine_counters *engine_counters(const struct engine *engine);
/* So far apart are looks at the health of links, while TCP sends again all the time. */
uint32_t engine_look_interval_ms(const struct engine *engine);
/* Connections that `policy` decides for. */
size_t engine_count_policy(const struct engine *engine, const struct policy *policy);
/*
 * Ask the kernel what it knows of a connection and no event tells: which path manager has it, by
 * which links it goes, and what it announced. Returns whether the kernel told that. An engine that
 * is not passive finds out by itself.
 */
bool engine_look_at(struct engine *engine, uint32_t token);
/*
 * Have subflows measured. True: what the model has is fresh, or cannot be had fresher; fresh is a
 * quarter of a second, or twenty times as long as it takes. False: a snapshot of connections is
 * asked for in the next settle, and its RESYNCED or SNAPSHOT_FAILED says that it is done.
 */
bool engine_measure(struct engine *engine, uint64_t now_ms);

/*
 * Somebody watches what connections carry, and wants a sample: it is taken once a second at most,
 * however many ask. True: the last one is as fresh as that, or there can be none. False: a brief
 * snapshot of connections is asked for, and its RESYNCED or SNAPSHOT_FAILED says that it is done.
 */
bool engine_watch(struct engine *engine, uint64_t now_ms);
/* What it says. Nothing, unless engine_watch() was called lately. */
const struct traffic *engine_traffic(const struct engine *engine);
/* Ask the kernel about one connection, or one of its subflows, now. Returns whether it told. */
bool engine_ask_connection(const struct engine *engine, uint32_t token,
			   struct connection_detail *ret_detail);
bool engine_ask_subflow(const struct engine *engine, const struct subflow *subflow,
			struct subflow_detail *ret_detail);

/*
 * Actions of a person. 0 or -errno, with the kernel's words in error_text():
 * -ESRCH no such connection, -ENOENT no such subflow, -EPERM not under the userspace path
 * manager, -EOPNOTSUPP fallen back to TCP, -EADDRNOTAVAIL not our address, and the kernel's own.
 * A subflow so added stays wanted until deleted; one so deleted is not made again by policy.
 */
int engine_subflow_add(struct engine *engine, uint32_t token, const struct subflow_request *request,
		       uint64_t now_ms);
int engine_subflow_delete(struct engine *engine, uint32_t token, const struct mptcpd_addr *local,
			  const struct mptcpd_addr *remote, uint64_t now_ms);
int engine_subflow_change(struct engine *engine, uint32_t token, const struct mptcpd_addr *local,
			  const struct mptcpd_addr *remote, bool backup, uint64_t now_ms);

/*
 * ADD_ADDR and RM_ADDR by hand, kept against every policy. As above, and -EEXIST: the id is used
 * for another address; -ENOENT: no such id was announced.
 */
int engine_announce(struct engine *engine, uint32_t token, const struct mptcpd_addr *addr,
		    uint8_t id, uint32_t ifindex, uint64_t now_ms);
int engine_withdraw(struct engine *engine, uint32_t token, uint8_t id, uint64_t now_ms);

/*
 * Endpoints and limits of the kernel's path manager by hand. What an administrator makes is his:
 * no policy touches it, and it stays when mptcpd ends. What he changes or deletes of mptcpd's own
 * is not undone until its address went and came back. 0 or the kernel's -errno, with its words in
 * error_text(). Endpoints are found by id, or with id 0 by address; -ENOENT: there is none such.
 */
int engine_endpoint_add(struct engine *engine, const struct event_endpoint *endpoint,
			uint64_t now_ms);
int engine_endpoint_change(struct engine *engine, const struct event_endpoint *endpoint,
			   uint64_t now_ms);
int engine_endpoint_delete(struct engine *engine, const struct event_endpoint *endpoint,
			   uint64_t now_ms);
/*
 * No endpoint: connections that began on the address lose it and what began on it (DEL_ADDR id 0).
 */
int engine_endpoint_delete_initial(struct engine *engine, const struct mptcpd_addr *addr);
/* In one command, FLUSH_ADDRS. */
int engine_endpoint_flush(struct engine *engine, uint64_t now_ms);
/* UINT32_MAX leaves a limit as it is. */
int engine_limits_set(struct engine *engine, const struct event_limits *limits, uint64_t now_ms);

/* What would become of a connection that there is not. */
enum supposed_state {
	SUPPOSED_DECIDED,
	SUPPOSED_NOBODY, /* no group matches */
	SUPPOSED_OPEN, /* it depends on what was not said (`missing`) */
	SUPPOSED_KERNEL, /* the kernel's path manager would have it: no policy decides */
	SUPPOSED_APART, /* it begins on a link that is not to be used, and has no policy there */
	SUPPOSED_ASIDE, /* a plugin of its policy is set aside */
	SUPPOSED_UNREADY, /* the host is not known yet */
};

struct supposed {
	enum supposed_state state;
	const struct policy
		*policy; /* the first that matches, or of which it is open; NULL: none */
	uint32_t missing; /* enum fact bits */
	char interface[MPTCPD_IFNAME_SIZE]; /* by which it goes, or "" */
};

struct explain_path;
struct explain_announcement;

/*
 * Which group would decide for such a connection, and which paths it would plan now: as long as its peer
 * announces nothing. Its interface is that of its address where `subject` names none. No command is
 * given, and nothing is remembered.
 */
void engine_suppose(struct engine *engine, const struct subject *subject, uint64_t now_ms,
		    struct supposed *ret_supposed,
		    void (*on_path)(void *data, const struct explain_path *path),
		    void (*on_announcement)(void *data,
					    const struct explain_announcement *announcement),
		    void *data);

/* Of what plugins say of one connection. */
#define ENGINE_WORDS_SIZE 512

/* One line of `explain`. */
enum explain_state {
	EXPLAIN_ESTABLISHED,
	EXPLAIN_PENDING,
	EXPLAIN_WAITING, /* tried (again) at next_try_ms, or when what `reason` names is over */
	EXPLAIN_REFUSED, /* as waiting, the peer refused it */
	EXPLAIN_UNWANTED, /* not there, and nobody makes it; or seen, and no plan wants it */
};

struct explain_path {
	struct mptcpd_addr local, remote;
	char interface[MPTCPD_IFNAME_SIZE];
	const char *wanted_by; /* plugin name, "admin", or NULL */
	const char *forbidden_by; /* "policy", "admin", or NULL */
	enum explain_state state;
	char error[128]; /* what went wrong, in words, or "" */
	enum reason reason; /* why it is not there, or not as it should be */
	char text[256]; /* the same in a sentence, or "" */
	char remedy[224]; /* what a person can do: a command or a setting, or "" */
	uint32_t attempts;
	bool has_next_try;
	uint64_t next_try_ms; /* from now */
	bool backup;
};

/* Why a subflow is closed, as the change tells: reason and text. `policy` is its name, or NULL. */
void engine_explain_closed(const struct engine *engine, const struct change *change,
			   const char *policy, struct explain_path *ret_path);

/* An address that is announced, or would be if it could be of use. */
struct explain_announcement {
	struct mptcpd_addr addr;
	uint8_t id; /* 0: it is not announced */
	const char *wanted_by; /* plugin name, "admin", or NULL */
	bool sent; /* the peer was told */
	bool listening; /* a socket of ours waits for joins there */
	bool joined; /* subflows came of it */
	enum reason reason; /* why nothing comes of it */
	char text[256]; /* the same for people, or "" */
	char remedy[96]; /* what a person can do, or "" */
};

/*
 * Call `on_announcement` for each address that is announced, or that its interface's flag signal
 * would have announced but for a reason of this connection. -ESRCH: no such connection.
 */
int engine_explain_announcements(
	struct engine *engine, uint32_t token, uint64_t now_ms,
	void (*on_announcement)(void *data, const struct explain_announcement *announcement),
	void *data);
/* How an endpoint stands. */
enum endpoint_state {
	ENDPOINT_PRESENT,
	ENDPOINT_LEAVING, /* it is to go, or to change, and does so when no connection needs it */
	ENDPOINT_WAITING, /* wanted, and not in the kernel: it has no place, or was refused */
	ENDPOINT_HELD_OFF, /* wanted, and somebody deleted it */
};

struct explain_endpoint {
	struct event_endpoint is; /* id 0: it is not in the kernel */
	bool ours;
	enum endpoint_state state;
	const char *reason; /* a word for programs; NULL: none */
	char text[160]; /* the same for people, or "" */
	size_t needed_by; /* connections that a leaving one waits for */
};

/* By which rule and gateway an address leaves, as far as source routing knows. */
struct explain_source {
	const char *owner; /* of the rule: "mptcpd", "other"; NULL: none, or not known */
	uint32_t table; /* that it leads to */
	bool leads_out; /* by the table's best default route, */
	struct mptcpd_addr gateway; /* family 0: which needs none */
};

void engine_explain_source(const struct engine *engine, const struct local *local,
			   struct explain_source *ret_source);
/* Who uses the numbers of source routing, so that nothing new is made; "": nobody. */
const char *engine_routing_conflict(const struct engine *engine);

/* Somebody else's endpoint in place of one that the configuration wants for an address. */
struct explain_foreign {
	const struct endpoint *there;
	uint32_t wanted; /* the flags that it should have; the same ones, where nothing is amiss */
};

/* False: it has none. */
bool engine_explain_foreign(struct engine *engine, const struct local *local,
			    struct explain_foreign *ret_foreign);

/* How the endpoint, one of the model's, stands. Looks through all connections for a leaving one. */
void engine_explain_endpoint(struct engine *engine, const struct endpoint *seen, uint64_t now_ms,
			     struct explain_endpoint *ret_endpoint);
/* The next that is wanted and not in the kernel. *cursor is 0 at first. False: there is no more. */
bool engine_explain_absent(struct engine *engine, size_t *cursor,
			   struct explain_endpoint *ret_endpoint);

/*
 * Call `on_path` for each path of the connection, wanted or seen, and for all other pairs of addresses
 * that could be one, or links without an address (local.family 0). `ret_words` is what the plugins of
 * its policy say of what they decided, or "". -ESRCH: no such connection.
 */
int engine_explain(struct engine *engine, uint32_t token, uint64_t now_ms,
		   void (*on_path)(void *data, const struct explain_path *path), void *data,
		   char ret_words[static ENGINE_WORDS_SIZE]);
/*
 * How a link stands that could lead to others, whatever connections there are: call `on_path` for each
 * thing that is wrong with each of its addresses, or once, without a reason, where nothing is. `remote`
 * is of family 0, and so is `local` of a link without an address. `error` has words where packets
 * leave by another link in spite of a rule about their source.
 */
void engine_examine(struct engine *engine, uint32_t ifindex, uint64_t now_ms,
		    void (*on_path)(void *data, const struct explain_path *path), void *data);

#endif
