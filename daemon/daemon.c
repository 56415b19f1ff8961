/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The loop: what comes in, when the engine settles, start and stop. */
#include "daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "fdstore.h"
#include "notice.h"

/* What one settle may take, so that the control socket and new events need not wait long. */
#define BUDGET_MS 5

uint64_t daemon_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- settling ---- */

static void on_timer(struct l_timeout *timer, void *data)
{
	struct daemon *daemon = data;

	daemon->settle_at_ms = UINT64_MAX;
	daemon_settle(daemon);
}

static bool on_again(struct l_io *io, void *data)
{
	uint64_t count;

	if (read(l_io_get_fd(io), &count, sizeof(count)) == sizeof(count))
		daemon_settle(data);
	return true;
}

void daemon_settle_soon(void *data)
{
	struct daemon *daemon = data;
	uint64_t one = 1;

	/* It cannot fail: the counter would have to be full. */
	if (write(l_io_get_fd(daemon->again), &one, sizeof(one)) < 0)
		l_error("eventfd: %s", strerror(errno));
}

static void set_timer(struct daemon *daemon, uint64_t at_ms, uint64_t now)
{
	uint64_t delay = at_ms - now + 1; /* the clock is cut to milliseconds: never too early */

	if (at_ms == daemon->settle_at_ms)
		return;
	daemon->settle_at_ms = at_ms;
	if (delay > 3600 * 1000)
		delay = 3600 * 1000;
	if (daemon->timer)
		l_timeout_modify_ms(daemon->timer, delay);
	else
		daemon->timer = l_timeout_create_ms(delay, on_timer, daemon, NULL);
}

/* The native protocol; ell's own writer leaves out who speaks. */
__attribute__((format(printf, 5, 0))) static void
log_to_journal(int priority, const char *file, const char *line, const char *function,
	       const char *format, va_list arguments)
{
	char message[2048];
	size_t length;

	vsnprintf(message, sizeof(message), format, arguments);
	length = strlen(message);
	if (length && message[length - 1] == '\n')
		message[length - 1] = '\0';
	sd_journal_send("MESSAGE=%s", message, "PRIORITY=%d", priority, "SYSLOG_IDENTIFIER=mptcpd",
			NULL);
}

static void tell_ready(struct daemon *daemon)
{
	if (daemon->ready || !daemon->host_seen || !daemon->connections_seen)
		return;
	daemon->ready = true;
	if (daemon->journal)
		l_log_set_handler(log_to_journal);
	sd_notifyf(0, "READY=1\nSTATUS=Path manager: %s",
		   config_path_manager_name(&daemon->config->rules));
}

static void look_at_rp_filter(struct daemon *daemon)
{
	if (!daemon->host_changed)
		return;
	daemon->host_changed = false;
	/* The kernel does not tell of it as it does of links. */
	if (rpfilter_update(daemon->rpfilter, engine_model(daemon->engine)))
		kernel_ops.snapshot(daemon->kernel, SNAPSHOT_HOST);
}

void daemon_settle(struct daemon *daemon)
{
	uint64_t now = daemon_now_ms();
	uint64_t next;

	kernel_start_budget(daemon->kernel, BUDGET_MS);
	next = engine_settle(daemon->engine, now);
	bus_flush(daemon->bus);
	look_at_rp_filter(daemon);
	tell_ready(daemon);
	if (next <= now) {
		daemon_settle_soon(daemon);
		return;
	}
	set_timer(daemon, next, now);
	if (daemon->ready && !daemon->all_settled) {
		daemon->all_settled = true;
		fdstore_settle(daemon->kernel);
	}
}

/* ---- what comes in ---- */

static void on_event(void *data, const struct event *event)
{
	struct daemon *daemon = data;

	engine_event(daemon->engine, event, daemon->now_ms);
}

static bool on_readable(struct l_io *io, void *data)
{
	struct daemon *daemon = data;
	struct epoll_event ready[KERNEL_FDS];
	int n = epoll_wait(l_io_get_fd(io), ready, KERNEL_FDS, 0), r = 0;

	daemon->now_ms = daemon_now_ms(); /* once for all: there may be hundreds of events */
	for (int i = 0; i < n && r >= 0; i++)
		r = kernel_dispatch(daemon->kernel, ready[i].data.fd);
	if (r < 0) {
		l_error("netlink: %s; giving up, so that whoever started mptcpd can start it anew",
			strerror(-r));
		daemon->status = EXIT_FAILURE;
		l_main_quit();
		return false;
	}
	daemon_settle(daemon);
	return true;
}

static void on_change(void *data, const struct change *change)
{
	struct daemon *daemon = data;

	daemon->host_seen |= change->type == CHANGE_RESYNCED && change->snapshot == SNAPSHOT_HOST;
	daemon->connections_seen |=
		change->type == CHANGE_RESYNCED && change->snapshot == SNAPSHOT_CONNECTIONS;
	daemon->host_changed |= change->host;
	if (daemon->verbose)
		notice_log_change(change);
	if (daemon->bus)
		bus_on_change(daemon->bus, change);
}

static void on_notice(void *data, const struct notice *notice)
{
	notice_log(notice, daemon_now_ms());
}

/* ---- start and stop ---- */

void daemon_log_lines(const char *text, bool is_error)
{
	while (text && *text) {
		int length = (int)strcspn(text, "\n");

		if (is_error)
			l_error("%.*s", length, text);
		else
			l_warn("%.*s", length, text);
		text += length + (text[length] == '\n');
	}
}

