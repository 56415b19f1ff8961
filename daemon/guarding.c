/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plugins that crash: notes of the last life are judged, plugins are set aside, people are told. */
#include "daemon.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "crash.h"
#include "log.h"
#include "messages.h"
#include "trial.h"

void daemon_open_guard(struct daemon *daemon)
{
	daemon->guard = daemon->state ? state_guard(daemon->state) : &daemon->own_guard;
	daemon->verdict = guard_judge(daemon->guard, loop_now_ms(), &daemon->judged);
	daemon->config_setup.guard = daemon->guard;
	crash_watch(daemon->guard);
}

void daemon_close_guard(struct daemon *daemon)
{
	crash_forget();
	daemon->guard = &daemon->own_guard;
}

/* Say which plugin of the configuration is set aside, and for which connections. */
static void describe(const struct guard_aside *aside, const struct calls_plugin *plugin,
		     char *ret_text, size_t size)
{
	const struct ini_group *group = plugin->group;
	char whom[48] = "";

	if (aside->token)
		snprintf(whom, sizeof(whom), " for connection %x", aside->token);
	snprintf(ret_text, size, "plugin '%s' is set aside%s, and [%s%s%s] with it", plugin->name,
		 whom, group->kind, group->name ? ":" : "", group->name ? group->name : "");
}

static struct log_about about_aside(const struct guard_aside *aside,
				    const struct calls_plugin *plugin)
{
	return (struct log_about){.id = MESSAGE_PLUGIN_SET_ASIDE,
				  .policy = plugin->group->name,
				  .token = aside->token};
}

static void log_verdict(const struct daemon *daemon)
{
	const struct guard_aside *judged = &daemon->judged;
	const struct calls_plugin *plugin =
		daemon->verdict == GUARD_NOTHING ? NULL
						 : calls_find(&daemon->config->calls, judged->id);
	const char *function = guard_function_name(judged->function);
	struct log_about about;
	char text[256];

	if (!plugin)
		return;
	if (daemon->verdict == GUARD_DOUBT) {
		l_warn("mptcpd was killed in %s of plugin '%s', by chance it seems; if that "
		       "happens "
		       "%d times on end, the plugin is set aside",
		       function, plugin->name, GUARD_DOUBTS);
		return;
	}
	describe(judged, plugin, text, sizeof(text));
	about = about_aside(judged, plugin);
	log_about(L_LOG_ERR, &about,
		  "mptcpd died in %s of plugin '%s' (%s): %s, until its file or group changes, or "
		  "at a reload",
		  function, plugin->name,
		  judged->signal == GUARD_EXIT ? "it ended the process"
		  : judged->signal	       ? strsignal(judged->signal)
					       : "it hung",
		  text);
}

/* Is it what log_verdict() has just told? */
static bool is_told(const struct daemon *daemon, const struct guard_aside *aside)
{
	return daemon->verdict != GUARD_NOTHING && aside->id == daemon->judged.id &&
	       aside->token == daemon->judged.token;
}

/* Log every plugin that is set aside, once a life: it is why some connections have no paths. */
static void log_asides(const struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->guard->n_asides; i++) {
		const struct guard_aside *aside = &daemon->guard->asides[i];
		const struct calls_plugin *plugin = calls_find(&daemon->config->calls, aside->id);
		struct log_about about;
		char text[256];

		if (!plugin || aside->doubts || is_told(daemon, aside))
			continue;
		describe(aside, plugin, text, sizeof(text));
		about = about_aside(aside, plugin);
		log_about(L_LOG_ERR, &about, "%s, until its file or group changes, or at a reload",
			  text);
	}
}

/* A plugin that is not configured any more, or has another file now, may be tried again. */
static void forget_changed(struct daemon *daemon)
{
	const struct calls *calls = &daemon->config->calls;
	uint64_t *ids = l_new(uint64_t, calls->n_plugins + 1);

	for (size_t i = 0; i < calls->n_plugins; i++)
		ids[i] = calls->plugins[i].id;
	guard_retain(daemon->guard, ids, calls->n_plugins);
	l_free(ids);
}

/* Try the configuration. Returns an exit status; EXIT_SUCCESS also if it could not be tried. */
static int try_config(struct daemon *daemon)
{
	for (int i = 0; i < GUARD_ASIDES; i++) {
		struct trial trial = {0};
		int r = trial_run(&daemon->config_setup, &trial);
		struct guard_aside aside = {
			.id = trial.call.id,
			.since_ms = loop_now_ms(),
			.function = (uint8_t)trial.call.function,
			.signal = (uint8_t)trial.call.signal,
		};

		if (r < 0)
			l_warn("the configuration cannot be tried first: %s", strerror(-r));
		if (r == 0 && trial.outcome != TRIAL_GOOD)
			log_lines(trial.text, true);
		l_free(trial.text);
		if (r == 0 && trial.outcome == TRIAL_BAD)
			return EXIT_CONFIG;
		if (r < 0 || trial.outcome == TRIAL_GOOD || !aside.id)
			return EXIT_SUCCESS;
		guard_set_aside(daemon->guard, &aside);
	}
	return EXIT_SUCCESS;
}

int daemon_load_config(struct daemon *daemon)
{
	char *faults = NULL;
	int status = try_config(daemon);

	if (status != EXIT_SUCCESS)
		return status;
	if (config_load(&daemon->config_setup, &daemon->config, &faults) < 0) {
		log_lines(faults, true);
		l_free(faults);
		return EXIT_CONFIG;
	}
	log_lines(daemon->config->warnings, false);
	forget_changed(daemon);
	log_verdict(daemon);
	log_asides(daemon);
	return EXIT_SUCCESS;
}

void daemon_tell_asides(void *data, bus_aside_func each, void *each_data)
{
	struct daemon *daemon = data;

	for (size_t i = 0; i < daemon->guard->n_asides; i++) {
		const struct guard_aside *aside = &daemon->guard->asides[i];
		const struct calls_plugin *plugin = calls_find(&daemon->config->calls, aside->id);

		if (plugin && !aside->doubts)
			each(each_data, plugin->name, aside->token, aside->since_ms);
	}
}
