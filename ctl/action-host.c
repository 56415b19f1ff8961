/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Actions on the kernel's path manager, in the words of `ip mptcp`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "argument.h"
#include "lone.h"
#include "json.h"
#include "print.h"

#define FLAGS_MAX 5

static bool is_one_of(const char *word, const char *const *words)
{
	while (*words && strcmp(*words, word) != 0)
		words++;
	return *words;
}

/* A list of words, each once. */
struct word_list {
	const char *words[FLAGS_MAX + 1];
	size_t n;
};

static void add_word(struct word_list *list, const char *word)
{
	if (!is_one_of(word, list->words))
		list->words[list->n++] = word;
}

/* ---- add ---- */

/* One option of `endpoint add`, at args[*i]. */
static int parse_option(int n_args, char **args, int *i, struct mptcpctl_endpoint_request *request,
			struct word_list *flags)
{
	static const char *const names[FLAGS_MAX + 1] = {"subflow", "signal", "backup", "fullmesh",
							 "laminar"};
	const char *word = args[*i], *value;
	int code;

	if (is_one_of(word, names)) {
		add_word(flags, word);
		return EXIT_DONE;
	}
	if (strcmp(word, "dev") != 0 && strcmp(word, "id") != 0 && strcmp(word, "port") != 0)
		return cli_usage("unexpected \"%s\", expected dev, id, port, subflow, signal, "
				 "backup, fullmesh or laminar",
				 word);
	code = argument_value(n_args, args, i, &value);
	if (code != EXIT_DONE)
		return code;
	if (word[0] == 'i')
		return argument_id(value, 1, &request->id);
	if (word[0] == 'p')
		return argument_port_number(value, &request->addr.port);
	request->interface = value;
	return EXIT_DONE;
}

int ctl_endpoint_add(struct ctl *ctl, int n_args, char **args)
{
	struct mptcpctl_endpoint_request request = {0};
	struct word_list flags = {0};
	struct argument_address address;
	int code;

	if (n_args < 1)
		return cli_usage("endpoint add needs an address");
	code = argument_address(args[0], ARGUMENT_PORT_NONE, &address);
	if (code == EXIT_DONE)
		request.addr = address.addr;
	for (int i = 1; i < n_args && code == EXIT_DONE; i++)
		code = parse_option(n_args, args, &i, &request, &flags);
	if (code == EXIT_DONE && request.addr.port && !is_one_of("signal", flags.words))
		code = cli_usage("\"port\" goes with \"signal\" only");
	request.flags = flags.words;
	if (code == EXIT_DONE)
		code = lone_connect(ctl, false);
	return code ? code : ctl_result(ctl, mptcpctl_endpoint_add(ctl->client, &request));
}

/* ---- change and delete ---- */

/* Read id N | ADDRESS at the begin of `args`, N from `min_id` up. `ret_n` counts its words. */
static int parse_which(int n_args, char **args, uint8_t min_id, uint8_t *ret_id,
		       struct argument_address *ret_address, int *ret_n)
{
	const char *value;
	int code, i = 0;

	*ret_id = 0;
	*ret_address = (struct argument_address){0};
	*ret_n = 1;
	if (n_args < 1)
		return cli_usage("which endpoint? Expected id N or ADDRESS");
	if (strcmp(args[0], "id") == 0) {
		code = argument_value(n_args, args, &i, &value);
		*ret_n = 2;
		return code ? code : argument_id(value, min_id, ret_id);
	}
	return argument_address(args[0], ARGUMENT_PORT_MAY, ret_address);
}

int ctl_endpoint_change(struct ctl *ctl, int n_args, char **args)
{
	static const char *const names[] = {"backup", "fullmesh", NULL};
	struct word_list set = {0}, clear = {0};
	struct argument_address address;
	uint8_t id;
	int i, code = parse_which(n_args, args, 1, &id, &address, &i);

	for (; code == EXIT_DONE && i < n_args; i++) {
		if (is_one_of(args[i], names))
			add_word(&set, args[i]);
		else if (strncmp(args[i], "no", 2) == 0 && is_one_of(args[i] + 2, names))
			add_word(&clear, args[i] + 2);
		else
			code = cli_usage("unexpected \"%s\", expected backup, nobackup, fullmesh "
					 "or nofullmesh",
					 args[i]);
	}
	for (size_t j = 0; code == EXIT_DONE && j < set.n; j++)
		if (is_one_of(set.words[j], clear.words))
			code = cli_usage("\"%s\" and \"no%s\" exclude each other", set.words[j],
					 set.words[j]);
	if (code == EXIT_DONE && !set.n && !clear.n)
		code = cli_usage("nothing to change, expected backup, nobackup, fullmesh or "
				 "nofullmesh");
	if (code == EXIT_DONE)
		code = lone_connect(ctl, false);
	if (code != EXIT_DONE)
		return code;
	return ctl_result(ctl, mptcpctl_endpoint_change(ctl->client, id, &address.addr, set.words,
							clear.words));
}