static int fail(const char *what, const char *why)
{
	l_error("%s: %s", what, why);
	return EXIT_FAILURE;
}

/* Returns an exit status; EXIT_SUCCESS goes on. */
static int load_config(struct daemon *daemon)
{
	char *faults = NULL;

	if (config_load(&daemon->config_setup, &daemon->config, &faults) < 0) {
		daemon_log_lines(faults, true);
		l_free(faults);
		return EXIT_CONFIG;
	}
	daemon_log_lines(daemon->config->warnings, false);
	return EXIT_SUCCESS;
}

static int claim(struct daemon *daemon)
{
	pid_t other = 0;
	int r = bus_claim(daemon->runtime_directory, &other);

	if (r == -EBUSY && other)
		l_error("%s: another mptcpd serves it, process %d", daemon->runtime_directory,
			(int)other);
	else if (r < 0)
		l_error("%s: %s", daemon->runtime_directory, strerror(-r));
	if (r < 0)
		return EXIT_FAILURE;
	daemon->claim = r;
	daemon->claimed = true;
	return EXIT_SUCCESS;
}

/* ell stops watching what reports an error, as ENOBUFS is: an epoll instance never does. */
static int watch_kernel(struct daemon *daemon)
{
	int fds[KERNEL_FDS], epoll = epoll_create1(EPOLL_CLOEXEC), r = 0;
	size_t n = kernel_fds(daemon->kernel, fds);

	if (epoll < 0)
		return -errno;
	for (size_t i = 0; i < n && r == 0; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.fd = fds[i]};

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event) < 0)
			r = -errno;
	}
	daemon->netlink = l_io_new(epoll);
	l_io_set_close_on_destroy(daemon->netlink, true);
	l_io_set_read_handler(daemon->netlink, on_readable, daemon, NULL);
	return r;
}

static int start(struct daemon *daemon)
{
	struct engine_setup setup = {
		.rules = &daemon->config->rules,
		.ops = &kernel_ops,
		.observer = {.on_change = on_change,
			     .on_notice = on_notice,
			     .on_host = daemon_on_host,
			     .on_settled = daemon_on_settled,
			     .on_forget = daemon_on_forget,
			     .data = daemon},
	};
	int r;
	char why[256];

	daemon_open_state(daemon);
	if (kernel_new(on_event, daemon, &daemon->kernel, why) < 0)
		return fail("mptcpd cannot work here", why);
	r = daemon_apply_path_manager(daemon, &daemon->config->rules);
	if (r < 0)
		return fail("net.mptcp.path_manager", strerror(-r));
	daemon->rpfilter = rpfilter_new(daemon->runtime_directory);
	l_getrandom(&setup.seed, sizeof(setup.seed));
	setup.kernel = daemon->kernel;
	daemon->engine = engine_new(&setup);
	daemon->now_ms = daemon_now_ms();
	daemon_load_state(daemon, on_event);
	r = daemon_open_door(daemon);
	if (r < 0)
		return fail("control socket", strerror(-r));
	r = watch_kernel(daemon);
	if (r < 0)
		return fail("epoll", strerror(-r));
	daemon->again = l_io_new(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	l_io_set_close_on_destroy(daemon->again, true);
	l_io_set_read_handler(daemon->again, on_again, daemon, NULL);
	daemon_settle(daemon);
	return EXIT_SUCCESS;
}

static void stop(struct daemon *daemon)
{
	sd_notify(0, "STOPPING=1");
	l_io_destroy(daemon->netlink);
	l_io_destroy(daemon->again);
	l_timeout_remove(daemon->timer);
	l_timeout_remove(daemon->watchdog);
	l_io_destroy(daemon->hangup);
	bus_free(daemon->bus);
	daemon->bus = NULL;
	if (daemon->kernel)
		fdstore_stop(daemon->kernel);
	if (daemon->engine) {
		daemon->now_ms = daemon_now_ms();
		kernel_refresh_endpoints(daemon->kernel); /* what others changed stays */
		engine_leave(daemon->engine, daemon_now_ms());
	}
	engine_free(daemon->engine);
	rpfilter_free(daemon->rpfilter);
	daemon_restore_path_manager(daemon);
	state_close(daemon->state);
	kernel_free(daemon->kernel);
	config_free(daemon->config);
	if (daemon->claimed)
		close(daemon->claim);
}

static void on_watchdog(struct l_timeout *watchdog, void *data)
{
	struct daemon *daemon = data;
	uint64_t usec = 0;

	sd_notify(0, "WATCHDOG=1");
	if (sd_watchdog_enabled(0, &usec) > 0)
		l_timeout_modify_ms(daemon->watchdog, usec / 2000);
}

static void on_signal(uint32_t number, void *data)
{
	l_main_quit();
}

/* Those that come before the loop runs wait for it: what was set must be put back. */
static void hold_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int daemon_run(struct daemon *daemon)
{
	uint64_t usec = 0;
	int status;

	hold_signals();
	status = load_config(daemon);
	if (status == EXIT_SUCCESS)
		status = claim(daemon);
	if (status == EXIT_SUCCESS && !l_main_init())
		status = fail("main loop", "cannot start");
	if (status == EXIT_SUCCESS)
		status = start(daemon);
	if (status == EXIT_SUCCESS) {
		if (sd_watchdog_enabled(0, &usec) > 0)
			daemon->watchdog =
				l_timeout_create_ms(usec / 2000, on_watchdog, daemon, NULL);
		daemon_catch_hangup(daemon);
		l_main_run_with_signal(on_signal, daemon);
		status = daemon->status;
	}
	stop(daemon);
	return status;
}
