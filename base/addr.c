/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses: make, read and write. */
#include "addr.h"
#include "hot.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

HOT struct mptcpd_addr addr_v4(const void *ip4, uint16_t port)
{
	struct mptcpd_addr addr = {.family = AF_INET, .port = port};

	memcpy(addr.ip, ip4, 4);
	return addr;
}

HOT struct mptcpd_addr addr_v6(const void *ip6, uint16_t port)
{
	struct mptcpd_addr addr = {.family = AF_INET6, .port = port};

	if (memcmp(ip6, mapped_prefix, sizeof(mapped_prefix)) == 0)
		return addr_v4((const uint8_t *)ip6 + 12, port);
	memcpy(addr.ip, ip6, 16);
	return addr;
}

HOT struct mptcpd_addr addr_host(const struct mptcpd_addr *addr)
{
	struct mptcpd_addr host = *addr;

	host.port = 0;
	return host;
}

bool addr_is_reserved(const struct mptcpd_addr *addr)
{
	static const uint8_t zero[12];

	if (addr->family == AF_INET)
		return addr->ip[0] == 0 || addr->ip[0] >= 240;
	return addr->family == AF_INET6 && memcmp(addr->ip, zero, sizeof(zero)) == 0;
}

bool addr_is_one_host(const struct mptcpd_addr *addr)
{
	return !mptcpd_addr_is_any(addr) && !mptcpd_addr_is_loopback(addr) &&
	       !mptcpd_addr_is_multicast(addr) && !addr_is_reserved(addr);
}

/* The first `length` bytes of the text. */
static int parse_host(const char *text, size_t length, struct mptcpd_addr *ret_addr)
{
	char host[ADDR_TEXT_SIZE];
	uint8_t ip[16];

	if (length >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	if (inet_pton(AF_INET, host, ip) == 1)
		*ret_addr = addr_v4(ip, 0);
	else if (inet_pton(AF_INET6, host, ip) == 1)
		*ret_addr = addr_v6(ip, 0);
	else
		return -EINVAL;
	return 0;
}

static int parse_number(const char *text, unsigned long max, unsigned long *ret_number)
{
	char *end;

	if (*text < '0' || *text > '9' || strlen(text) > 5)
		return -EINVAL;
	*ret_number = strtoul(text, &end, 10);
	return *end || *ret_number > max ? -EINVAL : 0;
}

int addr_parse(const char *text, struct mptcpd_addr *ret_addr)
{
	const char *port = NULL;
	struct mptcpd_addr addr;
	unsigned long number;
	size_t length;

	if (*text == '[') {
		const char *end = strchr(++text, ']');

		if (!end || (end[1] && end[1] != ':') || !memchr(text, ':', (size_t)(end - text)))
			return -EINVAL;
		length = (size_t)(end - text);
		port = end[1] ? end + 2 : NULL;
	} else {
		const char *colon = strchr(text, ':');
		bool has_port = colon && !strchr(colon + 1, ':');

		length = has_port ? (size_t)(colon - text) : strlen(text);
		port = has_port ? colon + 1 : NULL;
	}
	if (parse_host(text, length, &addr) < 0)
		return -EINVAL;
	if (port) {
		if (parse_number(port, UINT16_MAX, &number) < 0 || number == 0)
			return -EINVAL;
		addr.port = (uint16_t)number;
	}
	*ret_addr = addr;
	return 0;
}

/* Listings have it very often, and libc goes by way of printf. */
static const char *format_v4(const uint8_t ip[static 4], char *text)
{
	char *end = text;

	for (size_t i = 0; i < 4; i++) {
		if (ip[i] >= 100)
			*end++ = (char)('0' + ip[i] / 100);
		if (ip[i] >= 10)
			*end++ = (char)('0' + ip[i] / 10 % 10);
		*end++ = (char)('0' + ip[i] % 10);
		*end++ = i < 3 ? '.' : '\0';
	}
	return text;
}

const char *addr_format_host(const struct mptcpd_addr *addr, char text[static ADDR_TEXT_SIZE])
{
	if (addr->family == AF_INET)
		return format_v4(addr->ip, text);
	if (!inet_ntop(addr->family, addr->ip, text, ADDR_TEXT_SIZE))
		snprintf(text, ADDR_TEXT_SIZE, "none");
	return text;
}

const char *addr_format(const struct mptcpd_addr *addr, char text[static ADDR_TEXT_SIZE])
{
	char host[ADDR_TEXT_SIZE];
	bool brackets = addr->family == AF_INET6;

	if (!addr->port)
		return addr_format_host(addr, text);
	addr_format_host(addr, host);
	snprintf(text, ADDR_TEXT_SIZE, "%s%.46s%s:%u", brackets ? "[" : "", host,
		 brackets ? "]" : "", addr->port);
	return text;
}
