/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A kernel that exists only in memory and yet behaves: it keeps links, addresses, connections and
 * subflows, answers commands as the real one does, queues events in a buffer that can overflow,
 * and answers dumps. Tests own its time.
 */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include "engine.h"

#define FAKE_LINKS 16
#define FAKE_LOCALS 64
#define FAKE_CONNECTIONS 256
#define FAKE_SUBFLOWS 32
#define FAKE_ADDRESSES 32
#define FAKE_ENDPOINTS 8 /* as the kernel's table */
#define FAKE_LISTENERS 64
#define FAKE_ROUTING 512
#define FAKE_LOG 4096

enum fake_command {
	FAKE_CREATE,
	FAKE_DESTROY,
	FAKE_BACKUP,
	FAKE_ANNOUNCE,
	FAKE_WITHDRAW,
	FAKE_PROBE,
	FAKE_IDS,
	FAKE_LOOK,
	FAKE_ROUTE,
	FAKE_EGRESS,
	FAKE_OWNER,
	FAKE_CGROUP,
	FAKE_SNAPSHOT,
	FAKE_DUMP, /* a snapshot that was asked for, as it ends */
	FAKE_ENDPOINT_ADD,
	FAKE_ENDPOINT_DELETE,
	FAKE_ENDPOINT_FLAGS,
	FAKE_ENDPOINT_FLUSH,
	FAKE_LIMITS,
	FAKE_RULE_ADD,
	FAKE_RULE_DELETE,
	FAKE_ROUTE_ADD,
	FAKE_ROUTE_DELETE,
	FAKE_COMMANDS,
};

struct fake_record {
	enum fake_command command;
	uint32_t token, ifindex, flags;
	struct mptcpd_addr local, remote;
	uint8_t id;
	int result;
};

struct fake_subflow {
	bool used, syn_sent, initial, ours, backup, peer_backup, mapped;
	bool doomed; /* its address was withdrawn: the peer is about to close it */
	struct mptcpd_addr local, remote;
	uint16_t asked_port; /* ids are kept by address and the port that was asked for */
	uint8_t local_id, remote_id;
	uint32_t ifindex;
	struct event_evidence evidence; /* what it knows of its peer; without its addresses */
};

/* What the kernel's list of a connection's own addresses holds: one entry an address and port. */
struct fake_address {
	struct mptcpd_addr addr; /* family 0: unused */
	uint8_t id;
	uint32_t flags, ifindex;
};

struct fake_connection {
	bool used, established, deny_join_id0, fallback;
	bool mapped; /* its socket is one of IPv6, its addresses are not */
	bool shut; /* one side has said that it sends no more */
	bool is_busy; /* it carries data */
	bool idle; /* nothing was received yet: its own path manager passes it by */
	uint32_t token, mark, uid;
	uint64_t cgroup;
	bool is_orphan; /* nobody has accepted it */
	uint64_t bytes_sent;
	enum path_manager path_manager;
	enum mptcpd_side side;
	struct mptcpd_addr local, remote;
	struct fake_subflow subflows[FAKE_SUBFLOWS];
	struct fake_address addresses[FAKE_ADDRESSES];
	struct mptcpd_addr told[256]; /* what the peer was told, by id */
	struct mptcpd_addr peers[256]; /* the peer's own addresses, by id */
};

/* A socket that listens: an application's or, as often as the engine asked for it, the engine's. */
struct fake_listener {
	struct mptcpd_addr addr; /* family 0: unused */
	unsigned int users; /* 0: it is not the engine's */
};

