/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of mptcpctl share this. One run is one command, so there is one struct ctl. */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <mptcpctl/client.h>
#include <sys/types.h>

#include "columns.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NO_DAEMON = 3,
	EXIT_NOT_PERMITTED = 4,
};

struct ctl {
	struct mptcpctl *client; /* connected by ctl_connect() or lone_connect() */
	pid_t lone; /* 0, or the private daemon that the client is connected to */
	const char *socket; /* --socket, or NULL */
	bool json;
	bool terminal; /* stdout is one: headers and colour */
	bool colour;
	unsigned long wanted_id; /* of the endpoint to list, 0: all */
	size_t n_found; /* endpoints listed so far */
	const char *array; /* name of the JSON array being written */
	size_t n_items; /* of that array, so far */
	struct columns columns;
};

/* One command. `args` holds what follows its words; returns an enum exit_code. */
struct verb {
	const char *name; /* one word, or two: "subflow add" */
	const char *arguments;
	const char *help; /* one line */
	const char *more; /* further lines of --help, or NULL */
	int (*run)(struct ctl *ctl, int n_args, char **args);
};

extern const struct verb verbs[];
extern const size_t n_verbs;

/* Find the verb that these words begin with; NULL: none. `ret_words` counts those that name it. */
const struct verb *verb_find(int n_args, char **args, int *ret_words);
/* The name most like `word`. */
const char *verb_nearest(const char *word);

/* Connect to mptcpd, once the arguments are known to be right. Returns an exit code. */
int ctl_connect(struct ctl *ctl);
/* Was a socket named by --socket or $MPTCPCTL_SOCKET? Then no other will do. */
bool ctl_is_socket_named(const struct ctl *ctl);
/* Say what is wrong with the arguments, on stderr. Returns EXIT_USAGE. */
int ctl_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Say why it did not work, on stderr. Returns EXIT_FAILED. */
int ctl_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Say why stdout could not be written, unless its reader has gone (EPIPE). Returns EXIT_FAILED. */
int ctl_unwritten(int error);
/* The exit code for the result of a libmptcpctl function; explains it on stderr. */
int ctl_result(struct ctl *ctl, int r);
/* Read "f1aceb40" or "0xf1aceb40". 0, or -EINVAL. */
int ctl_parse_token(const char *text, uint32_t *ret_token);

/* Listings, list.c. */
int ctl_status(struct ctl *ctl, int n_args, char **args);
int ctl_connection(struct ctl *ctl, int n_args, char **args);
int ctl_subflow(struct ctl *ctl, int n_args, char **args);
int ctl_endpoint(struct ctl *ctl, int n_args, char **args);
int ctl_limits(struct ctl *ctl, int n_args, char **args);
int ctl_interface(struct ctl *ctl, int n_args, char **args);
int ctl_policy(struct ctl *ctl, int n_args, char **args);
int ctl_policy_test(struct ctl *ctl, int n_args, char **args);
int ctl_explain(struct ctl *ctl, int n_args, char **args);
/*
 * {"NAME":[ … ]}, written as the items come; nothing at all if there is an error first. `r` is how
 * the listing ended; returns an exit code.
 */
void ctl_begin_array(struct ctl *ctl, const char *name);
void ctl_print_item(struct ctl *ctl); /* the one that json.h has made */
int ctl_end_array(struct ctl *ctl, int r);

/* Actions, action.c. */
int ctl_subflow_add(struct ctl *ctl, int n_args, char **args);
int ctl_subflow_delete(struct ctl *ctl, int n_args, char **args);
int ctl_subflow_change(struct ctl *ctl, int n_args, char **args);
int ctl_announce(struct ctl *ctl, int n_args, char **args);
int ctl_withdraw(struct ctl *ctl, int n_args, char **args);
/* action-host.c */
int ctl_endpoint_add(struct ctl *ctl, int n_args, char **args);
int ctl_endpoint_change(struct ctl *ctl, int n_args, char **args);
int ctl_endpoint_delete(struct ctl *ctl, int n_args, char **args);
int ctl_endpoint_flush(struct ctl *ctl, int n_args, char **args);
int ctl_limits_set(struct ctl *ctl, int n_args, char **args);
/* config.c */
int ctl_config_check(struct ctl *ctl, int n_args, char **args);
int ctl_config_show(struct ctl *ctl, int n_args, char **args);
int ctl_reload(struct ctl *ctl, int n_args, char **args);
/* monitor.c */
int ctl_monitor(struct ctl *ctl, int n_args, char **args);

#endif
