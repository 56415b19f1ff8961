/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "filter.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "argument.h"

const char *const filter_states[] = {"created",	    "established", "closing",	"multi-path",
				     "single-path", "fallen-back", "unhealthy", NULL};

/* ---- reading ---- */

static int fail(char **ret_wrong, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(char **ret_wrong, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(ret_wrong, format, args) < 0)
		abort();
	va_end(args);
	return -EINVAL;
}

static int parse_state(const char *word, struct filter *filter, char **ret_wrong)
{
	for (size_t i = 0; filter_states[i]; i++) {
		if (strcmp(word, filter_states[i]) == 0) {
			filter->state = (enum filter_state)(i + 1);
			return 0;
		}
	}
	return fail(ret_wrong, "\"%s\" is no state, expected " CTL_STATES, word);
}

/* "10.9.0.0/16", "10.9.0.1", "10.9.0.1:443" */
static int parse_prefix(const char *word, struct filter *filter, char **ret_wrong)
{
	if (mptcpd_addr_parse_prefix(word, &filter->to, &filter->prefix) == 0)
		return 0;
	if (addr_parse(word, &filter->to) < 0)
		return fail(ret_wrong,
			    "\"%s\" is no address, expected ADDRESS, ADDRESS/BITS, "
			    "ADDRESS:PORT or [IPV6]:PORT",
			    word);
	filter->prefix = (uint8_t)mptcpd_family_bits(filter->to.family);
	return 0;
}

/* What may be said, and what its value is called. */
static const struct {
	const char *word, *value;
} pairs[] = {{"dev", "IF"}, {"to", "PREFIX"}, {"policy", "NAME"}, {"state", "STATE"}};
#define N_PAIRS (sizeof(pairs) / sizeof(pairs[0]))

static size_t find_pair(const char *word)
{
	size_t i = 0;

	while (i < N_PAIRS && strcmp(pairs[i].word, word) != 0)
		i++;
	return i;
}

bool filter_is_word(const char *word)
{
	return find_pair(word) < N_PAIRS;
}

static int parse_pair(const char *name, const char *value, struct filter *filter, char **ret_wrong)
{
	size_t i = find_pair(name);

	if (i == N_PAIRS)
		return fail(ret_wrong, "unexpected \"%s\", expected dev, to, policy or state",
			    name);
	if (!value || !*value)
		return fail(ret_wrong, "\"%s\" needs a value, expected %s %s", name, name,
			    pairs[i].value);
	if (strcmp(name, "to") == 0)
		return parse_prefix(value, filter, ret_wrong);
	if (strcmp(name, "state") == 0)
		return parse_state(value, filter, ret_wrong);
	if (strcmp(name, "dev") == 0)
		filter->interface = value;
	else
		filter->policy = value;
	return 0;
}

int filter_parse(int n_args, char **args, struct filter *ret_filter, char **ret_wrong)
{
	struct filter filter = {0};
	int r = 0;

	for (int i = 0; i < n_args && r == 0; i += 2) {
		r = parse_pair(args[i], i + 1 < n_args ? args[i + 1] : NULL, &filter, ret_wrong);
		if (r == 0 && argument_is_repeated(args, i))
			r = fail(ret_wrong, ARGUMENT_REPEATED, args[i]);
	}
	if (r == 0)
		*ret_filter = filter;
	return r;
}

/* ---- applying ---- */

static bool is_to(const struct filter *filter, const struct mptcpctl_addr *remote)
{
	struct mptcpd_addr addr;

	if (!filter->to.family)
		return true;
	if (!remote->address || addr_parse(remote->address, &addr) < 0)
		return false;
	return addr.family == filter->to.family &&
	       (!filter->to.port || filter->to.port == remote->port) &&
	       mptcpd_addr_in_prefix(&addr, &filter->to, filter->prefix);
}

static bool is_by(const struct filter *filter, const struct mptcpctl_subflow *subflow)
{
	return !filter->interface ||
	       (subflow->interface && strcmp(subflow->interface, filter->interface) == 0);
}

static bool is_established(const struct mptcpctl_subflow *subflow)
{
	return strcmp(subflow->state, "established") == 0;
}

static bool is_unhealthy(const struct mptcpctl_subflow *subflow)
{
	return subflow->health &&
	       (strcmp(subflow->health, "silent") == 0 || strcmp(subflow->health, "suspect") == 0);
}

static bool has_state(const struct filter *filter, const struct mptcpctl_connection *connection)
{
	const struct mptcpctl_subflow *subflow;
	size_t n_established = 0, n_unhealthy = 0;

	for (subflow = connection->subflows; subflow; subflow = subflow->next) {
		n_established += is_established(subflow);
		n_unhealthy += is_unhealthy(subflow);
	}
	switch (filter->state) {
	case FILTER_ANY:
		break;
	case FILTER_CREATED:
	case FILTER_ESTABLISHED:
	case FILTER_CLOSING:
		return strcmp(connection->state, filter_states[filter->state - 1]) == 0;
	case FILTER_MULTI_PATH:
		return !connection->fallback && n_established > 1;
	case FILTER_SINGLE_PATH:
		return !connection->fallback && n_established < 2;
	case FILTER_FALLEN_BACK:
		return connection->fallback;
	case FILTER_UNHEALTHY:
		return n_unhealthy > 0;
	}
	return true;
}

static bool has_policy(const struct filter *filter, const struct mptcpctl_connection *connection)
{
	return !filter->policy ||
	       (connection->policy && strcmp(connection->policy, filter->policy) == 0);
}

bool filter_connection(const struct filter *filter, const struct mptcpctl_connection *connection)
{
	const struct mptcpctl_subflow *subflow = connection->subflows;
	bool by = !filter->interface, to = is_to(filter, &connection->remote);

	for (; subflow; subflow = subflow->next) {
		by |= is_by(filter, subflow);
		to |= is_to(filter, &subflow->remote);
	}
	return by && to && has_policy(filter, connection) && has_state(filter, connection);
}

bool filter_subflow(const struct filter *filter, const struct mptcpctl_connection *connection,
		    const struct mptcpctl_subflow *subflow)
{
	if (!is_by(filter, subflow) || !is_to(filter, &subflow->remote) ||
	    !has_policy(filter, connection))
		return false;
	switch (filter->state) {
	case FILTER_CREATED:
		return false; /* so is no subflow */
	case FILTER_ESTABLISHED:
	case FILTER_CLOSING:
		return strcmp(subflow->state, filter_states[filter->state - 1]) == 0;
	case FILTER_UNHEALTHY:
		return is_unhealthy(subflow);
	case FILTER_ANY:
	case FILTER_MULTI_PATH:
	case FILTER_SINGLE_PATH:
	case FILTER_FALLEN_BACK:
		break;
	}
	return has_state(filter, connection);
}