struct fake_kernel {
	struct event_link links[FAKE_LINKS]; /* ifindex 0: unused */
	enum route routes[FAKE_LINKS]; /* what each leads to: everywhere, if not told otherwise */
	/* How many calls of cgroup() look for it before it is known. */
	unsigned int cgroup_walk;
	uint32_t marked_rule, marked_link; /* that link's routes are for that mark alone; 0: none */
	struct event_local locals[FAKE_LOCALS]; /* family 0: unused */
	struct fake_connection connections[FAKE_CONNECTIONS];
	struct event_endpoint endpoints[FAKE_ENDPOINTS]; /* id 0: unused */
	struct event_limits limits;
	struct event_rule rules[FAKE_ROUTING]; /* family 0: unused; */
	struct event_route ways[FAKE_ROUTING]; /* default routes, likewise */
	uint8_t endpoint_id; /* the greatest that was given since the last flush */
	struct fake_listener listeners[FAKE_LISTENERS];
	enum path_manager path_manager;

	struct event *events; /* queue */
	size_t n_events, room_events, limit_events; /* limit 0: none */
	bool lost[SNAPSHOT_KINDS];
	bool snapshot_wanted[SNAPSHOT_KINDS], brief_wanted[SNAPSHOT_KINDS];

	int fail[FAKE_COMMANDS]; /* answer the next such command with this, once */
	int fail_always[FAKE_COMMANDS]; /* and each */
	uint16_t next_port;
	bool wide; /* sockets that connect from now on are of IPv6, whatever their addresses are */
	bool ignores_backup; /* SUBFLOW_CREATE makes no backup, as before Linux 6.12 */
	uint32_t egress; /* where routing prefers to send unbound sockets, if it can; 0: any */
	bool ignores_link; /* … and binds nothing, as then: routing chooses */
	int n_asked; /* what was asked without waiting, ever; and which of it was refused */
	int refused[64];
	size_t n_refused;
	bool loses_refusals; /* there is no memory for the next ones */
	size_t n_commands; /* ever, without what only asks */
	size_t counts[FAKE_COMMANDS];
	struct fake_record log[FAKE_LOG]; /* the first ones; n_log of them */
	size_t n_log;
	bool out_of_time; /* the clock runs fast */
	uint64_t look_ns; /* … else so much from one look at it to the next */
	uint64_t work_ns; /* the clock */
	size_t n_looks; /* at it */
	uint64_t n_missed,
		n_heard; /* the counters of what was waited for in vain, and of what came */
	size_t n_evidence_looks; /* that were asked for */
	uint32_t look_cost_us; /* what each takes */
	bool looks; /* one at the evidence is under way, */
	bool measures; /* and takes all */
	struct event_evidence sockets[8]; /* of other programs: measured ones, or SYNs */
	size_t n_sockets;
	size_t n_evidence; /* times that a single subflow was asked about */
	bool tells; /* print each command */
	size_t n_returned; /* links */
	bool neighbours_unknown; /* on all links */
	bool neighbours_many; /* so that not all are sought when they are to be */
	size_t n_sought; /* how often one was asked about, */
	size_t n_anew; /* and sought anew then */
	/* Called after each event that was handed over, NULL: nothing is done between them. */
	void (*between)(void *data);
	void *between_data;
	/* NULL, or called with hook_data: before a command has its effect; and to set event->subflow.measure. */
	void (*on_command)(void *data, const struct fake_record *record, int result);
	void (*measure)(void *data, struct event *event);
	void *hook_data;
};

extern const struct kernel_ops fake_ops;
/* For struct engine_setup, with the fake as its data. */
uint64_t fake_clock(void *data);

struct fake_kernel *fake_new(void);
void fake_free(struct fake_kernel *fake);
void fake_forget_log(struct fake_kernel *fake);

/* The network changes; events are queued. */
void fake_link(struct fake_kernel *fake, uint32_t ifindex, const char *name, bool up, bool carrier);
/* The same of another type than Ethernet. */
void fake_typed_link(struct fake_kernel *fake, uint32_t ifindex, const char *name,
		     enum mptcpd_link_type type, bool up, bool carrier);
