/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How to write a policy for mptcpd: the whole plugin interface. What a plugin sees is in view.h; addr.h
 * has helpers for addresses.
 *
 * A plugin says which subflows, announcements or endpoints there *should* be, given the present
 * facts. It never reacts to an event: mptcpd asks again whenever something changed, compares the
 * answer with what the kernel has, and issues the commands that close the difference. Losing an
 * event, restarting, a failed command and a new address are therefore all the same to a plugin.
 *
 * A plugin is one shared object that exports one symbol:
 *
 *	MPTCPD_PLUGIN_EXPORT const struct mptcpd_plugin mptcpd_plugin = {
 *		.abi = MPTCPD_PLUGIN_ABI, .size = sizeof(struct mptcpd_plugin),
 *		.name = "mine", .summary = "one line", .plan_paths = plan_paths,
 *	};
 *
 * It is a function of its arguments: no loop, no thread, no I/O, no clock (the view has the time).
 * It calls mptcpd through the functions it is handed and so needs no symbol of mptcpd: a test can
 * dlopen() it without a daemon and without a kernel. It runs in the daemon's only thread, between
 * an MPTCP event and the command it causes: it must not block and should not allocate. One that
 * crashes or hangs is not asked again, see mptcpd(8).
 *
 * Pointers handed to a plugin are valid until the function they were handed to returns, and what
 * they point to is mptcpd's; the exceptions say so.
 *
 * How it grows, within one ABI:
 * - What mptcpd fills in grows at its end. A plugin that was built with a later version of this file
 *   asks MPTCPD_HAS() before it looks at a member that earlier versions of mptcpd have not.
 * - Arrays of such structures are lists (struct mptcpd_list), whose elements grow too: only the
 *   mptcpd_get_* functions look into them.
 * - What a plugin fills in keeps its size, and has reserved room. It is zero; mptcpd refuses with
 *   -EOPNOTSUPP what it does not know. An initializer in braces makes it zero.
 * - struct mptcpd_plugin grows at its end: members that a plugin has not, are zero for mptcpd, and
 *   those that mptcpd does not know, it does not look at.
 */
#ifndef MPTCPD_PLUGIN_H
#define MPTCPD_PLUGIN_H

#include <mptcpd/view.h>

/* Raised when a structure changes otherwise; a plugin built for another one is refused. */
#define MPTCPD_PLUGIN_ABI 2

/* The symbol looked up in the shared object. */
#define MPTCPD_PLUGIN_SYMBOL "mptcpd_plugin"
/* Goes before its definition: visible, whatever -fvisibility says. */
#define MPTCPD_PLUGIN_EXPORT __attribute__((visibility("default")))

/* The most paths, announcements, forbidden pairs, drops, endpoints or pairs left out (each) in one plan. */
#define MPTCPD_PLAN_MAX 64
/* The most settings of one plugin. */
#define MPTCPD_SETTINGS_MAX 64
/* The most items of a setting that is a list. */
#define MPTCPD_SETTING_ITEMS_MAX 64
/* The most bytes of memory a plugin may ask for, for each connection. */
#define MPTCPD_MEMORY_MAX 256

/* ---- settings ---- */

/*
 * How the text of a setting is read, and where its value is. What cannot be read is an error in the
 * configuration, with file, line and what was expected; the plugin is not started.
 */
