/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon as a whole: kernel, engine, configuration, bus and state, wired together on one loop.
 * For main.c and the files of the same noun; it decides nothing about paths.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <ell/ell.h>

#include "blackhole.h"
#include "bus.h"
#include "checker.h"
#include "config.h"
#include "engine.h"
#include "kernel.h"
#include "loop.h"
#include "probing.h"
#include "rpfilter.h"
#include "rush.h"
#include "state.h"

#define EXIT_USAGE 2
#define EXIT_CONFIG 78

struct daemon {
	struct config_setup config_setup;
	const char *runtime_directory;
	struct config *config;
	struct kernel *kernel;
	struct engine *engine;
	struct state *state; /* NULL: nothing survives a restart */
	struct guard *guard; /* in the state, or own_guard */
	struct guard own_guard;
	enum guard_verdict verdict; /* on what the last life left, and: */
	struct guard_aside judged;
	struct checker *checker;
	struct bus *bus;
	struct rpfilter *rpfilter;
	struct probing *probing;
	struct private_daemon *private; /* NULL: it is nobody's private daemon */
	struct loop loop;
	struct loop_source netlink[KERNEL_FDS]; /* the first one tells of connections */
	struct loop_source signals; /* a signalfd, owned */
	struct loop_timer timer, watchdog;
	struct rush rush;
	struct loop_timer rested; /* in a rush: events are read again */
	struct loop_task again; /* work is left, after all else had its turn */
	/* Called after each settle, with `all` if nothing is left to be done now. */
	void (*after_settle)(struct daemon *daemon, bool all);
	uint64_t now_ms; /* as of what is being read now, or was settled last */
	enum path_manager path_manager_before; /* UNKNOWN: not changed */
	enum path_manager path_manager_set; /* by us; UNKNOWN: never */
	enum deny_join deny_join_before; /* KEEP: not changed */
	struct blackhole blackhole;
	uint64_t mismatches; /* joins to a wrong port, as counted before, */
	bool counts_mismatches, told_mismatches; /* if they were counted; said in the log */
	bool mptcp_off; /* when we looked last */
	bool host_changed; /* since the last look at rp_filter and probes */
	bool swept; /* a snapshot of connections ended since the last look at MPTCP */
	bool makes_paths; /* and so it is favoured */
	bool journal; /* stderr is the journal's */
	uint64_t informed_ms; /* since when host and connections are known; 0: they are not */
	bool verbose, claimed, ready, all_settled;
	int claim, status;
};

/* ---- daemon.c: start and stop ---- */

/* Run until a signal ends it. Returns the exit status. */
int daemon_run(struct daemon *daemon);

/* ---- private.c: a daemon for one client ---- */

/*
 * Answer the client at the other end of stdin, which is a socket, until it hangs up: for the kernel
 * alone, without a configuration, changing nothing but what the client asks for. With `monitors`
 * the kernel's events are listened to. Says on stderr why it cannot begin. Returns the exit status.
 */
int private_run(struct daemon *daemon, bool monitors);

/* ---- work.c: the kernel's events and the engine ---- */

/*
 * Make the engine, with the observer that the caller has filled in but for on_change, and watch the
 * kernel, which is open. 0 or -errno.
 */
int daemon_begin_work(struct daemon *daemon, struct engine_setup *setup);
/* Close the kernel and the loop. After engine_free(). */
void daemon_end_work(struct daemon *daemon);
/* Take one fact in. `data` is the struct daemon. */
void daemon_on_event(void *data, const struct event *event);
/* Who the kernel room is to tell what happens, for who also acts. */
struct kernel_reader daemon_reader(struct daemon *daemon);
/* Let the engine do what is due, and tell those who monitor. */
void daemon_settle(struct daemon *daemon);
/* The same, after all else that is ready had its turn. `data` is the struct daemon. */
void daemon_settle_soon(void *data);
/* For struct bus_setup: read the events that wait. `data` is the struct daemon. */
void daemon_catch_up(void *data);
/* For struct bus_setup: ask for endpoints and limits, which others change without an event. */
void daemon_refresh(void *data);
/* For struct bus_setup. */
const char *daemon_error_text(void *data);

/* ---- control.c: what clients and signals ask for ---- */

/* Serve the control socket. 0 or -errno. */
int daemon_open_door(struct daemon *daemon);
/* SIGHUP: read the configuration again. */
void daemon_hang_up(struct daemon *daemon);

/* ---- guarding.c: plugins that crash ---- */

/* Judge what the last life left, and note what ends this one. After daemon_open_state(). */
void daemon_open_guard(struct daemon *daemon);
/* Before the state is closed. */
void daemon_close_guard(struct daemon *daemon);
/* Take the configuration, without what is set aside. Returns an exit status; EXIT_SUCCESS goes on. */
int daemon_load_config(struct daemon *daemon);
/* For struct bus_setup. */
void daemon_tell_asides(void *data, bus_aside_func each, void *each_data);

/* ---- mptcp.c: how the kernel's MPTCP stands ---- */

/* Tell systemd how things stand, after lines of its protocol that say more. */
void daemon_tell_systemd(const struct daemon *daemon, const char *lines);
/* Look whether MPTCP is on, and for black holes, and log what is new. */
void daemon_look_at_mptcp(struct daemon *daemon);
/* Log what leaves by another link than that of its address, for want of rules. At the start. */
void daemon_tell_strays(struct daemon *daemon);
/* For struct bus_setup. */
void daemon_tell_mptcp(void *data, struct bus_mptcp *ret_mptcp);
void daemon_tell_counters(void *data, bus_counter_func each, void *each_data);
void daemon_tell_links(void *data, bus_link_func each, void *each_data);
bool daemon_tell_scheduler(void *data, char *ret_name, size_t size);
void daemon_tell_warnings(void *data, bus_warning_func each, void *each_data);

/* ---- listeners.c ---- */

/* For struct bus_setup. */
int daemon_tell_listeners(void *data, bus_listener_func each, void *each_data);

/* ---- keep.c: what is put back, and what survives a restart ---- */

/* Make sure that no other mptcpd serves the runtime directory. Returns an exit status. */
int daemon_claim(struct daemon *daemon);
/* Open the state; without it the work goes on, only a restart is not seamless. */
void daemon_open_state(struct daemon *daemon);
/* Feed the engine what an earlier life saved. */
void daemon_load_state(struct daemon *daemon);
/* For struct engine_observer. */
void daemon_on_host(void *data, const struct engine_host *host);
void daemon_on_settled(void *data, struct connection *connection);
void daemon_on_forget(void *data, struct connection *connection);
/* Make the sysctl what the configuration says, remembering what it was at first. 0 or -errno. */
int daemon_apply_path_manager(struct daemon *daemon, const struct rules *rules);
void daemon_restore_path_manager(struct daemon *daemon);
/*
 * Of a daemon that is not running: put back what one that died had changed for new connections,
 * which are nobody's meanwhile, and of links. The next start sets it again. Returns an exit status.
 */
int daemon_put_back(struct daemon *daemon);
/* The same of net.mptcp.allow_join_initial_addr_port, which goes back as soon as it is to be kept. */
int daemon_apply_deny_join(struct daemon *daemon, enum deny_join wanted);
void daemon_restore_deny_join(struct daemon *daemon);

#endif
