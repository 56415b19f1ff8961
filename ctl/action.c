/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Actions on a connection. */
#include <string.h>

#include "argument.h"
#include "lone.h"

/* ---- subflows ---- */

/* Read TOKEN LOCAL REMOTE, by which all these commands begin. */
static int parse_subflow(int n_args, char **args, enum argument_port local_port,
			 enum argument_port remote_port, uint32_t *ret_token,
			 struct argument_address *ret_local, struct argument_address *ret_remote)
{
	int code;

	if (n_args < 3)
		return cli_usage("too few arguments, expected TOKEN LOCAL REMOTE");
	code = argument_token(args[0], ret_token);
	if (code == EXIT_DONE)
		code = argument_address(args[1], local_port, ret_local);
	if (code == EXIT_DONE)
		code = argument_address(args[2], remote_port, ret_remote);
	if (code == EXIT_DONE && ret_local->family != ret_remote->family)
		return cli_usage("\"%s\" and \"%s\" are of different families", args[1], args[2]);
	return code;
}

/* Read [id N] [dev IF] [backup]. */
static int parse_options(int n_args, char **args, struct mptcpctl_subflow_request *request)
{
	int code = EXIT_DONE;
	const char *value;

	for (int i = 0; i < n_args && code == EXIT_DONE; i++) {
		if (strcmp(args[i], "id") == 0) {
			code = argument_value(n_args, args, &i, &value);
			if (code == EXIT_DONE)
				code = argument_id(value, 0, &request->local_id);
			request->initial_id = code == EXIT_DONE && !request->local_id;
		} else if (strcmp(args[i], "dev") == 0) {
			code = argument_value(n_args, args, &i, &request->interface);
		} else if (strcmp(args[i], "backup") == 0) {
			request->backup = true;
		} else {
			return cli_usage("unexpected \"%s\", expected id, dev or backup", args[i]);
		}
	}
	return code;
}

int ctl_subflow_add(struct ctl *ctl, int n_args, char **args)
{
	struct mptcpctl_subflow_request request = {0};
	struct argument_address local, remote;
	uint32_t token;
	int code = parse_subflow(n_args, args, ARGUMENT_PORT_MAY, ARGUMENT_PORT_MUST, &token,
				 &local, &remote);

	if (code == EXIT_DONE)
		code = parse_options(n_args - 3, args + 3, &request);
	if (code == EXIT_DONE)
		code = lone_connect(ctl, false);
	if (code != EXIT_DONE)
		return code;
	request.local = local.addr;
	request.remote = remote.addr;
	return ctl_result(ctl, mptcpctl_subflow_add(ctl->client, token, &request));
}

int ctl_subflow_delete(struct ctl *ctl, int n_args, char **args)
{
	struct argument_address local, remote;
	uint32_t token;
	int code = parse_subflow(n_args, args, ARGUMENT_PORT_MUST, ARGUMENT_PORT_MUST, &token,
				 &local, &remote);

	if (code == EXIT_DONE && n_args > 3)
		code = cli_usage("unexpected \"%s\"", args[3]);
	if (code == EXIT_DONE)
		code = lone_connect(ctl, false);
	if (code != EXIT_DONE)
		return code;
	return ctl_result(ctl,
			  mptcpctl_subflow_delete(ctl->client, token, &local.addr, &remote.addr));
}

int ctl_subflow_change(struct ctl *ctl, int n_args, char **args)
{
	struct argument_address local, remote;
	uint32_t token;
	bool backup;
	int code = parse_subflow(n_args, args, ARGUMENT_PORT_MAY, ARGUMENT_PORT_MAY, &token, &local,
				 &remote);

	if (code != EXIT_DONE)
		return code;
	if (n_args != 4)
		return cli_usage("expected backup or nobackup after the addresses");
	backup = strcmp(args[3], "backup") == 0;
	if (!backup && strcmp(args[3], "nobackup") != 0)
		return cli_usage("unexpected \"%s\", expected backup or nobackup", args[3]);
	code = lone_connect(ctl, false);
	if (code != EXIT_DONE)
		return code;
	return ctl_result(ctl, mptcpctl_subflow_change(ctl->client, token, &local.addr,
						       &remote.addr, backup));
}

/* ---- announcements ---- */

/* Read id N [port N] [dev IF]. */
static int parse_announcement(int n_args, char **args, struct mptcpctl_addr *addr, uint8_t *ret_id,
			      const char **ret_interface)
{
	int code = EXIT_DONE;
	const char *value;

	for (int i = 0; i < n_args && code == EXIT_DONE; i++) {
		bool is_id = strcmp(args[i], "id") == 0, is_port = strcmp(args[i], "port") == 0;

		if (!is_id && !is_port && strcmp(args[i], "dev") != 0)
			return cli_usage("unexpected \"%s\", expected id, port or dev", args[i]);
		code = argument_value(n_args, args, &i, &value);
		if (code != EXIT_DONE)
			return code;
		if (is_id)
			code = argument_id(value, 1, ret_id);
		else if (is_port)
			code = argument_port_number(value, &addr->port);
		else
			*ret_interface = value;
	}
	return code;
}

int ctl_announce(struct ctl *ctl, int n_args, char **args)
{
	const char *interface = NULL;
	struct argument_address address;
	uint32_t token;
	uint8_t id = 0;
	int code;

	if (n_args < 2)
		return cli_usage("too few arguments, expected TOKEN ADDRESS id N");
	code = argument_token(args[0], &token);
	if (code == EXIT_DONE)
		code = argument_address(args[1], ARGUMENT_PORT_NONE, &address);
	if (code == EXIT_DONE)
		code = parse_announcement(n_args - 2, args + 2, &address.addr, &id, &interface);
	if (code == EXIT_DONE && !id)
		code = cli_usage("an address id is missing, expected id N");
	if (code == EXIT_DONE)
		code = lone_connect(ctl, false);
	if (code != EXIT_DONE)
		return code;
	return ctl_result(ctl, mptcpctl_announce(ctl->client, token, &address.addr, id, interface));
}

int ctl_withdraw(struct ctl *ctl, int n_args, char **args)
{
	uint32_t token;
	uint8_t id;
	int code;

	if (n_args > 1 && strcmp(args[1], "id") != 0)
		return cli_usage("unexpected \"%s\", expected TOKEN id N", args[1]);
	if (n_args < 3)
		return cli_usage("too few arguments, expected TOKEN id N");
	code = argument_token(args[0], &token);
	if (code == EXIT_DONE)
		code = argument_id(args[2], 0, &id);
	if (code == EXIT_DONE && n_args > 3)
		code = cli_usage("unexpected \"%s\" after the id", args[3]);
	if (code == EXIT_DONE)
		code = lone_connect(ctl, false);
	return code ? code : ctl_result(ctl, mptcpctl_withdraw(ctl->client, token, id));
}
