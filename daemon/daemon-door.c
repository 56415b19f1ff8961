/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The door: what clients of the control socket, and SIGHUP, ask of the daemon. */
#include "daemon.h"

#include <ell/ell.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

/* Take a new configuration, or keep the old one and say why. */
static int reload(void *data, char *text, size_t size)
{
	struct daemon *daemon = data;
	struct config *config, *old = daemon->config;
	char *faults = NULL;
	int r = config_load(&daemon->config_setup, &config, &faults);

	if (r < 0) {
		snprintf(text, size, "%s", faults ? faults : strerror(-r));
		daemon_log_lines(faults, true);
		l_error("the new configuration is bad: the old one stays");
		l_free(faults);
		return r;
	}
	r = daemon_apply_path_manager(daemon, &config->rules);
	if (r < 0) {
		snprintf(text, size, "net.mptcp.path_manager: %s", strerror(-r));
		config_free(config);
		return r;
	}
	daemon_log_lines(config->warnings, false);
	engine_set_rules(daemon->engine, &config->rules, loop_now_ms());
	daemon->config = config;
	daemon->host_changed = true;
	config_free(old);
	sd_notifyf(0, "STATUS=Path manager: %s", config_path_manager_name(&config->rules));
	daemon_settle(daemon);
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

void daemon_hang_up(struct daemon *daemon)
{
	char text[1024];

	/* While starting up, READY=1 is not ours to say. */
	if (daemon->ready)
		sd_notify(0, "RELOADING=1");
	if (reload(daemon, text, sizeof(text)) == 0)
		l_info("configuration read again");
	if (daemon->ready)
		sd_notify(0, "READY=1");
}

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

/* What other programs changed is to be seen at once: two short dumps. */
static void refresh(void *data)
{
	struct daemon *daemon = data;

	daemon->now_ms = loop_now_ms();
	if (kernel_refresh_endpoints(daemon->kernel) == 0)
		daemon_settle(daemon);
}

/* The settings of the policy's plugins; its matches and their names are told elsewhere. */
static void tell_settings(void *data, const struct policy *policy, bus_setting_func each,
			  void *each_data)
{
	struct daemon *daemon = data;
	const struct ini_group *group = ini_find(&daemon->config->ini, "policy", policy->name);

	for (size_t i = 0; group && i < group->n_keys; i++) {
		const struct ini_key *key = &group->keys[i];

		if (strncmp(key->name, "match-", 6) != 0 && strcmp(key->name, "plugin") != 0 &&
		    strcmp(key->name, "plugins") != 0)
			each(each_data, key->name, key->value);
	}
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
		.settle = daemon_settle_soon,
		.reload = reload,
		.check_config = check_own_config,
		.config = tell_config,
		.refresh = refresh,
		.system_bus = true,
		.settings = tell_settings,
		.malformed = malformed,
		.error_text = error_text,
		.config_file = config_file,
	};

	return bus_new(&setup, &daemon->bus);
}