int ctl_endpoint_delete(struct ctl *ctl, int n_args, char **args)
{
	struct argument_address address;
	uint8_t id;
	int n, code = parse_which(n_args, args, 0, &id, &address, &n);
	bool by_id = n == 2, initial = by_id && !id;

	if (code == EXIT_DONE && initial && n == n_args)
		code = cli_usage("whose id 0? Expected id 0 ADDRESS");
	if (code == EXIT_DONE && by_id && n < n_args)
		code = argument_address(args[n++], ARGUMENT_PORT_MAY, &address);
	if (code == EXIT_DONE && n < n_args)
		code = cli_usage("unexpected \"%s\"", args[n]);
	if (code == EXIT_DONE)
		code = lone_connect(ctl, false);
	if (code != EXIT_DONE)
		return code;
	return ctl_result(ctl,
			  initial ? mptcpctl_endpoint_delete_initial(ctl->client, &address.addr)
				  : mptcpctl_endpoint_delete(ctl->client, id, &address.addr));
}

/* ---- flush ---- */

/* The outcome of a flush, counted before it. */
struct census {
	char (*addresses)[ADDR_TEXT_SIZE]; /* of the endpoints; owned */
	size_t n_endpoints;
	size_t n_cut_off; /* connections whose subflows all began on one of them */
	bool known; /* the numbers are right */
};

static int count_endpoint(void *data, const struct mptcpctl_endpoint *endpoint)
{
	struct census *census = data;
	size_t size = (census->n_endpoints + 1) * sizeof(*census->addresses);

	if (!endpoint->id)
		return 0; /* wanted, and not there */
	census->addresses = realloc(census->addresses, size);
	if (!census->addresses)
		abort();
	snprintf(census->addresses[census->n_endpoints++], ADDR_TEXT_SIZE, "%s",
		 endpoint->addr.address ? endpoint->addr.address : "");
	return 0;
}

static bool is_on_endpoint(const struct census *census, const struct mptcpctl_subflow *subflow)
{
	for (size_t i = 0; i < census->n_endpoints && subflow->local.address; i++)
		if (strcmp(census->addresses[i], subflow->local.address) == 0)
			return true;
	return false;
}

/* Connections of userspace path managers keep their subflows. */
static int count_connection(void *data, const struct mptcpctl_connection *connection)
{
	struct census *census = data;
	size_t n = 0;

	if (strcmp(connection->path_manager, "userspace") == 0)
		return 0;
	for (const struct mptcpctl_subflow *each = connection->subflows; each; each = each->next) {
		if (strcmp(each->state, "established") != 0)
			continue;
		if (!is_on_endpoint(census, each))
			return 0;
		n++;
	}
	census->n_cut_off += n > 0;
	return 0;
}

/* Where no mptcpd runs, a flush does not depend on the numbers. Returns an exit code. */
static int take_census(struct ctl *ctl, struct census *census)
{
	int r = mptcpctl_list_endpoints(ctl->client, count_endpoint, census);

	if (r == 0 && census->n_endpoints > 0)
		r = mptcpctl_list_connections(ctl->client, count_connection, census);
	census->known = r == 0;
	return ctl->lone ? EXIT_DONE : ctl_result(ctl, r);
}

static void print_census(const struct ctl *ctl, const struct census *census)
{
	if (ctl->json) {
		json_flush(census->n_endpoints, census->known, census->n_cut_off);
		json_print_wrapped("flush");
	} else if (census->known) {
		print_line("deleted %zu endpoints, connections with no subflow left: %zu",
			   census->n_endpoints, census->n_cut_off);
	} else {
		print_line("deleted all endpoints, connections with no subflow left: unknown");
	}
}

int ctl_endpoint_flush(struct ctl *ctl, int n_args, char **args)
{
	int code =
		n_args ? cli_usage("unexpected \"%s\": endpoint flush takes no arguments", args[0])
		       : lone_connect(ctl, false);
	struct census census = {0};

	if (code != EXIT_DONE)
		return code;
	code = take_census(ctl, &census);
	if (code == EXIT_DONE)
		code = ctl_result(ctl, mptcpctl_endpoint_flush(ctl->client));
	if (code == EXIT_DONE)
		print_census(ctl, &census);
	free(census.addresses);
	return code;
}

/* ---- limits ---- */

int ctl_limits_set(struct ctl *ctl, int n_args, char **args)
{
	struct mptcpctl_limits limits = {UINT32_MAX, UINT32_MAX};
	const char *value;
	int code = EXIT_DONE;

	if (n_args == 0)
		return cli_usage("nothing to set, expected subflows N or add_addr_accepted N");
	for (int i = 0; i < n_args && code == EXIT_DONE; i++) {
		bool is_subflows = strcmp(args[i], "subflows") == 0;

		if (!is_subflows && strcmp(args[i], "add_addr_accepted") != 0)
			return cli_usage("unexpected \"%s\", expected subflows or "
					 "add_addr_accepted",
					 args[i]);
		code = argument_value(n_args, args, &i, &value);
		if (code == EXIT_DONE)
			code = argument_number(value, "limit", 0, UINT16_MAX,
					       is_subflows ? &limits.subflows
							   : &limits.add_addr_accepted);
	}
	if (code == EXIT_DONE)
		code = lone_connect(ctl, false);
	return code ? code : ctl_result(ctl, mptcpctl_limits_set(ctl->client, &limits));
}
