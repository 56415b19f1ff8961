/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The method that says which policy would decide for a connection that there is not. */
#include "bus-private.h"

#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "words.h"

static const struct {
	enum fact fact;
	const char *name;
} facts[] = {
	{FACT_REMOTE_PORT, "remote-port"},
	{FACT_LOCAL_PORT, "local-port"},
	{FACT_UID, "uid"},
	{FACT_MARK, "mark"},
	{FACT_CGROUP, "cgroup"},
};
#define N_FACTS (sizeof(facts) / sizeof(facts[0]))

/* ---- the question ---- */

static int read_side(const char *name, struct subject *subject, sd_bus_error *error)
{
	if (strcmp(name, "client") == 0 || !*name)
		subject->side = MPTCPD_SIDE_CLIENT;
	else if (strcmp(name, "server") == 0)
		subject->side = MPTCPD_SIDE_SERVER;
	else
		return bus_invalid(error, "side is \"%s\", expected client or server", name);
	return 0;
}

/* A u of the options, which is known then. */
static int read_number(sd_bus_message *m, const char *key, uint32_t *ret, sd_bus_error *error)
{
	return sd_bus_message_read(m, "v", "u", ret) < 0
		       ? bus_invalid(error, "option \"%s\" is no number of 32 bits", key)
		       : 0;
}

static int read_option(sd_bus_message *m, const char *key, struct subject *subject,
		       sd_bus_error *error)
{
	if (strcmp(key, "uid") == 0) {
		subject->unknown &= ~(uint32_t)FACT_UID;
		return read_number(m, key, &subject->uid, error);
	}
	if (strcmp(key, "mark") == 0) {
		subject->unknown &= ~(uint32_t)FACT_MARK;
		return read_number(m, key, &subject->mark, error);
	}
	if (strcmp(key, "cgroup") != 0)
		return bus_invalid(error, "unknown option \"%s\", expected uid, mark or cgroup",
				   key);
	subject->unknown &= ~(uint32_t)FACT_CGROUP;
	if (sd_bus_message_read(m, "v", "s", &subject->cgroup) < 0)
		return bus_invalid(error, "option \"%s\" is no text", key);
	if (subject->cgroup[0] != '/')
		return bus_invalid(error,
				   "cgroup is \"%s\", expected a path like "
				   "/system.slice/nginx.service",
				   subject->cgroup);
	return 0;
}

static int read_options(sd_bus_message *m, struct subject *subject, sd_bus_error *error)
{
	const char *key;
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &key);
		if (r >= 0)
			r = read_option(m, key, subject, error);
		if (r < 0)
			return r;
		r = sd_bus_message_exit_container(m);
	}
	return r;
}

static int read_subject(sd_bus_message *m, struct subject *subject, sd_bus_error *error)
{
	const char *side;
	int r = bus_read_addr(m, "local", false, &subject->local, error);

	if (r >= 0)
		r = bus_read_addr(m, "remote", false, &subject->remote, error);
	if (r < 0)
		return r;
	if (subject->local.family != subject->remote.family)
		return bus_invalid(error, "local and remote are of different families");
	r = sd_bus_message_read(m, "ss", &side, &subject->interface);
	if (r >= 0)
		r = read_side(side, subject, error);
	if (r < 0)
		return r;
	/* It may be of a link that is not there yet. */
	if (strlen(subject->interface) >= MPTCPD_IFNAME_SIZE)
		return bus_invalid(error, "interface is \"%s\", expected %d characters at most",
				   subject->interface, MPTCPD_IFNAME_SIZE - 1);
	subject->unknown = FACTS_OF_OWNER;
	if (!subject->local.port)
		subject->unknown |= FACT_LOCAL_PORT;
	if (!subject->remote.port)
		subject->unknown |= FACT_REMOTE_PORT;
	subject->cgroup = "";
	return read_options(m, subject, error);
}

/* ---- the answer ---- */

