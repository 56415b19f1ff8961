/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of mptcpctl share this. One run is one command, so there is one struct ctl. */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <mptcpctl/client.h>
#include <sys/types.h>

#include "cli.h"
#include "grid.h"

/* Beside those of cli.h. */
enum ctl_exit_code {
	EXIT_NO_DAEMON = 3,
	EXIT_NOT_PERMITTED = 4,
};

struct ctl {
	struct mptcpctl *client;
	bool is_connected; /* by ctl_connect() or lone_connect() */
	pid_t lone; /* 0, or the private daemon that the client is connected to */
	const char *socket; /* --socket, or that of the instance, or NULL */
	const char *instance; /* -N, or NULL */
	int entered; /* its network namespace: 0, or -errno */
	const char *peer; /* --peer, for doctor alone; or NULL */
	bool system_bus; /* --bus: that and no socket */
	bool json, verbose;
	bool terminal; /* stdout is one: a person reads it */
	bool headers, colour;
	unsigned int watch_ms; /* look again so often; 0: once */
	uint8_t wanted_id; /* of the endpoint to list, 0: all */
	const char *wanted_name; /* of the interface to list, NULL: all */
	size_t n_found; /* records listed so far */
	const char *array; /* name of the JSON array being written */
	size_t n_items; /* of that array, so far */
	struct grid grid;
};

/* One command. `args` holds what follows its words; returns an exit code. */
struct verb {
	const char *name; /* one word, or two: "subflow add" */
	const char *arguments;
	const char *help; /* one line */
	const char *more; /* further lines of --help, or NULL */
	int (*run)(struct ctl *ctl, int n_args, char **args);
	/* It lists: it may be watched, and "show" or "list" behind it, as ip(8) has it, says nothing. */
	bool is_listing;
};

extern const struct verb verbs[];
extern const size_t n_verbs;

/* Find the verb that these words begin with; NULL: none. `ret_words` counts those that name it. */
const struct verb *verb_find(int n_args, char **args, int *ret_words);
/* Say that `word` is no verb, and which may have been meant. Returns an exit code. */
int verb_unknown(const char *word);
/* For a person: an overview, or more about one verb. */
void verb_print_overview(void);
void verb_print_help(const struct verb *verb);
/* The verb "help". */
int ctl_help(struct ctl *ctl, int n_args, char **args);
/* Candidates for the last word, for a shell: complete.c. Returns an exit code. */
int ctl_complete(int n_args, char **args);

/* Run the verb again and again, watch.c. Returns an exit code. */
int ctl_watch(struct ctl *ctl, const struct verb *verb, int n_args, char **args);
/* Does this word, behind --watch, say how often? */
bool watch_is_seconds(const char *word);

/* Connect as the options say. 0 or what mptcpctl_connect() returned. */
int ctl_try_connect(struct ctl *ctl);
/* Connect to mptcpd, once the arguments are known to be right. Returns an exit code. */
int ctl_connect(struct ctl *ctl);
/* Was a door named, by --socket, $MPTCPCTL_SOCKET or --bus? Then no other will do. */
bool ctl_is_socket_named(const struct ctl *ctl);
/*
 * instance.c: ask the mptcpd of this network namespace, and be in there, if that is allowed. Returns an
 * exit code.
 */
int instance_choose(struct ctl *ctl, const char *name);
/* The same, for what has to be in there. Without an instance all is well. */
int instance_need(const struct ctl *ctl);
/* The exit code for the result of a libmptcpctl function; explains it on stderr. */
int ctl_result(struct ctl *ctl, int r);
/* Read "f1aceb40" or "0xf1aceb40". 0, or -EINVAL. */
int ctl_parse_token(const char *text, uint32_t *ret_token);

/* status.c */
int ctl_status(struct ctl *ctl, int n_args, char **args);
/* connection.c */
int ctl_connection(struct ctl *ctl, int n_args, char **args);
int ctl_subflow(struct ctl *ctl, int n_args, char **args);
/* The host, list.c. */
int ctl_endpoint(struct ctl *ctl, int n_args, char **args);
int ctl_limits(struct ctl *ctl, int n_args, char **args);
int ctl_interface(struct ctl *ctl, int n_args, char **args);
int ctl_policy(struct ctl *ctl, int n_args, char **args);
int ctl_policy_test(struct ctl *ctl, int n_args, char **args);
/* explain.c */
int ctl_explain(struct ctl *ctl, int n_args, char **args);
/*
 * {"NAME":[ … ]}, written as the items come; nothing at all if there is an error first. `r` is how
 * the listing ended; returns an exit code.
 */
void ctl_begin_array(struct ctl *ctl, const char *name);
void ctl_print_item(struct ctl *ctl); /* the one that json.h has made */
/* Prints what is left of ctl->grid, too. */
int ctl_end_array(struct ctl *ctl, int r);
/* Begin ctl->grid, unless JSON is written. */
void ctl_begin_grid(struct ctl *ctl, const struct grid_kind *kinds, size_t n_kinds);
/* For a person, where nothing was listed: "no NAME". */
void ctl_say_none(struct ctl *ctl, const char *name);
/* The same, with another member of the object behind it, `"NAME":VALUE`, as JSON. */
int ctl_end_array_with(struct ctl *ctl, int r, const char *member);

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
int ctl_config_import(struct ctl *ctl, int n_args, char **args);
int ctl_config_check(struct ctl *ctl, int n_args, char **args);
int ctl_config_show(struct ctl *ctl, int n_args, char **args);
int ctl_reload(struct ctl *ctl, int n_args, char **args);
/* doctor.c */
int ctl_doctor(struct ctl *ctl, int n_args, char **args);
/* top.c */
int ctl_top(struct ctl *ctl, int n_args, char **args);
/* metrics.c, serve.c */
int ctl_metrics(struct ctl *ctl, int n_args, char **args);
int ctl_metrics_serve(struct ctl *ctl, int n_args, char **args);
/* monitor.c */
int ctl_monitor(struct ctl *ctl, int n_args, char **args);

#endif
