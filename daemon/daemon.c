/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon on top: start, stop, signals, and what is looked at after each settle. */
#include "daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "fdstore.h"
#include "log.h"
#include "notice.h"

/* Those that mptcpd opens itself: sockets, also of probes, files, plugins, a few for a moment. */
#define OWN_DESCRIPTORS 64

/* So long at most the first endpoints are waited for. */
#define ENDPOINTS_MS 1000
/*
 * For a connection that begins, or a link that goes. On a busy host whoever sleeps with no better value
 * waits until the others had their time: 40 us more until a join at the median, and in a rush as long as
 * it lasts.
 */
#define NICE (-10)

/* ---- after each settle ---- */

/* What starts after mptcpd connects at once, and an endpoint that is made meanwhile may be missed. */
static bool is_ready(struct daemon *daemon)
{
	if (!engine_knows(daemon->engine, SNAPSHOT_HOST) ||
	    !engine_knows(daemon->engine, SNAPSHOT_CONNECTIONS))
		return false;
	if (!daemon->informed_ms)
		daemon->informed_ms = loop_now_ms();
	return engine_has_endpoints(daemon->engine) ||
	       loop_now_ms() - daemon->informed_ms >= ENDPOINTS_MS;
}

static void tell_ready(struct daemon *daemon)
{
	if (daemon->ready || !is_ready(daemon))
		return;
	daemon->ready = true;
	if (daemon->journal)
		log_to(LOG_PLACE_JOURNAL);
	daemon_tell_systemd(daemon, "READY=1\n");
}

static void look_at_host(struct daemon *daemon)
{
	if (!daemon->host_changed)
		return;
	daemon->host_changed = false;
	probing_update(daemon->probing, engine_model(daemon->engine));
	/* The kernel tells of links by events, of rp_filter it does not. */
	if (rpfilter_update(daemon->rpfilter, engine_model(daemon->engine)))
		kernel_ops.snapshot(daemon->kernel, SNAPSHOT_HOST);
}

/* Who only listens has time. */
static void look_for_favour(struct daemon *daemon)
{
	bool makes_paths = engine_model(daemon->engine)->path_manager == PATH_MANAGER_USERSPACE;

	if (makes_paths != daemon->makes_paths)
		loop_favour(&daemon->loop, makes_paths ? NICE : 0);
	daemon->makes_paths = makes_paths;
}

static void after_settle(struct daemon *daemon, bool all)
{
	look_for_favour(daemon);
	look_at_host(daemon);
	if (daemon->swept)
		daemon_look_at_mptcp(daemon);
	tell_ready(daemon);
	if (all && daemon->ready && !daemon->all_settled) {
		daemon->all_settled = true;
		guard_end_doubts(daemon->guard);
		daemon_tell_strays(daemon);
		fdstore_settle(daemon->kernel);
	}
}

/* ---- what comes in beside the kernel's events ---- */

static void on_probe(void *data, const struct event *event)
{
	struct daemon *daemon = data;

	daemon->now_ms = loop_now_ms();
	daemon_on_event(daemon, event);
	daemon_settle_soon(daemon);
}

static void on_notice(void *data, const struct notice *notice)
{
	struct daemon *daemon = data;

	notice_log(notice, engine_model(daemon->engine), loop_now_ms());
}

/* Signals that come before the loop runs wait for it: what was set must be put back. */
static void hold_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static void on_signal(void *data, int fd, uint32_t events)
{
	struct daemon *daemon = data;
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		daemon_hang_up(daemon);
	else
		loop_quit(&daemon->loop);
}

static int watch_signals(struct daemon *daemon)
{
	sigset_t set;
	int fd;

	hold_signals(&set);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	daemon->signals = (struct loop_source){.on_ready = on_signal, .data = daemon, .fd = fd};
	return loop_watch(&daemon->loop, &daemon->signals, LOOP_FIRST, EPOLLIN);
}

/* ---- start and stop ---- */

static int fail(const char *what, const char *why)
{
	l_error("%s: %s", what, why);
	return EXIT_FAILURE;
}