enum mptcpd_setting_type {
	MPTCPD_SETTING_BOOL, /* yes, no, true, false, on, off, 1, 0 -> number 1 or 0 */
	MPTCPD_SETTING_NUMBER, /* decimal, from min to max -> number */
	/* ms, s, min, h; bare is seconds; 1000000h at most -> number, in milliseconds */
	MPTCPD_SETTING_DURATION,
	MPTCPD_SETTING_SIZE, /* K, M, G of 1024 -> number, in bytes */
	MPTCPD_SETTING_STRING, /* anything -> string */
	/*
	 * "" -> addr of family 0; else one like 10.0.0.1 or 2001:db8::1, with a port like
	 * 10.0.0.1:80 or [2001:db8::1]:80 or without (port 0) -> addr
	 */
	MPTCPD_SETTING_ADDRESS,
	/* "" -> addr of family 0; else one like 10.0.0.0/8 or fd00::/8 -> addr (port 0), prefix */
	MPTCPD_SETTING_PREFIX,
	/* "" or several like 443, 8000-8099 -> mptcpd_get_ports() */
	MPTCPD_SETTING_PORTS,
	/* "" or words, separated by commas or blanks, 255 bytes each at most -> mptcpd_get_word() */
	MPTCPD_SETTING_WORDS,
	MPTCPD_SETTING_CHOICE, /* one of `words` -> number, its place among them; string */
};

/* One key that the plugin's group in the configuration may hold. */
struct mptcpd_setting {
	/* a to z, 0 to 9 and '-', 63 bytes at most; not match-…, plugin, plugins, flags */
	const char *name;
	enum mptcpd_setting_type type;
	/* the value when the key is absent, written as in the configuration; 255 bytes at most */
	const char *fallback;
	const char *help; /* one line, 255 bytes at most: what it does and its unit */
	/* of the number, or how many items a list has; max 0: no bound, of a list MPTCPD_SETTING_ITEMS_MAX */
	uint64_t min, max;
	/* CHOICE, and WORDS unless NULL: those that are allowed, separated by blanks; 1023 bytes at most */
	const char *words;
	uint64_t reserved[3]; /* 0 */
};

/* A range of ports, both included. */
struct mptcpd_ports {
	uint16_t min, max; /* 1 or more; min is not above max */
};

/* The value of one setting; which member counts follows from its type, the others are zero. */
struct mptcpd_value {
	uint64_t number;
	const char *string; /* lives as long as the started plugin, as `items` does */
	struct mptcpd_addr addr;
	uint8_t prefix; /* bits */
	struct mptcpd_list items; /* of a list */
};

/* What a plugin is started with. */
struct mptcpd_start {
	size_t size; /* of this structure */
	struct mptcpd_list values; /* mptcpd_get_value(): one for each setting, in their order */
	/*
	 * Say in words what is wrong with the i-th setting, or with several at once (i =
	 * SIZE_MAX), as the end of a sentence: "is more than the 8 paths of 'max-paths', expected
	 * less". The user gets it with file, line, key and value. The plugin does not run then:
	 * start() returns -EINVAL. 200 bytes are shown.
	 */
	void (*fault)(const struct mptcpd_start *start, size_t i, const char *format, ...)
		__attribute__((format(printf, 3, 4)));
};

/* The value of the i-th setting, never NULL; all zero if there is none such. */
static inline const struct mptcpd_value *mptcpd_get_value(const struct mptcpd_start *start,
							  size_t i)
{
	static const struct mptcpd_value none = {0, NULL, {{0}, 0, 0, 0}, 0, {NULL, 0, 0}};
	const void *value = mptcpd_list_get(&start->values, i);

	return value ? (const struct mptcpd_value *)value : &none;
}

/* Of a setting of type PORTS the i-th range, of one of type WORDS the i-th word; NULL past the end. */
static inline const struct mptcpd_ports *mptcpd_get_ports(const struct mptcpd_value *value,
							  size_t i)
{
	return (const struct mptcpd_ports *)mptcpd_list_get(&value->items, i);
}

static inline const char *mptcpd_get_word(const struct mptcpd_value *value, size_t i)
{
	const char *const *word = (const char *const *)mptcpd_list_get(&value->items, i);

	return word ? *word : NULL;
}

/* ---- what there should be ---- */

/*
 * A wanted subflow. What is left out of the plan is closed, but never for what was not up yet: each
 * path that is planned and not established lets one that was before stay. Two paths with the same
 * link, local address and port, remote address and port, and instance are the same path; the same
 * pair with two instances is two parallel subflows.
 */
