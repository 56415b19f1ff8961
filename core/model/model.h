/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The model of all that is known: connections with their subflows and the peer's addresses;
 * interfaces with their addresses; endpoints and limits. The model applies events and says what
 * changed, and does nothing else: it issues no command, knows no plan, no clock and no log.
 *
 * Pointers into the model are valid until the next model_apply() or model_sweep().
 */
#ifndef CORE_MODEL_H
#define CORE_MODEL_H

#include "change.h"
#include "event.h"
#include "order.h"
#include "routing.h"
#include "rules.h"
#include "table.h"

/* Why an address is not used: first for its link, then for itself. */
enum usability {
	USABLE,
	UNUSABLE_DOWN, /* the interface is down */
	UNUSABLE_CARRIER, /* … or has no carrier */
	UNUSABLE_LOOPBACK,
	UNUSABLE_CONFIGURED, /* use = no */
	UNUSABLE_TUNNEL, /* … because it is a tap that is taken for a tunnel */
	UNUSABLE_MEMBER, /* member of a bridge or bond */
	UNUSABLE_TENTATIVE, /* duplicate address detection is not done, or failed */
	UNUSABLE_LINK_LOCAL,
	UNUSABLE_UNIQUE_LOCAL,
	UNUSABLE_TEMPORARY, /* another address of its link is used in its place */
	UNUSABLE_STABLE, /* a temporary one of its link hides it */
	UNUSABLE_DEPRECATED,
	UNUSABLE_SCOPE, /* host scope, multicast, unspecified */
	UNUSABLE_ROUTED, /* endpoints only: no route leads out from it */
	UNUSABLE_PRESENT, /* it was removed */
};

/* Is it a reason of the link as a whole, or of the group that decides for it? */
static inline bool usability_is_of_link(enum usability usability)
{
	return usability != USABLE && usability <= UNUSABLE_MEMBER;
}

/* In words for people, "" for USABLE. */
const char *usability_text(enum usability usability);

/* An address of ours. */
struct local {
	struct table_entry entry; /* in model.locals, keyed by address and interface */
	struct event_local is; /* addr with port 0 */
	struct interface *interface;
	struct local *next; /* of the same interface, in order of arrival */
	uint32_t flags; /* MPTCPD_FLAG_*, from its rule */
	uint32_t seen; /* snapshot mark */
	uint32_t lifted; /* enum address_kind bits of its rule */
	enum usability judged; /* by itself, whatever other addresses its link has */
	enum usability usability; /* beside them: choose.c */
	bool forced; /* its rule says use = yes: that routes lead out is taken for granted */
	bool leads_out; /* as far as asked; only for the endpoints of the kernel's path manager */
	bool fresh; /* it has come, or its link works again, since: returned.h */
	struct mptcpd_addr announce; /* from its rule; family 0: none */
	enum listen listen; /* from its rule */
};

/* Whether the far side of a link answers, in one family. */
struct health {
	uint64_t since_ms; /* when it got into its state; 0: unknown */
	uint8_t state; /* enum mptcpd_health */
	uint8_t reason; /* enum health_reason */
};

/* The place of a family in arrays of two. */
static inline size_t health_index(uint8_t family)
{
	return family == AF_INET6;
}

struct interface {
	struct table_entry entry; /* in model.interfaces, keyed by ifindex */
	struct event_link is;
	uint32_t seen;
	struct local *locals; /* owned */
	const struct interface_rule *rule; /* NULL: none matches */
	bool route_v4, route_v6; /* a default route leads out of it, as far as asked */
	bool as_tunnel; /* a tap that has one beside another link: what rules say of tunnels holds */
	enum usability usability; /* as a whole: groups for a prefix decide for their addresses */
	uint64_t judged; /* a checksum of what was made of it when that was told; 0: never */
	struct health health[2]; /* by health_index() */
};

/* The interface's own, or USABLE where a group of an address's own lifts that. */
enum usability interface_usability(const struct interface *interface);

enum subflow_state {
	SUBFLOW_ABSENT, /* not in the kernel: never asked for yet, or it failed */
	SUBFLOW_PENDING, /* asked for (or seen in SYN_SENT), not established */
	SUBFLOW_ESTABLISHED,
	SUBFLOW_CLOSING, /* told to go; only its SUB_CLOSED is missing */
};

