/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a person does by hand. Arguments are checked here, so that mistakes name the word. */
#include "ctl.h"

#include <stdlib.h>
#include <string.h>

#include "addr.h"

/* An address as text, as libmptcpctl wants it. */
struct address {
	struct mptcpctl_addr addr;
	char text[ADDR_TEXT_SIZE];
	uint8_t family;
};

/* Returns an exit code. */
static int parse_address(const char *word, bool needs_port, struct address *ret_address)
{
	struct mptcpd_addr addr;

	if (addr_parse(word, &addr) < 0)
		return ctl_usage("\"%s\" is no address, expected %s", word,
				 needs_port ? "ADDRESS:PORT or [IPV6]:PORT"
					    : "ADDRESS, ADDRESS:PORT or [IPV6]:PORT");
	if (needs_port && !addr.port)
		return ctl_usage("\"%s\" has no port, expected ADDRESS:PORT or [IPV6]:PORT", word);
	addr_format_host(&addr, ret_address->text);
	ret_address->addr = (struct mptcpctl_addr){ret_address->text, addr.port};
	ret_address->family = addr.family;
	return EXIT_DONE;
}

/* TOKEN LOCAL REMOTE, which all these commands begin with. */
static int parse_subflow(int n_args, char **args, bool local_port, bool remote_port,
			 uint32_t *ret_token, struct address *ret_local, struct address *ret_remote)
{
	int code;

	if (n_args < 3)
		return ctl_usage("too few arguments, expected TOKEN LOCAL REMOTE");
	if (ctl_parse_token(args[0], ret_token) < 0)
		return ctl_usage("\"%s\" is no token, expected hex like f1aceb40", args[0]);
	code = parse_address(args[1], local_port, ret_local);
	if (code == EXIT_DONE)
		code = parse_address(args[2], remote_port, ret_remote);
	if (code == EXIT_DONE && ret_local->family != ret_remote->family)
		return ctl_usage("\"%s\" and \"%s\" are of different families", args[1], args[2]);
	return code;
}

static int parse_id(const char *word, uint8_t *ret_id)
{
	char *end;
	unsigned long id = strtoul(word, &end, 10);

	if (word[0] < '0' || word[0] > '9' || *end || id < 1 || id > 255)
		return ctl_usage("\"%s\" is no address id, expected 1 to 255", word);
	*ret_id = (uint8_t)id;
	return EXIT_DONE;
}

/* [id N] [dev IF] [backup] */
static int parse_options(int n_args, char **args, struct mptcpctl_subflow_request *request)
{
	int code = EXIT_DONE;

	for (int i = 0; i < n_args && code == EXIT_DONE; i++) {
		bool takes_value = strcmp(args[i], "id") == 0 || strcmp(args[i], "dev") == 0;

		if (takes_value && i + 1 == n_args)
			return ctl_usage("\"%s\" needs a value", args[i]);
		if (strcmp(args[i], "id") == 0)
			code = parse_id(args[++i], &request->local_id);
		else if (strcmp(args[i], "dev") == 0)
			request->interface = args[++i];
		else if (strcmp(args[i], "backup") == 0)
			request->backup = true;
		else
			return ctl_usage("unexpected \"%s\", expected id, dev or backup", args[i]);
	}
	return code;
}

int ctl_subflow_add(struct ctl *ctl, int n_args, char **args)
{
	struct mptcpctl_subflow_request request = {0};
	struct address local, remote;
	uint32_t token;
	int code = parse_subflow(n_args, args, false, true, &token, &local, &remote);

	if (code == EXIT_DONE)
		code = parse_options(n_args - 3, args + 3, &request);
	if (code == EXIT_DONE)
		code = ctl_connect(ctl);
	if (code != EXIT_DONE)
		return code;
	request.local = local.addr;
	request.remote = remote.addr;
	return ctl_result(ctl, mptcpctl_subflow_add(ctl->client, token, &request));
}

int ctl_subflow_delete(struct ctl *ctl, int n_args, char **args)
{
	struct address local, remote;
	uint32_t token;
	int code = parse_subflow(n_args, args, true, true, &token, &local, &remote);

	if (code == EXIT_DONE && n_args > 3)
		code = ctl_usage("unexpected \"%s\"", args[3]);
	if (code == EXIT_DONE)
		code = ctl_connect(ctl);
	if (code != EXIT_DONE)
		return code;
	return ctl_result(ctl,
			  mptcpctl_subflow_delete(ctl->client, token, &local.addr, &remote.addr));
}

int ctl_subflow_change(struct ctl *ctl, int n_args, char **args)
{
	struct address local, remote;
	uint32_t token;
	bool backup;
	int code = parse_subflow(n_args, args, false, false, &token, &local, &remote);

	if (code != EXIT_DONE)
		return code;
	if (n_args != 4)
		return ctl_usage("expected backup or nobackup after the addresses");
	backup = strcmp(args[3], "backup") == 0;
	if (!backup && strcmp(args[3], "nobackup") != 0)
		return ctl_usage("unexpected \"%s\", expected backup or nobackup", args[3]);
	code = ctl_connect(ctl);
	if (code != EXIT_DONE)
		return code;
	return ctl_result(ctl, mptcpctl_subflow_change(ctl->client, token, &local.addr,
						       &remote.addr, backup));
}

int ctl_reload(struct ctl *ctl, int n_args, char **args)
{
	int code;

	if (n_args)
		return ctl_usage("unexpected \"%s\": reload takes no arguments", args[0]);
	code = ctl_connect(ctl);
	return code ? code : ctl_result(ctl, mptcpctl_reload(ctl->client));
}
