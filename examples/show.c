/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "show.h"

#include <mptcp/socket.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

/* "192.0.2.1:80", "[2001:db8::1]:80" */
static const char *address_text(const struct sockaddr_storage *address, char *text, size_t size)
{
	char host[64], port[8];
	socklen_t length =
		address->ss_family == AF_INET6 ? 28 : 16; /* a struct sockaddr_in6, _in */

	if (getnameinfo((const struct sockaddr *)address, length, host, sizeof(host), port,
			sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
		return "?";
	snprintf(text, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	return text;
}

void show(const char *word, int fd)
{
	const struct mptcp_socket_subflow *subflow;
	struct mptcp_socket_info *info;
	int r = mptcp_get_info(fd, &info);

	if (r < 0) {
		printf("%s: %s\n", word, mptcp_error_text(r));
		fflush(stdout);
		return;
	}
	printf("%s: %s\n", word,
	       info->used	   ? "MPTCP"
	       : info->fallen_back ? "TCP, fallen back"
				   : "TCP");
	for (subflow = info->subflows; subflow; subflow = subflow->next) {
		char local[80], remote[80];

		printf("  subflow %s -> %s rtt %.3f ms, %llu bytes sent, %llu received%s\n",
		       address_text(&subflow->local, local, sizeof(local)),
		       address_text(&subflow->remote, remote, sizeof(remote)),
		       subflow->rtt_us / 1000.0, (unsigned long long)subflow->bytes_sent,
		       (unsigned long long)subflow->bytes_received,
		       subflow->flags & MPTCP_SUBFLOW_INITIAL ? ", initial" : "");
	}
	fflush(stdout);
	mptcp_info_free(info);
}
