/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "argument.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int argument_token(const char *word, uint32_t *ret_token)
{
	if (ctl_parse_token(word, ret_token) < 0)
		return cli_usage("\"%s\" is no token, expected hex like f1aceb40", word);
	return EXIT_DONE;
}

int argument_address(const char *word, enum argument_port port,
		     struct argument_address *ret_address)
{
	static const char *const expected[] = {
		[ARGUMENT_PORT_NONE] = "ADDRESS without a port",
		[ARGUMENT_PORT_MAY] = "ADDRESS, ADDRESS:PORT or [IPV6]:PORT",
		[ARGUMENT_PORT_MUST] = "ADDRESS:PORT or [IPV6]:PORT",
	};
	struct mptcpd_addr addr;

	if (addr_parse(word, &addr) < 0 || (port == ARGUMENT_PORT_NONE && addr.port))
		return cli_usage("\"%s\" is no address, expected %s", word, expected[port]);
	if (port == ARGUMENT_PORT_MUST && !addr.port)
		return cli_usage("\"%s\" has no port, expected %s", word, expected[port]);
	addr_format_host(&addr, ret_address->text);
	ret_address->addr = (struct mptcpctl_addr){ret_address->text, addr.port};
	ret_address->family = addr.family;
	return EXIT_DONE;
}

int argument_number(const char *word, const char *what, uint32_t min, uint32_t max,
		    uint32_t *ret_number)
{
	char *end;
	unsigned long long number;

	errno = 0;
	number = strtoull(word, &end, 10);
	if (word[0] < '0' || word[0] > '9' || *end || errno || number < min || number > max)
		return cli_usage("\"%s\" is no %s, expected %u to %u", word, what, min, max);
	*ret_number = (uint32_t)number;
	return EXIT_DONE;
}

int argument_id(const char *word, uint8_t min, uint8_t *ret_id)
{
	uint32_t number = 0;
	int code = argument_number(word, "address id", min, 255, &number);

	*ret_id = (uint8_t)number;
	return code;
}

int argument_port_number(const char *word, uint16_t *ret_port)
{
	uint32_t number = 0;
	int code = argument_number(word, "port", 1, 65535, &number);

	*ret_port = (uint16_t)number;
	return code;
}

/* Is it a keyword with a value, of whichever command? */
static bool is_valued(const char *word)
{
	static const char *const words[] = {
		"add_addr_accepted",
		"cgroup",
		"dev",
		"id",
		"interface",
		"mark",
		"policy",
		"port",
		"side",
		"state",
		"subflows",
		"to",
		"uid",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

bool argument_is_repeated(char **args, int i)
{
	for (int before = 0; before < i; before++) {
		if (strcmp(args[before], args[i]) == 0)
			return true;
		before += is_valued(args[before]);
	}
	return false;
}

int argument_value(int n_args, char **args, int *i, const char **ret_value)
{
	if (argument_is_repeated(args, *i))
		return cli_usage(ARGUMENT_REPEATED, args[*i]);
	if (*i + 1 >= n_args || !*args[*i + 1])
		return cli_usage("\"%s\" needs a value", args[*i]);
	*ret_value = args[++*i];
	return EXIT_DONE;
}
