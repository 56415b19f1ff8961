/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The listings, each as JSON and as text for people. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lone.h"
#include "json.h"
#include "print.h"
#include "text.h"

/* ---- what all listings do ---- */

static int connect_without_arguments(struct ctl *ctl, const char *verb, int n_args, char **args)
{
	return n_args ? ctl_usage("unexpected \"%s\": %s takes no arguments", args[0], verb)
		      : ctl_connect(ctl);
}

void ctl_begin_array(struct ctl *ctl, const char *name)
{
	ctl->array = name;
	ctl->n_items = 0;
}

void ctl_print_item(struct ctl *ctl)
{
	if (ctl->n_items++ == 0)
		print("{\"%s\":[", ctl->array);
	else
		print_text(",");
	print_end();
	json_print();
}

int ctl_end_array(struct ctl *ctl, int r)
{
	if (r < 0)
		return ctl_result(ctl, r);
	if (!ctl->json)
		columns_end(&ctl->columns);
	else if (ctl->n_items == 0)
		print_line("{\"%s\":[]}", ctl->array);
	else
		print_lines(stdout, "\n]}");
	return EXIT_DONE;
}

static void begin_columns(struct ctl *ctl, const char *const *headers, size_t n)
{
	if (!ctl->json)
		columns_begin(&ctl->columns, headers, n, ctl->terminal);
}

/* ---- status ---- */

static int on_status(void *data, const struct mptcpctl_status *status)
{
	struct ctl *ctl = data;

	if (ctl->json) {
		json_record(&schema_status, status);
		json_print_wrapped("status");
	} else {
		text_status(ctl, status);
	}
	return 0;
}

int ctl_status(struct ctl *ctl, int n_args, char **args)
{
	int code = connect_without_arguments(ctl, "status", n_args, args);

	return code ? code : ctl_result(ctl, mptcpctl_get_status(ctl->client, on_status, ctl));
}

/* ---- connections and subflows ---- */

/* Run a listing for one connection if there is a token, else for all. */
static int list_connections(struct ctl *ctl, const char *name, int n_args, char **args,
			    int (*on_connection)(void *data,
						 const struct mptcpctl_connection *connection))
{
	uint32_t token;
	int r;

	if (n_args > 1)
		return ctl_usage("unexpected \"%s\" after the token", args[1]);
	if (n_args && ctl_parse_token(args[0], &token) < 0)
		return ctl_usage("\"%s\" is no token, expected hex like f1aceb40", args[0]);
	r = lone_connect(ctl, false);
	if (r)
		return r;
	ctl_begin_array(ctl, name);
	if (n_args)
		r = mptcpctl_get_connection(ctl->client, token, on_connection, ctl);
	else
		r = mptcpctl_list_connections(ctl->client, on_connection, ctl);
	return ctl_end_array(ctl, r);
}

static int on_connection(void *data, const struct mptcpctl_connection *connection)
{
	struct ctl *ctl = data;

	if (ctl->json) {
		json_record(&schema_connection, connection);
		ctl_print_item(ctl);
	} else {
		text_connection(ctl, connection);
	}
	return 0;
}

int ctl_connection(struct ctl *ctl, int n_args, char **args)
{
	return list_connections(ctl, "connections", n_args, args, on_connection);
}

static int on_connection_of_subflows(void *data, const struct mptcpctl_connection *connection)
{
	struct ctl *ctl = data;
	const struct mptcpctl_subflow *subflow;

	for (subflow = connection->subflows; subflow; subflow = subflow->next) {
		if (ctl->json) {
			json_subflow(connection->token, subflow);
			ctl_print_item(ctl);
		} else {
			text_subflow_row(&ctl->columns, connection->token, subflow);
		}
	}
	return 0;
}

int ctl_subflow(struct ctl *ctl, int n_args, char **args)
{
	static const char *const headers[] = {"TOKEN",	   "STATE", "LOCAL",  "REMOTE",
					      "INTERFACE", "IDS",   "ORIGIN", "NOTES"};

	begin_columns(ctl, headers, 8);
	return list_connections(ctl, "subflows", n_args, args, on_connection_of_subflows);
}

/* ---- the host ---- */

static int on_endpoint(void *data, const struct mptcpctl_endpoint *endpoint)
{
	struct ctl *ctl = data;

	if (ctl->wanted_id && ctl->wanted_id != endpoint->id)
		return 0;
	if (ctl->json) {
		json_record(&schema_endpoint, endpoint);
		ctl_print_item(ctl);
	} else {
		text_endpoint_row(&ctl->columns, endpoint);
	}
	ctl->n_found++;
	return 0;
}

/* Read [id N]: the endpoint to list, 0 for all. Returns an exit code. */
static int parse_wanted_id(int n_args, char **args, unsigned long *ret_id)
{
	char *end;

	*ret_id = 0;
	if (n_args == 0)
		return EXIT_DONE;
	if (strcmp(args[0], "id") != 0)
		return ctl_usage("unexpected \"%s\", expected id N, add, change, delete or flush",
				 args[0]);
	if (n_args == 1)
		return ctl_usage("\"id\" needs a value");
	*ret_id = strtoul(args[1], &end, 10);
	if (*end || *ret_id < 1 || *ret_id > 255)
		return ctl_usage("\"%s\" is no address id, expected 1 to 255", args[1]);
	return n_args > 2 ? ctl_usage("unexpected \"%s\" after the id", args[2]) : EXIT_DONE;
}