void fake_link_gone(struct fake_kernel *fake, uint32_t ifindex);
void fake_address(struct fake_kernel *fake, uint32_t ifindex, const char *address);
/* A temporary IPv6 address, fresh or, if it is there already, deprecated from now on. */
void fake_temporary(struct fake_kernel *fake, uint32_t ifindex, const char *address);
/* The sysctl: told by no event, but by the next message about the link. */
void fake_prefer_temporary(struct fake_kernel *fake, uint32_t ifindex, bool prefer);
void fake_address_gone(struct fake_kernel *fake, uint32_t ifindex, const char *address);
void fake_route(struct fake_kernel *fake, uint32_t ifindex, bool routed);
/* Its routes lead to a site alone: the world is not there, but any remote is. */
void fake_site(struct fake_kernel *fake, uint32_t ifindex);

/* Another program listens on an address with a port; -errno: it cannot. And ends to do so. */
int fake_listen(struct fake_kernel *fake, const struct mptcpd_addr *addr);
void fake_listen_no_more(struct fake_kernel *fake, const struct mptcpd_addr *addr);

/* Applications and peers act. Addresses as "10.0.0.1:1000". */
struct fake_connection *fake_connect(struct fake_kernel *fake, uint32_t token,
				     enum mptcpd_side side, const char *local, const char *remote);
void fake_establish(struct fake_kernel *fake, uint32_t token);
void fake_close(struct fake_kernel *fake, uint32_t token, bool in_silence);
/* The peer joins: a subflow that begins at its end. */
void fake_join(struct fake_kernel *fake, uint32_t token, const char *local, const char *remote);
void fake_announced(struct fake_kernel *fake, uint32_t token, uint8_t id, const char *remote);
void fake_removed(struct fake_kernel *fake, uint32_t token, uint8_t id);
/* The peer wants less to be sent on a subflow, or no more so. */
void fake_priority(struct fake_kernel *fake, struct fake_connection *connection, size_t i,
		   bool backup);
/* A SYN in flight is answered: as below. */
void fake_answer_subflow(struct fake_kernel *fake, struct fake_connection *connection, size_t i,
			 int error);
/*
 * All that peers have yet to do: SYNs in flight are answered (0 accepts, else the errno of the
 * failure), subflows of withdrawn addresses closed.
 */
void fake_answer(struct fake_kernel *fake, int error);
/* A subflow ends: RST from the peer, or destroyed by somebody else. */
void fake_reset(struct fake_kernel *fake, struct fake_connection *connection, size_t i, int error);
struct fake_connection *fake_find(struct fake_kernel *fake, uint32_t token);
size_t fake_count_subflows(const struct fake_connection *connection);

/* Other programs make and delete endpoints; nobody is told. */
void fake_endpoint(struct fake_kernel *fake, uint8_t id, const char *address, uint32_t flags,
		   uint32_t ifindex);
void fake_endpoint_gone(struct fake_kernel *fake, uint8_t id);
struct event_endpoint *fake_find_endpoint(struct fake_kernel *fake, const char *address);
size_t fake_count_endpoints(const struct fake_kernel *fake);

/* Default routes and rules of anybody come and go. */
void fake_way(struct fake_kernel *fake, const struct event_route *route);
void fake_way_gone(struct fake_kernel *fake, const struct event_route *route);
void fake_rule(struct fake_kernel *fake, const struct event_rule *rule);
void fake_rule_gone(struct fake_kernel *fake, const struct event_rule *rule);
/* A default route of somebody else's in the main table. */
struct event_route fake_default(uint32_t ifindex, const char *gateway, uint32_t metric);
size_t fake_count_rules(const struct fake_kernel *fake);
size_t fake_count_ways(const struct fake_kernel *fake);

/* What the files of the fake share. */
int fake_neighbours_seek(void *kernel, uint32_t ifindex);
int fake_neighbour_known(void *kernel, const struct mptcpd_addr *local, uint32_t ifindex,
			 const struct mptcpd_addr *remote, bool anew);
void fake_dump_routing(struct fake_kernel *fake, bool brief);
int fake_rule_add(void *kernel, const struct event_rule *rule);
int fake_rule_delete(void *kernel, const struct event_rule *rule);
int fake_route_add(void *kernel, const struct event_route *route, bool replace);
int fake_route_delete(void *kernel, const struct event_route *route);
struct event_link *fake_find_link(struct fake_kernel *fake, uint32_t ifindex);
struct event_local *fake_find_local(struct fake_kernel *fake, uint32_t ifindex,
				    const struct mptcpd_addr *addr);