/* "uid, cgroup" */
static void list_missing(uint32_t missing, char *text, size_t size)
{
	size_t n = 0;

	*text = '\0';
	for (size_t i = 0; i < N_FACTS; i++)
		if ((missing & facts[i].fact) && n < size)
			n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : "",
					      facts[i].name);
}

/* A word for programs, and a text for people; NULL: it is decided. */
static const char *explain_supposed(const struct supposed *supposed, char *text, size_t size)
{
	char missing[128];

	*text = '\0';
	switch (supposed->state) {
	case SUPPOSED_DECIDED:
		return NULL;
	case SUPPOSED_NOBODY:
		snprintf(text, size, "no group matches: it stays as it is");
		return "no-match";
	case SUPPOSED_OPEN:
		list_missing(supposed->missing, missing, sizeof(missing));
		snprintf(text, size, "[policy:%s] decides if it matches in what was not said: %s",
			 supposed->policy->name, missing);
		return "open";
	case SUPPOSED_KERNEL:
		snprintf(
			text, size,
			"the path manager is the kernel's (path-manager = kernel), policies decide "
			"nothing");
		return "path-manager";
	case SUPPOSED_APART:
		snprintf(text, size,
			 "it begins on %s, which is not to be used, and has no policy there",
			 supposed->interface);
		return "interface";
	case SUPPOSED_ASIDE:
		snprintf(text, size, "a plugin of [policy:%s] is set aside, see mptcpctl status",
			 supposed->policy->name);
		return "set-aside";
	case SUPPOSED_UNREADY:
		snprintf(text, size, "mptcpd does not know the host yet");
		return "unknown";
	}
	return NULL;
}

/* The paths come first, then the announcements. */
struct answer {
	struct writer writer;
	bool is_announcing;
};

static void on_path(void *data, const struct explain_path *path)
{
	struct answer *answer = data;

	bus_append_path(&answer->writer, path);
}

static void begin_announcements(struct answer *answer)
{
	if (answer->is_announcing)
		return;
	writer_close(&answer->writer);
	writer_open(&answer->writer, 'a', WIRE_ANNOUNCEMENT);
	answer->is_announcing = true;
}

static void on_announcement(void *data, const struct explain_announcement *announcement)
{
	struct answer *answer = data;

	begin_announcements(answer);
	bus_append_announcement(&answer->writer, announcement);
}

static void append_supposed(struct writer *writer, const struct supposed *supposed)
{
	char text[256];
	const char *reason = explain_supposed(supposed, text, sizeof(text));

	bus_append_text(writer, supposed->policy ? supposed->policy->name : "");
	writer_open(writer, 'a', "{sv}");
	bus_append_extra_text(writer, "interface", supposed->interface);
	writer_extra(writer, "reason", "s", reason ? reason : "");
	bus_append_extra_text(writer, "text", text);
	writer_open_extra(writer, "missing", "as");
	writer_open(writer, 'a', "s");
	for (size_t i = 0; i < N_FACTS; i++)
		if (supposed->missing & facts[i].fact)
			writer_append(writer, "s", facts[i].name);
	writer_close(writer);
	writer_close_extra(writer);
	writer_close(writer);
}

int bus_method_test_policy(sd_bus_message *m, void *data, sd_bus_error *error)
{
	const struct peer *peer = data;
	struct subject subject = {0};
	struct supposed supposed;
	struct answer answer;
	int r = read_subject(m, &subject, error);

	if (r < 0)
		return r;
	answer = (struct answer){bus_reply(m), false};
	writer_open(&answer.writer, 'a', WIRE_EXPLAIN_PATH);
	engine_suppose(peer->bus->setup.engine, &subject, loop_now_ms(), &supposed, on_path,
		       on_announcement, &answer);
	begin_announcements(&answer);
	writer_close(&answer.writer);
	append_supposed(&answer.writer, &supposed);
	return bus_send(&answer.writer);
}