struct mptcpd_path {
	struct mptcpd_addr local; /* port 0: any free one */
	struct mptcpd_addr remote; /* with its port */
	uint32_t flags; /* 0 or MPTCPD_FLAG_BACKUP */
	/* The link it leaves by: that of `local`. 0: the one that has the address, if only one has. */
	uint32_t ifindex;
	uint8_t instance;
	uint8_t reserved[23]; /* 0 */
};

/* When mptcpd is to listen for an announcement. Never where an application does. */
enum mptcpd_listen {
	MPTCPD_LISTEN_ALWAYS, /* as long as it is announced */
	/*
	 * As long as an application listens on that port, on other addresses. Linux lets nobody bind
	 * beside a socket that listens: where the application has gone, ours is not to be in the way
	 * of the next one.
	 */
	MPTCPD_LISTEN_BESIDE,
};

/* A wanted announcement (ADD_ADDR, RFC 8684 section 3.4.1). */
struct mptcpd_announcement {
	/* What the peer is told, also the address of a NAT in front of us. Port 0: none is told. */
	struct mptcpd_addr addr;
	/*
	 * One of our addresses, on which mptcpd keeps a listening MPTCP socket as long as it is
	 * announced: where no application listens, a join there would be refused. Port 0: that of
	 * `addr`, else that of the initial subflow. Family 0: nothing listens. A kernel takes a join
	 * at another port than the connection's only if just that address and port was announced,
	 * so a NAT in front of us has to lead to the connection's own port. The operator's `listen`
	 * of the link may forbid it, or turn MPTCPD_LISTEN_BESIDE into ALWAYS.
	 */
	struct mptcpd_addr listen;
	uint32_t ifindex; /* the link on which packets come in there; 0: not known */
	uint8_t listen_when; /* enum mptcpd_listen */
	uint8_t reserved8[3]; /* 0 */
	uint32_t reserved[6]; /* 0 */
};

/* Pairs of addresses between which no subflow may be; an absent address (family 0) is any. */
struct mptcpd_forbidden {
	struct mptcpd_addr local, remote; /* ports: 0 is any */
	uint8_t local_prefix, remote_prefix; /* bits that count */
	uint8_t reserved8[2]; /* 0 */
	uint32_t ifindex; /* 0: any */
	uint32_t reserved[6]; /* 0 */
};

/* Why a pair of addresses is not planned. */
enum mptcpd_left {
	MPTCPD_LEFT_BY_CHOICE, /* a setting leaves it out */
	MPTCPD_LEFT_BY_LIMIT, /* there are as many as may be */
	MPTCPD_LEFT_FOR_LATER, /* it is planned when what it waits for has come */
};

/* A wanted endpoint of the kernel's own path manager. */
struct mptcpd_endpoint {
	struct mptcpd_addr addr; /* a port goes with MPTCPD_FLAG_SIGNAL only */
	uint32_t flags; /* MPTCPD_FLAG_* */
	uint32_t ifindex; /* 0: none */
	uint32_t reserved[6]; /* 0 */
};

/*
 * The plan being made, empty at first or holding what the plugins before this one in the stack
 * have put there. All functions return 0 or a negative errno and may be called in any order. What
 * they are handed is copied.
 *
 * Of each: -EINVAL also for an address that is not laid out as types.h says, for a path or an announcement
 * in plan_endpoints, and for an endpoint or limits in plan_paths; -EOPNOTSUPP where reserved room is not
 * zero; -ENOSPC when the plan has MPTCPD_PLAN_MAX of them. All errors but -EEXIST, and -ENOENT of an i-th that
 * there is not, are also reported to the operator under the plugin's name.
 */
