/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which connections are to be listed. */
#ifndef CTL_FILTER_H
#define CTL_FILTER_H

#include "addr.h"
#include "ctl.h"

#define CTL_STATES                                                                                 \
	"created, established, closing, multi-path, single-path, fallen-back or unhealthy"

enum filter_state {
	FILTER_ANY,
	FILTER_CREATED,
	FILTER_ESTABLISHED,
	FILTER_CLOSING,
	FILTER_MULTI_PATH, /* two subflows or more are established */
	FILTER_SINGLE_PATH, /* one, or none */
	FILTER_FALLEN_BACK, /* it is plain TCP */
	FILTER_UNHEALTHY, /* the far side of a link does not answer, or is suspected not to */
};

struct filter {
	const char *interface, *policy; /* NULL: any */
	struct mptcpd_addr to; /* family 0: any; port 0: any */
	uint8_t prefix; /* of `to`, bits that count */
	enum filter_state state;
};

/*
 * Read [dev IF] [to PREFIX] [policy NAME] [state STATE], to whose values the filter points. 0; -EINVAL:
 * `ret_wrong` says what is wrong, and what was expected, and is to be freed.
 */
int filter_parse(int n_args, char **args, struct filter *ret_filter, char **ret_wrong);
/* Does something of a filter begin with this word? */
bool filter_is_word(const char *word);
/* Is it to be listed? What is said of subflows holds if it does of one of them. */
bool filter_connection(const struct filter *filter, const struct mptcpctl_connection *connection);
/* The same of one subflow of a connection; "multi-path" and its like are said of the connection. */
bool filter_subflow(const struct filter *filter, const struct mptcpctl_connection *connection,
		    const struct mptcpctl_subflow *subflow);

/* The words of STATE, NULL at the end. */
extern const char *const filter_states[];

#endif