#define WANTED_BY_NONE 0xff
#define WANTED_BY_ADMIN 0xfe
/* Of the kernel's path manager, which died and does not come back by itself. */
#define WANTED_BY_ENDPOINT 0xfd
/* Nobody knows who announced it: left alone until a plan wants it too. */
#define WANTED_BY_SOMEBODY 0xfc
/* The peer has to be told of the initial address again. */
#define WANTED_BY_INITIAL 0xfb

struct policy_memory;

/*
 * A time in milliseconds since the machine started, in as many bits as 139 years need: there are
 * very many connections, and other facts of theirs take the rest of the word.
 */
#define TIME_BITS 42
#define TIME_MAX ((UINT64_C(1) << TIME_BITS) - 1)
/* The time not long before `now_ms`, at most 49 days, of which the low bits were kept. */
static inline uint64_t time_full(uint32_t low, uint64_t now_ms)
{
	return now_ms - (uint32_t)((uint32_t)now_ms - low);
}

/* Of a number for each connection there ever was, likewise: a trillion. */
#define SERIAL_BITS 40

/* How the kernel has it, or had it last. */
struct subflow_seen {
	uint64_t since_ms : TIME_BITS; /* when it got into its state */
	enum subflow_state state : 2;
	enum mptcpd_origin origin : 2;
	bool origin_known : 1; /* false: adopted, so that only a plan can tell whose it is */
	bool initial : 1, mapped : 1, backup : 1, peer_backup : 1;
	bool bound : 1; /* to ifindex, and to nothing else by routing */
	bool backup_asked : 1; /* with SUBFLOW_CREATE, and nobody looked whether it got it */
	bool backup_unsure : 1; /* it may have been taken for another one that was asked for */
	bool stale : 1; /* its address or link was gone meanwhile: to be replaced */
	bool silent : 1; /* the far side does not answer on it */
	bool found : 1; /* it was there before it was seen: it is older than since_ms says */
	bool waits : 1; /* its link is silent, or was and nobody has woken it since */
	bool foreign : 1; /* its local address was never seen on a link: no link can lose it */
	bool scout : 1; /* made to find out whether its link is silent, beside one that a plan wants */
	uint8_t local_id,
		remote_id; /* local_id: the kernel may know the address by it even later */
} __attribute__((packed));

/* Who wants what of it. */
struct subflow_wish {
	uint16_t port; /* the local port asked for, 0: ephemeral */
	uint8_t instance;
	uint8_t by; /* index in the policy's stack, or WANTED_BY_* */
	uint8_t dropped_by; /* index in the policy's stack, when dropped */
	bool backup : 1; /* what the plan says of it */
	bool dropped : 1; /* a plugin dropped it: goes once another one carries the connection */
	bool forbidden : 1; /* a plan forbids it */
	bool spared : 1; /* … and it stays all the same, alone: nothing else carries the connection */
	bool banned : 1; /* an administrator deleted it: never make it again */
	bool unwelcome : 1; /* the peer made it where an administrator deleted one: as dropped */
	bool pinned : 1; /* an administrator set its backup flag: no plan changes it */
	bool fixed_id : 1; /* an administrator chose its local id */
};

/* How the attempts went to have what is wanted. */
struct subflow_tries {
	uint64_t due_ms : TIME_BITS; /* ABSENT: the next one; of a stale one: not closed before */
	bool turned_away : 1; /* the peer closed it soon after it had accepted it, for no reason it gave */
	bool failed : 1; /* it ended and the engine has not set its next try yet */
	bool no_route : 1; /* wanted, but no route leads there now */
	uint8_t attempts; /* failures in a row */
	uint8_t error; /* errno of the last failure, 0: none */
	uint8_t reset; /* as of struct event_subflow */
} __attribute__((packed));

/*
 * A path of a connection: what there is, and what is wanted. One of them may be nothing: `is` an
 * absent one that is only wanted, `want` by nobody what others made.
 */
