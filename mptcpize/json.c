/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"

#include "addr.h"
#include "print.h"

void json_member(const char *name, const char *value)
{
	print("\"%s\":\"", name);
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '"' || c == '\\')
			print("\\%c", c);
		else if (c < ' ' || c >= 0x7f)
			print("\\u00%02x", c);
		else
			print("%c", c);
	}
	print("\"");
}

void json_addr(const char *name, const struct mptcpd_addr *addr)
{
	char text[ADDR_TEXT_SIZE];

	print("\"%s\":{\"address\":\"%s\",\"port\":%u}", name, addr_format_host(addr, text),
	      addr->port);
}