struct mptcpd_plan {
	size_t size; /* of this structure */
	/*
	 * Want a path. -EEXIST: it is in the plan already. -EADDRNOTAVAIL: the local address is not
	 * one of ours, not on that link, or not usable. -ENOTUNIQ: several links have it, and the
	 * path does not say which. -EAFNOSUPPORT: the families differ, or the connection cannot have
	 * that one. -EPERM: the peer's C flag, unless it is a subflow that is there, named with its
	 * local port. -EINVAL: no remote port, a remote address that nobody can have (0.0.0.0, a
	 * multicast group), or unknown flags.
	 */
	int (*add_path)(struct mptcpd_plan *plan, const struct mptcpd_path *path);
	/*
	 * Want an address announced. -EEXIST: it is in the plan already. -EADDRNOTAVAIL: `listen` is
	 * not one of ours, or not usable. -ENOTUNIQ: several links have it, and `ifindex` does not say
	 * which. -EAFNOSUPPORT: it is of another family than `addr`, or the connection can have no subflow
	 * of that. -EINVAL: an address that nobody could connect to. -EOPNOTSUPP: an unknown `listen_when`.
	 */
	int (*add_announcement)(struct mptcpd_plan *plan, const struct mptcpd_announcement *ann);
	/*
	 * Allow no subflow between such addresses, whoever made it: none is made, and those that are
	 * there are closed. The last one that carries the connection goes only when another one of
	 * the plan is established; if none is planned, it stays, and -EBUSY is reported.
	 * -EINVAL: a prefix that is too long.
	 */
	int (*forbid)(struct mptcpd_plan *plan, const struct mptcpd_forbidden *forbidden);
	/*
	 * Close this one subflow, once, whatever its origin. -ENOENT: no such subflow. The last one
	 * that carries the connection goes only when another one of the plan is established, of the
	 * same pair if that is planned; if none is planned, it stays, and -EBUSY is reported.
	 */
	int (*drop)(struct mptcpd_plan *plan, const struct mptcpd_addr *local,
		    const struct mptcpd_addr *remote);
	/*
	 * Ask this plugin again not later than at_ms, though nothing may have changed. To one that
	 * says MPTCPD_NEED_MEASURES everything is measured before, if what there is is old.
	 */
	void (*ask_again)(struct mptcpd_plan *plan, uint64_t at_ms);
	/*
	 * The paths so far, each with its link: the i-th, NULL past the end, valid until the plan
	 * changes; and take the i-th away (-ENOENT).
	 */
	const struct mptcpd_path *(*get_path)(struct mptcpd_plan *plan, size_t i);
	int (*remove_path)(struct mptcpd_plan *plan, size_t i);
	/* Set the flags of the i-th path. -ENOENT, -EINVAL. */
	int (*set_path_flags)(struct mptcpd_plan *plan, size_t i, uint32_t flags);
	/*
	 * For plan_endpoints: want an endpoint, the more important ones first, because the kernel's
	 * table is small (8; since Linux 7.2 64). -EEXIST: the address and port are in the plan
	 * already; of two links with the same address the one stays that is an endpoint now.
	 * -EADDRNOTAVAIL: the address is not ours or not usable (one that is only announced, flag
	 * signal alone, need not be ours). -EINVAL: flags that exclude each other (signal and fullmesh; a
	 * port without signal, or with subflow), or an address that nobody can have.
	 */
	int (*add_endpoint)(struct mptcpd_plan *plan, const struct mptcpd_endpoint *endpoint);
	/*
	 * For plan_endpoints: the limits this host should have at least, 255 at most; UINT32_MAX
	 * leaves one alone. -EINVAL.
	 */
	int (*set_limits)(struct mptcpd_plan *plan, uint32_t subflows, uint32_t add_addr_accepted);
	/* The first version of this ABI ends here. */
	/*
	 * The announcements so far: the i-th, NULL past the end, valid until the plan changes; and
	 * take the i-th away (-ENOENT).
	 */
	const struct mptcpd_announcement *(*get_announcement)(struct mptcpd_plan *plan, size_t i);
	int (*remove_announcement)(struct mptcpd_plan *plan, size_t i);
	/*
	 * Tell people what decided, and when it may change: "data goes by wlan0, …". NULL unless
	 * somebody asks just now (`mptcpctl explain`): see mptcpd_explains(). That plan is thrown
	 * away, and so is what is written to connection->memory. 200 bytes of each call are shown.
	 */
	void (*explain)(struct mptcpd_plan *plan, const char *format, ...)
		__attribute__((format(printf, 2, 3)));
	/*
	 * The same of one pair of addresses that is not in the plan: by which setting, like
	 * "max-subflows = 2", or what it waits for. Of `path` local, remote and ifindex count. 95 bytes
	 * are shown. See mptcpd_leaves_out().
	 */
	void (*leave_out)(struct mptcpd_plan *plan, const struct mptcpd_path *path,
			  enum mptcpd_left why, const char *format, ...)
		__attribute__((format(printf, 4, 5)));
};