struct subflow {
	struct mptcpd_addr local, remote; /* local.port: as seen, or 0 */
	/* Bound to, or to be; of an unbound one, where it was found last. 0: not known. */
	uint32_t ifindex;
	uint32_t touched; /* mark of the last event or snapshot record that named it */
	struct subflow_wish want;
	struct subflow_seen is;
	struct subflow_tries try;
};

/* An address we announced, or should. */
struct announced {
	struct mptcpd_addr addr;
	uint32_t ifindex;
	uint8_t id;
	struct {
		bool sent; /* the peer was told of it */
		bool forgotten; /* … and the kernel does not know it any more */
		bool listening; /* it has a share in a listener of listen.h */
		bool local; /* it was an address of ours when it was announced */
	} is;
	struct {
		struct mptcpd_addr listen; /* a socket is to listen here; family 0: none */
		uint8_t listen_when; /* enum mptcpd_listen */
		uint8_t by; /* index in the policy's stack, or WANTED_BY_* */
		bool banned; /* taken back on purpose: no plan announces it again */
		/* A join that came of it was forbidden: not told again before another one came. */
		bool held;
	} want;
	struct {
		uint64_t due_ms; /* the next command */
		uint64_t repeat_ms; /* told again then, if nothing came of it */
		uint64_t lost_ms; /* its address went: taken back then; 0: it is there */
		uint64_t told_ms; /* when it was told last; 0: not in this life */
		uint8_t attempts; /* how often it was told */
	} try;
};

/* What few connections have. */
struct connection_more {
	struct mptcpd_peer_address *peers; /* owned; ids from 1 up, as remote_removed is of id 0 */
	struct announced *announced; /* owned */
	struct failure *failures; /* owned, n_failures of them: see failure.h */
	struct policy_memory
		*memory; /* owned: of the policy's plugins, or until policy_known saved */
	/* owned: of the last snapshot, of the first n_measures subflows; taken_ms 0: none */
	struct mptcpd_measure *measures;
	uint64_t ask_ms; /* when a plugin asked to be asked, or UINT64_MAX */
	uint64_t bytes_sent, bytes_received; /* as of counted_ms; MPTCPD_BYTES_UNKNOWN */
	uint64_t counted_ms; /* 0: not yet */
	struct mptcpd_owner owner; /* once has_owner */
	uint64_t told_ms; /* when the peer was told of an address last, or to forget one */
	uint8_t told_id; /* its id */
	bool told_to_forget;
	uint8_t n_peers, room_peers, n_announced, room_announced;
	uint8_t n_failures, n_measures;
	uint8_t n_uid_doubts; /* how often it had no uid that can be believed */
	bool has_owner; /* the kernel was asked for it, and a snapshot may have told it since */
	bool is_orphan; /* nobody had the socket when its owner was told */
};

/*
 * Members that every record of a dump looks at come first, so that a sweep over very many is quick.
 * There may be a hundred thousand: tests/unit/test-memory.c says what one may take.
 */
struct connection {
	struct table_entry entry; /* in model.connections, keyed by token, in order of arrival */
	uint32_t token;
	uint32_t touched; /* as of subflow */
	uint64_t begin_ms : TIME_BITS; /* 0: it was there before it was first seen */
	enum mptcpd_side side : 2;
	enum mptcpd_connection_state state : 2;
	enum path_manager path_manager : 2;
	bool fallback : 1, deny_join_id0 : 1, remote_removed : 1, mapped : 1;
	bool key_received : 1; /* of one that fell back: it was MPTCP before */
	bool unasked : 1; /* … its SYN had no MPTCP when it was answered */
	bool dirty : 1; /* in the engine's queue */
	bool policy_known : 1;
	bool adopted : 1; /* found by a snapshot: its subflows may not be known until a full one ended */
	bool local_removed : 1; /* the peer was told to forget our initial address, id 0 */
	bool ids_unknown : 1; /* older than this life of ours, which has no record of it */
	bool set_aside : 1; /* its policy is: nothing is made for it, and nothing closed */
	bool as_planned : 1; /* the engine's: it has what its plan wants, or is about to */
	bool temporary : 1; /* it began on a temporary address, which hides the stable ones there */
	bool busy : 1; /* it carried data when the last snapshot told of it */
	struct subflow *subflows; /* owned, n_subflows of room_subflows */
	uint64_t serial : SERIAL_BITS; /* grows with each new one: the cursor of listings */
	uint64_t n_subflows : 8, room_subflows : 8;
	uint64_t n_tries : 8; /* the engine's: of SYNs asked for since tries_since_ms */
	uint32_t tries_since_ms; /* for time_full() */
	struct mptcpd_addr local, remote; /* of the initial subflow */
	uint32_t ifindex; /* the link it began on, 0: not known */
	uint32_t heap_index; /* the engine's: place in the deadline heap, 0: none */
	uint32_t planned; /* the engine's: generation of host facts planned with */
	uint32_t saved_slot; /* the observer's: where it is saved, 0: nowhere */
	const struct policy *policy; /* NULL: not looked for yet, or none matches */
	union {
		const struct connection_more *more; /* never NULL: all that have none share one */
		struct connection_more *own_more; /* for connection_more() alone */
	};
};

