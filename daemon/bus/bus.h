/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control plane: serves the interface org.mptcpd1.Manager (man mptcpd-dbus) on the private
 * socket `control` of the runtime directory and, if wanted, on the system bus.
 *
 * An observer of the engine and a door to it: it reads the model, remembers changes for those who
 * monitor, and passes on what an administrator asks for. It decides nothing.
 */
#ifndef DAEMON_BUS_H
#define DAEMON_BUS_H

#include <sys/types.h>

#include "engine.h"

struct bus;
struct loop;

/* Descriptors that are kept for clients that may change something. A client takes four. */
#define BUS_DESCRIPTORS 64

/* Called for each setting of a policy; the strings need to live during the call only. */
typedef void (*bus_setting_func)(void *each_data, const char *key, const char *value);
/* Called for each line of the configuration. `group` is its title: "core", "policy:default". */
typedef void (*bus_config_func)(void *each_data, const char *group, const char *key,
				const char *value, const char *file, unsigned int line);

/* Called once when it is done, now or later: 0 or -errno, and a text of lines. */
typedef void (*bus_done_func)(void *done_data, int r, const char *text);
/* Called for each plugin that is set aside; token 0: for all connections. */
typedef void (*bus_aside_func)(void *each_data, const char *plugin, uint32_t token,
			       uint64_t since_ms);

/* A socket that listens. */
struct bus_listener {
	struct mptcpd_addr local;
	uint32_t inode; /* as in "socket:[INODE]" of /proc/PID/fd */
	bool is_mptcp;
};
/* Called for each of them, by inode. */
typedef void (*bus_listener_func)(void *each_data, const struct bus_listener *listener);

/* How MPTCP stands in the kernel; times are of CLOCK_BOOTTIME. */
struct bus_mptcp {
	bool enabled;
	bool has_since, has_until;
	uint64_t since_ms, until_ms; /* it makes plain TCP connections because of a black hole */
};

/* Called for each thing that is not as it should be: a word, what it means, and what helps. */
typedef void (*bus_warning_func)(void *each_data, const char *reason, const char *text,
				 const char *remedy);

/* Called for each of the kernel's counters of MPTCP. */
typedef void (*bus_counter_func)(void *each_data, const char *name, uint64_t value);

/* Called for each link, with the bytes that it has carried. */
typedef void (*bus_link_func)(void *each_data, const char *name, uint64_t received, uint64_t sent);

/*
 * One client, for whom the bus speaks for the kernel alone: what only a path manager knows is
 * unknown, and failures are told in the kernel's words.
 */
struct bus_private {
	int fd; /* a connected stream socket, nonblocking; bus_new() takes it over */
	bool may_change; /* false: the kernel would refuse whatever it is asked */
	/* Why the connections are not known; NULL: they are. */
	const char *(*untold)(void *data);
	/* The client has hung up: 0, or could not be served: -errno. */
	void (*left)(void *data, int error);
};

/* Pointers must stay valid as long as the bus, unless said otherwise. Callbacks may be NULL. */
struct bus_setup {
	struct engine *engine;
	struct loop *loop;
	const struct bus_private *private; /* NULL, or the only client: there is no socket then */
	const char *runtime_directory; /* claimed by claim_directory() */
	const char *version;
	uint64_t start_ms; /* when the daemon started, CLOCK_BOOTTIME */
	bool system_bus; /* take the name org.mptcpd1 as soon as there is a system bus */

	void *data; /* handed to the callbacks */
	/* Tell the engine what happened until now. NULL: it is told before the bus is served. */
	void (*catch_up)(void *data);
	/* The engine was given something to do: call engine_settle() soon. */
	void (*settle)(void *data);
	/* Read the configuration again. Done: 0, or -errno with all faults. */
	void (*reload)(void *data, bus_done_func on_done, void *done_data);
	/* Check the configuration without taking it: 0 with the warnings, or -errno with the faults. */
	void (*check_config)(void *data, bus_done_func on_done, void *done_data);
	/* Tell which plugins are set aside, since when by CLOCK_BOOTTIME. */
	void (*set_aside)(void *data, bus_aside_func each, void *each_data);
	/* Tell the configuration in use, as its files were layered. */
	void (*config)(void *data, bus_config_func each, void *each_data);
	/* How the kernel's MPTCP stands now. */
	void (*mptcp)(void *data, struct bus_mptcp *ret_mptcp);
	/* Tell what is not as it should be. After mptcp(). */
	void (*warnings)(void *data, bus_warning_func each, void *each_data);
	/* Tell all sockets of the namespace that listen. 0 or -errno. */
	int (*listeners)(void *data, bus_listener_func each, void *each_data);
	/* Tell what links have carried. */
	void (*links)(void *data, bus_link_func each, void *each_data);
	/* The scheduler that new connections get. False: this kernel does not say. */
	bool (*scheduler)(void *data, char *ret_name, size_t size);
	/* Tell what the kernel has counted. */
	void (*counters)(void *data, bus_counter_func each, void *each_data);
	/* Ask the kernel for its endpoints and limits now. */
	void (*refresh)(void *data);
	/* Netlink messages that were not what they should be, so far. */
	uint64_t (*malformed)(void *data);
	/* The kernel's own words on the last failed command, or "". */
	const char *(*error_text)(void *data);
	/* Tell the settings of a policy as the configuration has them, */
	void (*settings)(void *data, const struct policy *policy, bus_setting_func each,
			 void *each_data);
	/* and what it matches: the keys without their "match-". */
	void (*matches)(void *data, const struct policy *policy, bus_setting_func each,
			void *each_data);
	/* The i-th file the configuration was read from, NULL past the last. */
	const char *(*config_file)(void *data, size_t i);
};

/*
 * Serve. Replaces the socket that an earlier mptcpd left behind. Returns 0 or -errno. That there is
 * no system bus is no error: it is tried again from time to time.
 */
int bus_new(const struct bus_setup *setup, struct bus **ret_bus);
/* Say goodbye to all clients and remove the socket. NULL is fine. */
void bus_free(struct bus *bus);

/* For struct engine_observer: only remembers the change, and that only if somebody monitors. */
void bus_on_change(struct bus *bus, const struct change *change);
/* Those who monitor are told from the loop, in a moment. After engine_settle(). */
void bus_flush(struct bus *bus);
/* The rules are about to go: keeps what it remembers of them. */
void bus_keep_names(struct bus *bus);

#endif