void fake_queue(struct fake_kernel *fake, const struct event *event);
/* The id of an address of ours, which gets one if it has none; that of the initial one is 0. */
uint8_t fake_own_id(struct fake_connection *connection, const struct mptcpd_addr *local);
/* What is known already stays as it is; -EINVAL: the address has another id, or the id another address. */
int fake_append_address(struct fake_connection *connection, const struct mptcpd_addr *addr,
			uint8_t id, uint32_t flags, uint32_t ifindex);
/* The first entry of the address, whatever port it is for, and whoever else uses it. */
void fake_forget_address(struct fake_connection *connection, const struct mptcpd_addr *addr);
int fake_own_addresses(void *kernel, uint32_t token, struct event_endpoint *ret_endpoints,
		       size_t room);
int fake_announce(void *kernel, uint32_t token, const struct mptcpd_addr *addr, uint8_t id,
		  uint32_t ifindex);
int fake_withdraw(void *kernel, uint32_t token, uint8_t id);
/* What all commands on a connection need: -EINVAL. */
int fake_check(struct fake_kernel *fake, uint32_t token);
/* Count, log and answer a command; and the endpoint commands themselves. */
int fake_answer_command(struct fake_kernel *fake, const struct fake_record *record, int result);
int fake_list_endpoints(const struct fake_kernel *fake, struct event_endpoint *ret_endpoints,
			size_t room);
int fake_endpoint_add(void *kernel, const struct event_endpoint *endpoint);
int fake_endpoint_delete(void *kernel, const struct event_endpoint *endpoint);
int fake_endpoint_flags(void *kernel, const struct event_endpoint *endpoint);
int fake_endpoint_flush(void *kernel);
int fake_limits_set(void *kernel, const struct event_limits *limits);
int fake_ask_route(void *kernel, const struct mptcpd_addr *local, uint32_t ifindex,
		   const struct mptcpd_addr *remote, uint32_t mark);
/* What a link leads to, whatever marks say. */
enum route fake_find_way(struct fake_kernel *fake, const struct event_link *link,
			 const struct mptcpd_addr *remote);
int fake_egress(void *kernel, const struct mptcpd_addr *local, const struct mptcpd_addr *remote,
		uint32_t mark);
/* Why no socket can listen there, or 0. */
int fake_check_listen(struct fake_kernel *fake, const struct mptcpd_addr *addr);
int fake_listen_on(void *kernel, const struct mptcpd_addr *addr, uint32_t ifindex);
int fake_unlisten(void *kernel, const struct mptcpd_addr *addr);
int fake_listens(void *kernel, const struct mptcpd_addr *addr, uint32_t ifindex, bool again);

/* The counters of what was waited for in vain; of an engine that is to look at health alone. */
int fake_answers(void *kernel, uint64_t *ret_missed, uint64_t *ret_heard);
int fake_look(void *kernel, bool measured);
int fake_evidence(void *kernel, const struct mptcpd_addr *local, const struct mptcpd_addr *remote,
		  uint32_t ifindex, struct event_evidence *ret_evidence);
/* Queue what a look was asked for. */
void fake_tell_evidence(struct fake_kernel *fake);

/* Hand all queued events, and the snapshots asked for, to somebody; to the engine. */
typedef void fake_hearer(void *data, const struct event *event);
void fake_tell(struct fake_kernel *fake, fake_hearer *hear, void *data);
void fake_deliver(struct fake_kernel *fake, struct engine *engine, uint64_t now_ms);
/* The same and settle, until neither has anything left to do at this time. Returns the deadline. */
uint64_t fake_run(struct fake_kernel *fake, struct engine *engine, uint64_t now_ms);

struct mptcpd_addr fake_addr(const char *text);

#endif