int ctl_endpoint(struct ctl *ctl, int n_args, char **args)
{
	static const char *const headers[] = {"ID",    "ADDRESS", "INTERFACE",
					      "FLAGS", "OWNER",	  "STATE"};
	int r, code = parse_wanted_id(n_args, args, &ctl->wanted_id);

	if (code == EXIT_DONE)
		code = lone_connect(ctl, false);
	if (code)
		return code;
	begin_columns(ctl, headers, 6);
	ctl_begin_array(ctl, "endpoints");
	r = mptcpctl_list_endpoints(ctl->client, on_endpoint, ctl);
	if (r == 0 && ctl->wanted_id && !ctl->n_found)
		return ctl_fail("no endpoint with id %lu", ctl->wanted_id);
	return ctl_end_array(ctl, r);
}

static int on_limits(void *data, const struct mptcpctl_limits *limits)
{
	struct ctl *ctl = data;

	if (ctl->json) {
		json_record(&schema_limits, limits);
		json_print_wrapped("limits");
	} else {
		print_line("subflows %" PRIu32 " add_addr_accepted %" PRIu32, limits->subflows,
			   limits->add_addr_accepted);
	}
	return 0;
}

int ctl_limits(struct ctl *ctl, int n_args, char **args)
{
	int code = n_args ? ctl_usage("unexpected \"%s\", expected set", args[0])
			  : lone_connect(ctl, false);

	return code ? code : ctl_result(ctl, mptcpctl_get_limits(ctl->client, on_limits, ctl));
}

static int on_interface(void *data, const struct mptcpctl_interface *interface)
{
	struct ctl *ctl = data;

	if (ctl->json) {
		json_record(&schema_interface, interface);
		ctl_print_item(ctl);
	} else {
		text_interface(ctl, interface);
	}
	return 0;
}

int ctl_interface(struct ctl *ctl, int n_args, char **args)
{
	int code = connect_without_arguments(ctl, "interface", n_args, args);

	if (code)
		return code;
	ctl_begin_array(ctl, "interfaces");
	return ctl_end_array(ctl, mptcpctl_list_interfaces(ctl->client, on_interface, ctl));
}

/* ---- why ---- */

static int on_policy(void *data, const struct mptcpctl_policy *policy)
{
	struct ctl *ctl = data;

	if (ctl->json) {
		json_record(&schema_policy, policy);
		ctl_print_item(ctl);
	} else {
		text_policy(ctl, policy);
	}
	return 0;
}

static int on_path_manager(void *data, const struct mptcpctl_status *status)
{
	if (strcmp(status->path_manager, "kernel") == 0)
		print_line(
			"path-manager = kernel: the kernel decides for connections, and policies "
			"decide nothing");
	return 0;
}

int ctl_policy(struct ctl *ctl, int n_args, char **args)
{
	int code = connect_without_arguments(ctl, "policy", n_args, args);

	if (code)
		return code;
	ctl_begin_array(ctl, "policies");
	code = ctl_end_array(ctl, mptcpctl_list_policies(ctl->client, on_policy, ctl));
	if (code == EXIT_DONE && !ctl->json)
		code = ctl_result(ctl, mptcpctl_get_status(ctl->client, on_path_manager, ctl));
	return code;
}

static int on_explanation(void *data, const struct mptcpctl_explanation *explanation)
{
	static const char *const headers[] = {"STATE",	   "LOCAL",    "REMOTE", "INTERFACE",
					      "WANTED-BY", "ATTEMPTS", "NOTES"};
	struct ctl *ctl = data;
	const struct mptcpctl_path *path;

	if (ctl->json) {
		json_record(&schema_explanation, explanation);
		json_print();
		print_end();
		return 0;
	}
	print_line("%" PRIx32 " policy %s", explanation->token,
		   explanation->policy ? explanation->policy : "none");
	if (explanation->text)
		print_line("%s", explanation->text);
	columns_begin(&ctl->columns, headers, 7, ctl->terminal);
	for (path = explanation->paths; path; path = path->next)
		text_path_row(&ctl->columns, path);
	columns_end(&ctl->columns);
	text_announcements(explanation->announcements);
	return 0;
}

int ctl_explain(struct ctl *ctl, int n_args, char **args)
{
	uint32_t token;
	int code;

	if (n_args != 1)
		return ctl_usage(n_args ? "unexpected \"%s\" after the token"
					: "explain needs a token%s",
				 n_args ? args[1] : "");
	if (ctl_parse_token(args[0], &token) < 0)
		return ctl_usage("\"%s\" is no token, expected hex like f1aceb40", args[0]);
	code = ctl_connect(ctl);
	return code ? code
		    : ctl_result(ctl, mptcpctl_explain(ctl->client, token, on_explanation, ctl));
}
