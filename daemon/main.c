/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon: reads its arguments, wires kernel, engine, configuration and bus together, and runs
 * the loop. It decides nothing about paths.
 */
#include <ell/ell.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"
#include "config.h"
#include "engine.h"
#include "fdstore.h"
#include "kernel.h"
#include "notice.h"
#include "rpfilter.h"
#include "state.h"
#include "sysctl.h"

#define EXIT_USAGE 2
#define EXIT_CONFIG 78

/* What one settle may take, so that the control socket and new events need not wait long. */
#define BUDGET_MS 10
/* Listings are not worth asking the kernel for its endpoints more often. */
#define REFRESH_MS 100

struct daemon {
	struct config_setup config_setup;
	const char *runtime_directory;
	struct config *config;
	struct kernel *kernel;
	struct engine *engine;
	struct state *state; /* NULL: nothing survives a restart */
	struct bus *bus;
	struct rpfilter *rpfilter;
	struct l_io *netlink; /* an epoll instance: readable when any of the kernel's is */
	struct l_timeout *timer, *watchdog;
	struct l_io *hangup; /* a signalfd */
	struct l_io
		*again; /* an eventfd: readable when work is left, after all else had its turn */
	uint64_t settle_at_ms; /* what the timer is set to */
	uint64_t refreshed_ms; /* when the kernel was asked for its endpoints for a listing */
	enum path_manager path_manager_before; /* UNKNOWN: not changed */
	bool host_changed; /* since the last look at rp_filter */
	bool verbose, claimed, ready, host_seen, connections_seen, all_settled;
	int claim, status;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- settling ---- */

static void settle(struct daemon *daemon);

static void on_timer(struct l_timeout *timer, void *data)
{
	struct daemon *daemon = data;

	daemon->settle_at_ms = UINT64_MAX;
	settle(daemon);
}

static bool on_again(struct l_io *io, void *data)
{
	uint64_t count;

	if (read(l_io_get_fd(io), &count, sizeof(count)) == sizeof(count))
		settle(data);
	return true;
}

static void settle_soon(void *data)
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

static void tell_ready(struct daemon *daemon)
{
	if (daemon->ready || !daemon->host_seen || !daemon->connections_seen)
		return;
	daemon->ready = true;
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

static void settle(struct daemon *daemon)
{
	uint64_t now = now_ms();
	uint64_t next;

	kernel_start_budget(daemon->kernel, BUDGET_MS);
	next = engine_settle(daemon->engine, now);
	bus_flush(daemon->bus);
	look_at_rp_filter(daemon);
	tell_ready(daemon);
	if (next <= now) {
		settle_soon(daemon);
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

	engine_event(daemon->engine, event, now_ms());
}

static bool on_readable(struct l_io *io, void *data)
{
	struct daemon *daemon = data;
	struct epoll_event ready[KERNEL_FDS];
	int n = epoll_wait(l_io_get_fd(io), ready, KERNEL_FDS, 0), r = 0;

	for (int i = 0; i < n && r >= 0; i++)
		r = kernel_dispatch(daemon->kernel, ready[i].data.fd);
	if (r < 0) {
		l_error("netlink: %s; giving up, so that whoever started mptcpd can start it anew",
			strerror(-r));
		daemon->status = EXIT_FAILURE;
		l_main_quit();
		return false;
	}
	settle(daemon);
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
	notice_log(notice, now_ms());
}

/* ---- what survives a restart ---- */

static void on_host(void *data, const struct engine_host *host)
{
	struct daemon *daemon = data;

	if (daemon->state)
		state_set_host(daemon->state, host);
}

static void on_settled(void *data, struct connection *connection)
{
	struct daemon *daemon = data;

	if (daemon->state)
		state_save(daemon->state, connection);
}

static void on_forget(void *data, struct connection *connection)
{
	struct daemon *daemon = data;

	if (daemon->state)
		state_forget(daemon->state, connection);
}

/* Without it the work goes on; only a restart is not seamless. */
static void open_state(struct daemon *daemon)
{
	struct state_identity identity;
	int r = state_identify(&identity);

	if (r == 0)
		r = state_open(daemon->runtime_directory, &identity, &daemon->state);
	if (r < 0)
		l_warn("%s/state: %s; what the kernel cannot tell will be lost at a restart",
		       daemon->runtime_directory, strerror(-r));
	else
		daemon->path_manager_before = state_path_manager(daemon->state);
}

static void load_state(struct daemon *daemon)
{
	struct engine_host host;

	fdstore_start(daemon->kernel);
	if (!daemon->state)
		return;
	host = state_host(daemon->state);
	engine_set_host(daemon->engine, &host);
	state_load(daemon->state, on_event, daemon);
}

/* ---- configuration ---- */

static void log_lines(const char *text, bool is_error)
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

static void remember_path_manager(struct daemon *daemon, enum path_manager before)
{
	daemon->path_manager_before = before;
	if (daemon->state)
		state_set_path_manager(daemon->state, before);
}

/* Make the sysctl what the configuration says, remembering what it was at first. */
static int apply_path_manager(struct daemon *daemon, const struct rules *rules)
{
	enum path_manager before = daemon->path_manager_before, now = sysctl_path_manager();
	int r;

	if (!rules->manage_path_manager || now == rules->path_manager)
		return 0;
	if (before == PATH_MANAGER_UNKNOWN)
		remember_path_manager(daemon, now);
	r = sysctl_set_path_manager(rules->path_manager);
	if (r < 0)
		remember_path_manager(daemon, before);
	return r;
}

static void restore_path_manager(struct daemon *daemon)
{
	int r;

	if (daemon->path_manager_before == PATH_MANAGER_UNKNOWN)
		return;
	r = sysctl_set_path_manager(daemon->path_manager_before);
	if (r < 0)
		l_error("net.mptcp.path_manager cannot be put back as it was: %s", strerror(-r));
	remember_path_manager(daemon, PATH_MANAGER_UNKNOWN);
}

/* Take a new configuration, or keep the old one and say why. */
static int reload(void *data, char *text, size_t size)
{
	struct daemon *daemon = data;
	struct config *config, *old = daemon->config;
	char *faults = NULL;
	int r = config_load(&daemon->config_setup, &config, &faults);

	if (r < 0) {
		snprintf(text, size, "%s", faults ? faults : strerror(-r));
		log_lines(faults, true);
		l_error("the new configuration is bad: the old one stays");
		l_free(faults);
		return r;
	}
	r = apply_path_manager(daemon, &config->rules);
	if (r < 0) {
		snprintf(text, size, "net.mptcp.path_manager: %s", strerror(-r));
		config_free(config);
		return r;
	}
	log_lines(config->warnings, false);
	engine_set_rules(daemon->engine, &config->rules, now_ms());
	daemon->config = config;
	daemon->host_changed = true;
	config_free(old);
	settle(daemon);
	return 0;
}

static int check_own_config(void *data, char *text, size_t size)
{
	struct daemon *daemon = data;
	char *found = NULL;
	int r = config_check(&daemon->config_setup, &found);

	snprintf(text, size, "%s", found ? found : "");
	l_free(found);
	return r;
}

static void tell_config(void *data, bus_config_func each, void *each_data)
{
	struct daemon *daemon = data;
	const struct ini *ini = &daemon->config->ini;

	for (size_t i = 0; i < ini->n_groups; i++) {
		const struct ini_group *group = &ini->groups[i];
		char title[INI_LINE_MAX];

		snprintf(title, sizeof(title), "%s%s%s", group->kind, group->name ? ":" : "",
			 group->name ? group->name : "");
		for (size_t j = 0; j < group->n_keys; j++)
			each(each_data, title, group->keys[j].name, group->keys[j].value,
			     group->keys[j].where.file, group->keys[j].where.line);
	}
}

static const char *config_file(void *data, size_t i)
{
	struct daemon *daemon = data;

	return i < daemon->config->ini.n_files ? daemon->config->ini.files[i] : NULL;
}

static bool on_hangup(struct l_io *io, void *data)
{
	struct daemon *daemon = data;
	struct signalfd_siginfo info;
	char text[1024];

	if (read(l_io_get_fd(io), &info, sizeof(info)) != sizeof(info))
		return true;
	sd_notify(0, "RELOADING=1");
	if (reload(daemon, text, sizeof(text)) == 0)
		l_info("configuration read again");
	sd_notify(0, "READY=1");
	return true;
}

/* ell catches SIGINT and SIGTERM; SIGHUP, which is number 1, it refuses. */
static void catch_hangup(struct daemon *daemon)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	daemon->hangup = l_io_new(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
	l_io_set_close_on_destroy(daemon->hangup, true);
	l_io_set_read_handler(daemon->hangup, on_hangup, daemon, NULL);
}

static void on_signal(uint32_t number, void *data)
{
	l_main_quit();
}

/* ---- for the bus ---- */

static uint64_t malformed(void *data)
{
	struct daemon *daemon = data;

	return kernel_counters(daemon->kernel)->malformed;
}

static const char *error_text(void *data)
{
	struct daemon *daemon = data;

	return kernel_ops.error_text(daemon->kernel);
}

/* What other programs changed is to be seen at once, but not for one who keeps asking. */
static void refresh(void *data)
{
	struct daemon *daemon = data;
	uint64_t now = now_ms();

	if (now - daemon->refreshed_ms < REFRESH_MS)
		return;
	daemon->refreshed_ms = now;
	if (kernel_refresh_endpoints(daemon->kernel) == 0)
		settle(daemon);
}

/* Which interface the subflow is bound to is part of its address, for the kernel. */
static int measure(void *data, uint32_t token, const struct mptcpd_addr *local,
		   const struct mptcpd_addr *remote, struct mptcpd_measure *ret_measure)
{
	struct daemon *daemon = data;
	const struct local *here = model_find_local(engine_model(daemon->engine), local, 0);

	return kernel_measure(daemon->kernel, local, remote, here ? here->interface->ifindex : 0,
			      ret_measure);
}

/* The group of the policy as it was written, but for what the policy is made of anyway. */
static void tell_settings(void *data, const struct policy *policy, bus_setting_func each,
			  void *each_data)
{
	struct daemon *daemon = data;
	const struct ini_group *group = ini_find(&daemon->config->ini, "policy", policy->name);

	for (size_t i = 0; group && i < group->n_keys; i++)
		each(each_data, group->keys[i].name, group->keys[i].value);
}

static int start_bus(struct daemon *daemon)
{
	struct bus_setup setup = {
		.engine = daemon->engine,
		.runtime_directory = daemon->runtime_directory,
		.version = MPTCPD_VERSION,
		.start_ms = now_ms(),
		.data = daemon,
		.settle = settle_soon,
		.reload = reload,
		.check_config = check_own_config,
		.config = tell_config,
		.refresh = refresh,
		.system_bus = true,
		.measure = measure,
		.settings = tell_settings,
		.malformed = malformed,
		.error_text = error_text,
		.config_file = config_file,
	};

	return bus_new(&setup, &daemon->bus);
}

/* ---- start and stop ---- */

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
		log_lines(faults, true);
		l_free(faults);
		return EXIT_CONFIG;
	}
	log_lines(daemon->config->warnings, false);
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
			     .on_host = on_host,
			     .on_settled = on_settled,
			     .on_forget = on_forget,
			     .data = daemon},
	};
	int r;
	char why[256];

	open_state(daemon);
	if (kernel_new(on_event, daemon, &daemon->kernel, why) < 0)
		return fail("mptcpd cannot work here", why);
	r = apply_path_manager(daemon, &daemon->config->rules);
	if (r < 0)
		return fail("net.mptcp.path_manager", strerror(-r));
	daemon->rpfilter = rpfilter_new(daemon->runtime_directory);
	l_getrandom(&setup.seed, sizeof(setup.seed));
	setup.kernel = daemon->kernel;
	daemon->engine = engine_new(&setup);
	load_state(daemon);
	r = start_bus(daemon);
	if (r < 0)
		return fail("control socket", strerror(-r));
	r = watch_kernel(daemon);
	if (r < 0)
		return fail("epoll", strerror(-r));
	daemon->again = l_io_new(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	l_io_set_close_on_destroy(daemon->again, true);
	l_io_set_read_handler(daemon->again, on_again, daemon, NULL);
	settle(daemon);
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
	if (daemon->kernel)
		fdstore_stop(daemon->kernel);
	if (daemon->engine)
		engine_leave(daemon->engine, now_ms());
	engine_free(daemon->engine);
	rpfilter_free(daemon->rpfilter);
	restore_path_manager(daemon);
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

static int run(struct daemon *daemon)
{
	uint64_t usec = 0;
	int status = load_config(daemon);

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
		catch_hangup(daemon);
		l_main_run_with_signal(on_signal, daemon);
		status = daemon->status;
	}
	stop(daemon);
	return status;
}

