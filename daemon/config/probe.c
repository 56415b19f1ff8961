/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keys of an [interface:…] that say what is asked whether the link leads anywhere. */
#include <ell/ell.h>
#include <errno.h>
#include <string.h>

#include "addr.h"
#include "auto.h"
#include "config-private.h"
#include "key.h"
#include "value.h"

#define INTERVAL_MIN_MS 200
#define TIMEOUT_MIN_MS 50
/* Sooner than TCP sends a segment a second time nobody can tell. */
#define SILENT_AFTER_MIN_MS 500
#define TIME_MAX_MS (60 * 60 * 1000)
#define FAILURES_MAX 100
#define EXPECTED "expected none, icmp:ADDRESS or tcp:ADDRESS:PORT"

void config_init_probe(struct probe_rule *probe)
{
	*probe = (struct probe_rule){.interval_ms = 5000, .timeout_ms = 1000, .failures = 3};
}

/* "icmp:ADDRESS" or "tcp:ADDRESS:PORT". Returns what is wrong with it, NULL for nothing. */
static const char *parse(const char *text, struct mptcpd_addr *ret_target)
{
	bool tcp = strncmp(text, "tcp:", 4) == 0;
	struct mptcpd_addr target;

	if (!tcp && strncmp(text, "icmp:", 5) != 0)
		return EXPECTED;
	if (addr_parse(strchr(text, ':') + 1, &target) < 0)
		return tcp ? "expected tcp:192.0.2.1:443 or tcp:[2001:db8::1]:443"
			   : "expected icmp:192.0.2.1 or icmp:2001:db8::1";
	if (tcp && !target.port)
		return "it has no port, expected tcp:192.0.2.1:443 or tcp:[2001:db8::1]:443";
	if (!tcp && target.port)
		return "icmp has no port, expected icmp:ADDRESS or tcp:ADDRESS:PORT";
	if (!addr_is_one_host(&target))
		return "nobody far away has this address, expected that of another host";
	*ret_target = target;
	return NULL;
}

static bool has_target(const struct probe_rule *probe, const struct mptcpd_addr *target)
{
	for (size_t i = 0; i < probe->n_targets; i++)
		if (addr_equal(&probe->targets[i], target))
			return true;
	return false;
}

void config_read_probe(struct faults *faults, const struct ini_key *line, void *into)
{
	struct probe_rule *probe = &((struct interface_rule *)into)->probe;
	const char *cursor = line->value, *word, *fault;
	bool none = false;
	size_t n = 0, size;

	for (; (word = value_next_word(&cursor, &size)); n++) {
		AUTO(l_free) char *text = l_strndup(word, size);
		struct mptcpd_addr target;

		if (strcmp(text, "none") == 0) {
			none = true;
			continue;
		}
		fault = parse(text, &target);
		if (!fault && has_target(probe, &target))
			fault = "it is named twice";
		if (!fault && probe->n_targets == PROBE_TARGETS_MAX)
			fault = "too many, expected at most 8";
		if (fault)
			faults_add(faults, line->where, "bad probe '%s': %s", text, fault);
		else
			probe->targets[probe->n_targets++] = target;
	}
	if (n == 0)
		faults_add(faults, line->where, "probe is empty, " EXPECTED);
	else if (none && n > 1)
		faults_add(faults, line->where, "probe names none beside others, " EXPECTED);
}

static void read_duration(struct faults *faults, const struct ini_key *line, uint64_t min_ms,
			  uint64_t *ret_ms)
{
	uint64_t ms;
	int err = value_duration(line->value, &ms);

	if (err == -EINVAL)
		faults_add(faults, line->where,
			   "%s is '%s', expected a duration like 500ms, 30s, 5min or 1h",
			   line->name, line->value);
	else if (err == -ERANGE || ms < min_ms || ms > TIME_MAX_MS)
		faults_add(faults, line->where, "%s is '%s', expected %llums to 1h", line->name,
			   line->value, (unsigned long long)min_ms);
	else
		*ret_ms = ms;
}

void config_read_probe_interval(struct faults *faults, const struct ini_key *line, void *into)
{
	struct interface_rule *rule = into;

	read_duration(faults, line, INTERVAL_MIN_MS, &rule->probe.interval_ms);
}

void config_read_probe_timeout(struct faults *faults, const struct ini_key *line, void *into)
{
	struct interface_rule *rule = into;

	read_duration(faults, line, TIMEOUT_MIN_MS, &rule->probe.timeout_ms);
}

void config_read_probe_failures(struct faults *faults, const struct ini_key *line, void *into)
{
	struct interface_rule *rule = into;
	uint64_t n;

	if (value_number(line->value, &n) < 0 || n < 1 || n > FAILURES_MAX)
		faults_add(faults, line->where, "probe-failures is '%s', expected 1 to %d",
			   line->value, FAILURES_MAX);
	else
		rule->probe.failures = n;
}

/* ---- health ---- */

static const struct key_word health_words[] = {{"auto", false}, {"off", true}, {NULL}};

void config_read_health(struct faults *faults, const struct ini_key *line, void *into)
{
	struct interface_rule *rule = into;
	uint32_t off;

	if (key_read_word(faults, line, health_words, &off))
		rule->health_off = off;
}

void config_read_silent_after(struct faults *faults, const struct ini_key *line, void *into)
{
	struct interface_rule *rule = into;
	uint64_t ms = rule->silent_after_ms;

	read_duration(faults, line, SILENT_AFTER_MIN_MS, &ms);
	rule->silent_after_ms = (uint32_t)ms;
}

void config_read_recover(struct faults *faults, const struct ini_key *line, void *into)
{
	struct interface_rule *rule = into;
	uint64_t ms = rule->recover_ms;

	read_duration(faults, line, 0, &ms);
	rule->recover_ms = (uint32_t)ms;
	rule->has_recover = true;
}

/* ---- probes, all lines together ---- */

static bool needs_ping(const struct probe_rule *probe)
{
	for (size_t i = 0; i < probe->n_targets; i++)
		if (!probe->targets[i].port)
			return true;
	return false;
}

/* The first of these keys that the group has, or NULL. */
static const struct ini_key *find_first(const struct ini_group *group, const char *const *names)
{
	const struct ini_key *found = NULL;

	for (; !found && *names; names++)
		found = ini_group_find(group, *names);
	return found;
}

void config_check_probe(struct config_loader *loader, const struct ini_group *group,
			const struct probe_rule *probe)
{
	static const char *const times[] = {"probe-timeout", "probe-interval", NULL};
	static const char *const others[] = {"probe-timeout", "probe-interval", "probe-failures",
					     NULL};
	const struct ini_key *line = ini_group_find(group, "probe");
	const struct ini_key *time = find_first(group, times), *other = find_first(group, others);

	if (time && probe->timeout_ms > probe->interval_ms)
		faults_add(&loader->faults, time->where,
			   "probe-timeout is longer than probe-interval, expected at most that");
	if (other && probe->n_targets == 0 && loader->faults.n_faults == 0)
		faults_add(&loader->warnings, other->where, "'%s' has no effect without 'probe'",
			   other->name);
	if (needs_ping(probe) && loader->setup->can_ping && !loader->setup->can_ping())
		faults_add(&loader->warnings, line->where,
			   "this host lets nobody here ask by icmp; to allow it: "
			   "sysctl -w net.ipv4.ping_group_range='0 2147483647'");
}