/* An endpoint of the kernel's path manager. */
struct endpoint {
	struct endpoint *next;
	struct event_endpoint is;
	uint32_t seen;
	uint32_t serial; /* from 1 up, in the order in which they came */
	bool ours;
};

struct model {
	struct table connections, interfaces, locals;
	struct table
		saved; /* connections that no snapshot has shown, or all subflows of: saved.h */
	struct table ended; /* what ended during a dump of connections: ended.h */
	struct table newer[2]; /* what was told during one of links, or of endpoints: newer.h */
	struct connection *recent; /* one of them, about which the next questions are; or NULL */
	struct order order; /* of connections: where listings go on */
	size_t n_double_locals; /* addresses that several interfaces have */
	size_t n_usable_v4, n_usable_v6; /* of locals, those that are USABLE */
	struct endpoint *endpoints; /* by id */
	uint32_t n_endpoints; /* that ever came */
	struct event_limits limits;
	bool limits_known;
	struct routing routing;
	enum path_manager path_manager;
	const struct rules *rules; /* not owned */
	uint64_t next_serial;
	uint32_t mark; /* counts snapshots; stamps what events touch */
	struct {
		bool open, sweeping;
		bool brief; /* nothing was said of subflows */
		bool failed; /* nothing can be said of what was not seen */
		bool again; /* news came between its records: another one follows */
		uint32_t mark; /* as it was at BEGIN */
	} snapshot[SNAPSHOT_KINDS];
	struct connection
		*sweep_next; /* where the sweep of connections goes on; NULL: at its end */
	/*
	 * Called before a connection is forgotten, for whoever keeps pointers to it. May be NULL.
	 */
	void (*on_forget)(void *data, struct connection *connection);
	void *on_forget_data;
	/* Set by the engine: does anybody want to know what snapshots tell of these? */
	bool keeps_measures, keeps_owners, keeps_counts;
	uint64_t n_subflows; /* established ones, for status */
};

void model_init(struct model *model, const struct rules *rules);
void model_done(struct model *model);

/*
 * Apply one event. Returns 0 and tells the change (CHANGE_NONE included), or -EINVAL for an event
 * that makes no sense (no token, an address of no family); the model is then as before.
 * An EVENT_SNAPSHOT_END starts a sweep: call model_sweep() while model_is_sweeping().
 */
int model_apply(struct model *model, const struct event *event, uint64_t now_ms,
		struct change *ret_change);
/* Did the last snapshot of that kind begin when `mark`, which was model.mark, was past? */
static inline bool model_is_younger(const struct model *model, enum snapshot_kind kind,
				    uint32_t mark)
{
	return (int32_t)(model->snapshot[kind].mark - mark) > 0;
}

/* Are there things to sweep? */
bool model_is_sweeping(const struct model *model);
/*
 * A small step, where there are, of removing what the finished snapshot did not confirm; tells what
 * it removed, or CHANGE_NONE.
 */
void model_sweep(struct model *model, uint64_t now_ms, struct change *ret_change);

/* Is this interface taken for a tunnel from now on? Looks at its rules again. */
void model_take_for_tunnel(struct model *model, struct interface *interface, bool as_tunnel);