/* ---- arguments ---- */

/* systemd says by device and inode whether stderr is its journal. */
static bool is_stderr_the_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static int check_config(const struct config_setup *setup)
{
	char *text = NULL;
	int r = config_check(setup, &text);

	if (text)
		fputs(text, stderr);
	l_free(text);
	return r < 0 ? EXIT_CONFIG : EXIT_SUCCESS;
}

static void print_help(void)
{
	puts("mptcpd - decides which paths Multipath TCP connections use\n"
	     "\n"
	     "Usage: mptcpd [OPTION...]\n"
	     "\n"
	     "  --config FILE            read this file instead of mptcpd/mptcpd.conf and\n"
	     "                           mptcpd/mptcpd.conf.d/*.conf in /etc, /run and /usr/lib\n"
	     "  --runtime-directory DIR  where the control socket is (default /run/mptcpd)\n"
	     "  --plugin-directory DIR   where plugins are (default " MPTCPD_PLUGIN_DIR ")\n"
	     "  --check-config           read the configuration, say what is wrong with it, and "
	     "exit\n"
	     "  --verbose                log every change that is seen, too\n"
	     "  --version                print the version and exit\n"
	     "  --help                   print this and exit\n"
	     "\n"
	     "Runs in the foreground. Exit status: 0 after SIGTERM or SIGINT, 1 failure, 2 wrong\n"
	     "usage, 78 bad configuration. SIGHUP reads the configuration again.");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"runtime-directory", required_argument, NULL, 'r'},
		{"plugin-directory", required_argument, NULL, 'p'},
		{"check-config", no_argument, NULL, 'k'},
		{"verbose", no_argument, NULL, 'v'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct daemon daemon = {
		.config_setup.plugin_directory = MPTCPD_PLUGIN_DIR,
		.runtime_directory = "/run/mptcpd",
		.settle_at_ms = UINT64_MAX,
	};
	bool check = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			daemon.config_setup.file = optarg;
			break;
		case 'r':
			daemon.runtime_directory = optarg;
			break;
		case 'p':
			daemon.config_setup.plugin_directory = optarg;
			break;
		case 'k':
			check = true;
			break;
		case 'v':
			daemon.verbose = true;
			break;
		case 'V':
			puts("mptcpd " MPTCPD_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			print_help();
			return EXIT_SUCCESS;
		default:
			fputs("Try 'mptcpd --help'.\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "mptcpd: unexpected argument '%s'\nTry 'mptcpd --help'.\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	if (check)
		return check_config(&daemon.config_setup);
	if (is_stderr_the_journal())
		l_log_set_journal();
	else
		l_log_set_stderr();
	signal(SIGPIPE, SIG_IGN);
	return run(&daemon);
}
