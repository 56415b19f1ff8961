/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The door: what clients of the control socket, and SIGHUP, ask of the daemon. */
#include "daemon.h"

#include <ell/ell.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "auto.h"
#include "log.h"
#include "messages.h"

/* Set what the configuration says of the host; if one cannot be set, the old ones hold. */
static int apply_settings(struct daemon *daemon, const struct rules *rules, char **ret_text)
{
	int r = daemon_apply_deny_join(daemon, rules->deny_join_initial);

	if (r < 0) {
		*ret_text = l_strdup_printf("net.mptcp.allow_join_initial_addr_port: %s\n",
					    strerror(-r));
		return r;
	}
	r = daemon_apply_path_manager(daemon, rules);
	if (r < 0) {
		*ret_text = l_strdup_printf("net.mptcp.path_manager: %s\n", strerror(-r));
		daemon_apply_deny_join(daemon, daemon->config->rules.deny_join_initial);
	}
	return r;
}

/* Take the new configuration, which another process has found good, or keep the old one. */
static int take_config(struct daemon *daemon, char **ret_text)
{
	struct config_setup setup = daemon->config_setup;
	struct config *config, *old = daemon->config;
	int r;

	setup.retry = true; /* plugins that were set aside get another chance */
	r = config_load(&setup, &config, ret_text);
	if (r < 0)
		return r;
	r = apply_settings(daemon, &config->rules, ret_text);
	if (r < 0) {
		config_free(config);
		return r;
	}
	log_lines(config->warnings, false);
	guard_retain(daemon->guard, NULL, 0);
	if (daemon->bus)
		bus_keep_names(daemon->bus);
	engine_set_rules(daemon->engine, &config->rules, loop_now_ms());
	daemon->config = config;
	daemon->host_changed = true;
	config_free(old);
	daemon_tell_systemd(daemon, "");
	daemon_settle(daemon);
	return 0;
}

/* A client, or a signal, that wants the configuration checked or read again. */
struct request {
	struct daemon *daemon;
	bus_done_func on_done; /* NULL: a signal asked */
	void *data;
};

static void on_checked(void *data, int r, const char *text)
{
	struct request *request = data;

	request->on_done(request->data, r, text);
	l_free(request);
}

static void on_tried(void *data, int r, const char *tried)
{
	struct request *request = data;
	struct daemon *daemon = request->daemon;
	AUTO(l_free) char *text = NULL;

	if (r == 0)
		r = take_config(daemon, &text);
	else
		text = l_strdup(tried);
	if (r < 0) {
		log_lines(text, true);
		log_about(L_LOG_ERR, &(struct log_about){.id = MESSAGE_CONFIG_REFUSED},
			  "the new configuration is not taken: the old one stays");
	}
	if (request->on_done)
		request->on_done(request->data, r, text ? text : "");
	else if (r == 0)
		l_info("configuration read again");
	/* While starting up, READY=1 is not ours to say. */
	if (!request->on_done && daemon->ready)
		sd_notify(0, "READY=1");
	l_free(request);
}

static void ask(struct daemon *daemon, checker_func on_answer, bus_done_func on_done, void *data)
{
	struct request *request = l_new(struct request, 1);

	*request = (struct request){daemon, on_done, data};
	checker_ask(daemon->checker, on_answer, request);
}

static void reload(void *data, bus_done_func on_done, void *done_data)
{
	ask(data, on_tried, on_done, done_data);
}

static void check_config(void *data, bus_done_func on_done, void *done_data)
{
	ask(data, on_checked, on_done, done_data);
}

static void tell_config(void *data, bus_config_func each, void *each_data)
{
	struct daemon *daemon = data;

	config_show(daemon->config, each, each_data);
}

static const char *config_file(void *data, size_t i)
{
	struct daemon *daemon = data;

	return i < daemon->config->ini.n_files ? daemon->config->ini.files[i] : NULL;
}

void daemon_hang_up(struct daemon *daemon)
{
	if (daemon->ready)
		sd_notify(0, "RELOADING=1");
	ask(daemon, on_tried, NULL, NULL);
}

static uint64_t malformed(void *data)
{
	struct daemon *daemon = data;

	return kernel_counters(daemon->kernel)->malformed;
}

/* The next line of the policy's group; NULL: there is no more. *cursor is 0 at first. */
static const struct ini_key *next_key(const struct daemon *daemon, const struct policy *policy,
				      size_t *cursor)
{
	const struct ini_group *group = ini_find(&daemon->config->ini, "policy", policy->name);

	return group && *cursor < group->n_keys ? &group->keys[(*cursor)++] : NULL;
}

static bool is_match(const struct ini_key *key)
{
	return strncmp(key->name, "match-", 6) == 0;
}

static void tell_matches(void *data, const struct policy *policy, bus_setting_func each,
			 void *each_data)
{
	const struct ini_key *key;
	size_t cursor = 0;

	while ((key = next_key(data, policy, &cursor)))
		if (is_match(key))
			each(each_data, key->name + 6, key->value);
}

/* Those of its plugins; its matches and plugins are told elsewhere. */
static void tell_settings(void *data, const struct policy *policy, bus_setting_func each,
			  void *each_data)
{
	const struct ini_key *key;
	size_t cursor = 0;

	while ((key = next_key(data, policy, &cursor)))
		if (!is_match(key) && strcmp(key->name, "plugin") != 0 &&
		    strcmp(key->name, "plugins") != 0)
			each(each_data, key->name, key->value);
}

int daemon_open_door(struct daemon *daemon)
{
	struct bus_setup setup = {
		.engine = daemon->engine,
		.loop = &daemon->loop,
		.runtime_directory = daemon->runtime_directory,
		.version = MPTCPD_VERSION,
		.start_ms = loop_now_ms(),
		.data = daemon,
		.catch_up = daemon_catch_up,
		.settle = daemon_settle_soon,
		.reload = reload,
		.check_config = check_config,
		.set_aside = daemon_tell_asides,
		.config = tell_config,
		.refresh = daemon_refresh,
		.listeners = daemon_tell_listeners,
		.system_bus = !daemon->config_setup.instance,
		.mptcp = daemon_tell_mptcp,
		.warnings = daemon_tell_warnings,
		.counters = daemon_tell_counters,
		.links = daemon_tell_links,
		.scheduler = daemon_tell_scheduler,
		.matches = tell_matches,
		.settings = tell_settings,
		.malformed = malformed,
		.error_text = daemon_error_text,
		.config_file = config_file,
	};

	daemon->checker = checker_new(&daemon->loop, &daemon->config_setup);
	return bus_new(&setup, &daemon->bus);
}