/* Is plan->leave_out() to be called? */
static inline bool mptcpd_leaves_out(const struct mptcpd_plan *plan)
{
	return MPTCPD_HAS(plan->size, struct mptcpd_plan, leave_out) && plan->leave_out;
}

/* Is plan->explain() to be called? */
static inline bool mptcpd_explains(const struct mptcpd_plan *plan)
{
	return MPTCPD_HAS(plan->size, struct mptcpd_plan, explain) && plan->explain;
}

/* What a plugin needs that costs something: who does not say so, does not get it. */
enum mptcpd_need {
	/*
	 * mptcpd_subflow.measure. One dump of all TCP sockets measures all connections whose
	 * policies ask again at that time; it takes a twentieth of the time at most, and so what is
	 * seen is up to a quarter of a second old, or twenty times as long as a dump takes.
	 */
	MPTCPD_NEED_MEASURES = 1 << 0,
	/* mptcpd_connection.owner: one request for each connection, before it is planned first. */
	MPTCPD_NEED_OWNER = 1 << 1,
};

/* What a plugin says of itself, so that mptcpd can be quick with it. */
enum mptcpd_trait {
	/*
	 * As long as none of the connection's paths has failed, what plan_paths() wants depends on the
	 * view of the host, and of the connection on its side, deny_join_id0, remote_removed, ipv4_only,
	 * its addresses, the peer's addresses and ports: not on how far its subflows have got, on its
	 * token, our port, its age, owner, bytes or memory, nor on anything the plugin remembers. A plan
	 * that asks to be asked again is left out of this promise.
	 *
	 * The first plan is then made once for all connections that begin alike, until the host changes,
	 * and the plugin is not asked when what it planned has come true.
	 */
	MPTCPD_TRAIT_ADDRESSES = 1 << 0,
};

/* All strings are in one piece of UTF-8 without control characters; they live while it is loaded. */
struct mptcpd_plugin {
	uint32_t abi; /* MPTCPD_PLUGIN_ABI */
	uint32_t size; /* sizeof(struct mptcpd_plugin) */
	const char *name; /* as its file's, without ".so" */
	const char *summary; /* one line, 200 bytes at most */
	/* Its keys, MPTCPD_SETTINGS_MAX at most; their values come in the same order. */
	const struct mptcpd_setting *settings;
	size_t n_settings;
	size_t memory_size; /* bytes of memory for each connection, MPTCPD_MEMORY_MAX at most */
	/*
	 * One call for each group that names the plugin. `data` is handed to all other calls, and
	 * belongs to the plugin until stop(). Returns 0, or a negative errno, which makes the
	 * configuration a bad one; nothing is left then that stop() would have to free. May be NULL,
	 * like every function here.
	 */
	int (*start)(const struct mptcpd_start *start, void **data);
	void (*stop)(void *data);
	/* The endpoints and limits this host should have, for connections of the kernel's path manager. */
	void (*plan_endpoints)(void *data, const struct mptcpd_view *view,
			       struct mptcpd_plan *plan);
	/*
	 * The subflows and announcements this connection should have. All connections wait meanwhile:
	 * over 10 ms are told in the log.
	 */
	void (*plan_paths)(void *data, const struct mptcpd_view *view,
			   const struct mptcpd_connection *connection, struct mptcpd_plan *plan);
	uint32_t needs; /* enum mptcpd_need bits */
	uint32_t traits; /* enum mptcpd_trait bits; the first version of this ABI ends here */
};

#endif