/* Descriptors are counted before anything is touched: without them nothing could be put back. */
static int check_descriptors(struct daemon *daemon)
{
	const int needed = OWN_DESCRIPTORS + BUS_DESCRIPTORS;
	int next = dup(daemon->loop.fd);
	struct rlimit limit;

	if (next >= 0)
		close(next);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    (next >= 0 && limit.rlim_cur >= (rlim_t)(next + needed)))
		return EXIT_SUCCESS;
	l_error("at most %llu descriptors may be open, which is too few: mptcpd needs %d beside "
		"those it was started with; raise the limit (ulimit -n, LimitNOFILE=)",
		(unsigned long long)limit.rlim_cur, needed);
	return EXIT_FAILURE;
}

static int start(struct daemon *daemon)
{
	struct engine_setup setup = {
		.observer = {.on_notice = on_notice,
			     .on_host = daemon_on_host,
			     .on_settled = daemon_on_settled,
			     .on_forget = daemon_on_forget},
	};
	struct kernel_reader reader;
	int r;
	char why[256];

	daemon->after_settle = after_settle;
	reader = daemon_reader(daemon);
	if (kernel_new(&reader, &daemon->kernel, why) < 0)
		return fail("mptcpd cannot work here", why);
	r = daemon_apply_path_manager(daemon, &daemon->config->rules);
	if (r < 0)
		return fail("net.mptcp.path_manager", strerror(-r));
	r = daemon_apply_deny_join(daemon, daemon->config->rules.deny_join_initial);
	if (r < 0)
		return fail("net.mptcp.allow_join_initial_addr_port", strerror(-r));
	daemon->rpfilter = rpfilter_new(daemon->runtime_directory);
	daemon->probing = probing_new(&daemon->loop, on_probe, daemon);
	r = daemon_begin_work(daemon, &setup);
	if (r == 0)
		r = watch_signals(daemon);
	if (r < 0)
		return fail("epoll", strerror(-r));
	daemon_load_state(daemon);
	r = daemon_open_door(daemon);
	if (r < 0)
		return fail("control socket", strerror(-r));
	daemon_settle(daemon);
	return EXIT_SUCCESS;
}

static void stop(struct daemon *daemon)
{
	sd_notify(0, "STOPPING=1");
	checker_free(daemon->checker);
	bus_free(daemon->bus);
	daemon->bus = NULL;
	if (daemon->kernel)
		fdstore_stop(daemon->kernel);
	if (daemon->engine) {
		daemon->now_ms = loop_now_ms();
		kernel_refresh_endpoints(daemon->kernel); /* what others changed stays */
		engine_leave(daemon->engine, loop_now_ms());
	}
	engine_free(daemon->engine);
	rpfilter_free(daemon->rpfilter);
	probing_free(daemon->probing);
	daemon_restore_path_manager(daemon);
	daemon_restore_deny_join(daemon);
	config_free(daemon->config);
	daemon_close_guard(daemon);
	state_close(daemon->state);
	daemon_end_work(daemon);
	if (daemon->signals.fd >= 0)
		close(daemon->signals.fd);
	if (daemon->claimed)
		close(daemon->claim);
}

static void on_watchdog(void *data)
{
	struct daemon *daemon = data;
	uint64_t usec = 0;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return;
	sd_notify(0, "WATCHDOG=1");
	loop_set_timer(&daemon->loop, &daemon->watchdog, loop_now_ms() + usec / 2000);
}

int daemon_run(struct daemon *daemon)
{
	int status, r = loop_init(&daemon->loop);
	sigset_t set;

	if (r < 0)
		return fail("epoll", strerror(-r));
	daemon->signals.fd = -1;
	hold_signals(&set);
	status = check_descriptors(daemon);
	if (status == EXIT_SUCCESS)
		status = daemon_claim(daemon);
	if (status == EXIT_SUCCESS) {
		daemon_open_state(daemon);
		daemon_open_guard(daemon);
		status = daemon_load_config(daemon);
	}
	if (status == EXIT_SUCCESS)
		status = start(daemon);
	if (status == EXIT_SUCCESS) {
		daemon->watchdog = (struct loop_timer){.on_due = on_watchdog, .data = daemon};
		on_watchdog(daemon);
		r = loop_run(&daemon->loop);
		status = r < 0 ? fail("epoll", strerror(-r)) : daemon->status;
	}
	stop(daemon);
	return status;
}