/*
 * New rules: look again which interfaces and addresses count. Policies are the engine's to renew.
 */
void model_set_rules(struct model *model, const struct rules *rules);

/* NULL: no such thing. */
struct connection *model_find_connection(const struct model *model, uint32_t token);
/* The connection is looked at soon: have its memory fetched. */
void model_expect(const struct model *model, uint32_t token);
struct interface *model_find_interface(const struct model *model, uint32_t ifindex);
/* The usable one if there are several; else any; NULL: not ours. ifindex 0: on any interface. */
struct local *model_find_local(const struct model *model, const struct mptcpd_addr *addr,
			       uint32_t ifindex);
/*
 * The interfaces that have the address, one after the other: the next after this, NULL the first.
 * Several are rare, and cost a walk over all addresses.
 */
struct local *model_next_local(const struct model *model, const struct mptcpd_addr *addr,
			       const struct local *after);
/* The only interface's; NULL: none has the address, or several have it. */
struct local *model_sole_local(const struct model *model, const struct mptcpd_addr *addr);
/* The first connection that came after `serial` (0: the first of all), for listings in pages. */
struct connection *model_next_connection(const struct model *model, uint64_t serial);
/* The one that came after this, NULL: it is the last. */
struct connection *connection_next(const struct connection *connection);
/*
 * The endpoint of this id, with id 0 the one of this address; if both are given both must hold. The
 * address's port counts if there is one. NULL: none.
 */
struct endpoint *model_find_endpoint(const struct model *model, uint8_t id,
				     const struct mptcpd_addr *addr);
/*
 * The kernel takes an address once: the link that is its endpoint in place of this one, NULL: there
 * is no other.
 */
const struct interface *model_endpoint_elsewhere(const struct model *model,
						 const struct local *local);
/* The address that a change is about, alone: as it is now, or UNUSABLE_PRESENT. */
struct local model_changed_local(const struct model *model, const struct change *change);
/* The interface's name, or "" for none or unknown. */
const char *model_interface_name(const struct model *model, uint32_t ifindex);
/* That of the interface a change is about, as long as the model knows it. */
const char *model_changed_interface(const struct model *model, const struct change *change);

/* Note that the subflow got into this state now, by an event or by a command of ours. */
void model_set_subflow_state(struct model *model, struct subflow *subflow, enum subflow_state state,
			     uint64_t now_ms);
/* Forget a connection that a command has shown to be gone. The change is CONNECTION_CLOSED. */
void model_close_connection(struct model *model, struct connection *connection,
			    struct change *ret_change);

/* To set what few connections have. */
struct connection_more *connection_more(struct connection *connection);
/* What the last snapshot measured of it. NULL: nothing, or it is not kept (keeps_measures). */
const struct mptcpd_measure *connection_measure(const struct connection *connection,
						const struct subflow *subflow);
/* For the engine: room for a new record, at the end. NULL: the connection has 255 already. */
struct subflow *connection_add_subflow(struct connection *connection);
void connection_remove_subflow(struct connection *connection, struct subflow *subflow);
struct announced *connection_add_announced(struct connection *connection);
void connection_remove_announced(struct connection *connection, struct announced *announced);
/* The worse of both families. */
enum mptcpd_health interface_health(const struct interface *interface);
/* Its own, or that of its link. */
enum mptcpd_health subflow_health(const struct model *model, const struct subflow *subflow);
/* Is it in the kernel, as far as we know? (pending, established or closing) */
bool subflow_is_seen(const struct subflow *subflow);
/* Can it have no subflow of IPv6? Those of IPv4 all can have. */
bool connection_is_ipv4_only(const struct connection *connection);
/*
 * A connection that there is not, to ask what would become of it: established, with its initial subflow,
 * which goes by the link `ifindex` (0: not known). The model does not know it.
 */
struct connection *connection_suppose(const struct model *model, const struct subject *subject,
				      uint32_t ifindex, uint64_t now_ms);
void connection_dismiss(struct connection *connection);
/* How many established subflows it has. */
size_t connection_count_established(const struct connection *connection);
/* Joins of either side beside the initial subflow, as the kernel counts them. */
size_t connection_count_joins(const struct connection *connection);

#endif
