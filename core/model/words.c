/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *side_name(enum mptcpd_side side)
{
	switch (side) {
	case MPTCPD_SIDE_CLIENT:
		return "client";
	case MPTCPD_SIDE_SERVER:
		return "server";
	case MPTCPD_SIDE_UNKNOWN:
		break;
	}
	return "unknown";
}

const char *path_manager_name(enum path_manager path_manager)
{
	switch (path_manager) {
	case PATH_MANAGER_KERNEL:
		return "kernel";
	case PATH_MANAGER_USERSPACE:
		return "userspace";
	case PATH_MANAGER_UNKNOWN:
		break;
	}
	return "unknown";
}

const char *connection_state_name(enum mptcpd_connection_state state)
{
	switch (state) {
	case MPTCPD_CONNECTION_CREATED:
		return "created";
	case MPTCPD_CONNECTION_ESTABLISHED:
		return "established";
	case MPTCPD_CONNECTION_CLOSING:
		return "closing";
	}
	return "unknown";
}

const char *subflow_state_name(enum subflow_state state)
{
	switch (state) {
	case SUBFLOW_ESTABLISHED:
		return "established";
	case SUBFLOW_CLOSING:
		return "closing";
	case SUBFLOW_ABSENT:
	case SUBFLOW_PENDING:
		break;
	}
	return "pending";
}

const char *origin_name(enum mptcpd_origin origin)
{
	switch (origin) {
	case MPTCPD_ORIGIN_APPLICATION:
		return "application";
	case MPTCPD_ORIGIN_POLICY:
		return "policy";
	case MPTCPD_ORIGIN_PEER:
		return "peer";
	case MPTCPD_ORIGIN_ADMIN:
		return "admin";
	}
	return "unknown";
}

const char *snapshot_name(enum snapshot_kind kind)
{
	switch (kind) {
	case SNAPSHOT_CONNECTIONS:
		return "connections";
	case SNAPSHOT_HOST:
		return "host";
	case SNAPSHOT_ENDPOINTS:
		return "endpoints";
	case SNAPSHOT_ROUTING:
		return "routing";
	case SNAPSHOT_KINDS:
		break;
	}
	return NULL;
}

static const char *const flag_names[] = {
	"signal", "subflow", "backup", "fullmesh", "implicit", "laminar",
};

const char *flag_name(unsigned int bit)
{
	return bit < sizeof(flag_names) / sizeof(*flag_names) ? flag_names[bit] : NULL;
}

uint32_t flag_from_name(const char *name)
{
	for (unsigned int bit = 0; flag_name(bit); bit++)
		if (strcmp(flag_name(bit), name) == 0)
			return 1u << bit;
	return 0;
}

const char *flags_text(uint32_t flags, char ret_text[static FLAGS_TEXT_SIZE])
{
	size_t size = 0;

	for (unsigned int bit = 0; flag_name(bit); bit++)
		if (flags & (1u << bit))
			size += (size_t)snprintf(ret_text + size, FLAGS_TEXT_SIZE - size, "%s%s",
						 size ? "," : "", flag_name(bit));
	return size ? ret_text : "none";
}

/* ---- health ---- */

const char *health_name(enum mptcpd_health health)
{
	switch (health) {
	case MPTCPD_HEALTH_UNKNOWN:
		break;
	case MPTCPD_HEALTH_WELL:
		return "well";
	case MPTCPD_HEALTH_SUSPECT:
		return "suspect";
	case MPTCPD_HEALTH_SILENT:
		return "silent";
	}
	return "unknown";
}

static const struct {
	const char *name, *text;
} health_reasons[] = {
	[HEALTH_REASON_NONE] = {"", ""},
	[HEALTH_REASON_HEARD] = {"heard", "the far side answers"},
	[HEALTH_REASON_UNACKNOWLEDGED] = {"unacknowledged",
					  "what is sent there is not acknowledged"},
	[HEALTH_REASON_SYN] = {"syn", "connections that begin there are not answered"},
	[HEALTH_REASON_SCOUT] = {"scout", "a join that was to find out is not answered"},
	[HEALTH_REASON_PROBE] = {"probe", "probes are not answered"},
	[HEALTH_REASON_PROBED] = {"probed", "probes are answered"},
	[HEALTH_REASON_BEYOND] = {"beyond",
				  "all links are silent, so that the fault is beyond them"},
};

const char *health_reason_name(enum health_reason reason)
{
	return health_reasons[reason].name;
}

const char *health_reason_text(enum health_reason reason)
{
	return health_reasons[reason].text;
}

const char *health_text(const struct health *health, uint64_t now_ms, char *text, size_t size)
{
	text[0] = '\0';
	if (health->state != MPTCPD_HEALTH_UNKNOWN)
		snprintf(text, size, "%s since %llu s%s%s", health_name(health->state),
			 (unsigned long long)(now_ms - health->since_ms) / 1000,
			 health->reason ? ", because " : "", health_reason_text(health->reason));
	return text;
}

/* ---- errors ---- */

#define ERROR_TEXT(number, text)                                                                   \
	{                                                                                          \
		number, text " (" #number ")"                                                      \
	}

static const struct {
	int error;
	const char *text;
} error_texts[] = {
	ERROR_TEXT(ECONNREFUSED, "refused by the peer"),
	ERROR_TEXT(EHOSTUNREACH, "no route, or the next hop does not answer"),
	ERROR_TEXT(ENETUNREACH, "no route to that network"),
	ERROR_TEXT(ETIMEDOUT, "no answer to the SYN"),
	ERROR_TEXT(ECONNRESET, "reset"),
	ERROR_TEXT(ECONNABORTED, "closed from this side, by another program"),
	ERROR_TEXT(EADDRNOTAVAIL, "the local address is not available"),
	ERROR_TEXT(EADDRINUSE, "the local port is in use"),
	ERROR_TEXT(ENODEV, "the interface is gone"),
	ERROR_TEXT(ENOTCONN, "the connection takes no subflows"),
	ERROR_TEXT(EINVAL, "the kernel finds the request invalid"),
};

/* RFC 8684 section 3.6. */
static const char *const reset_texts[] = {
	"unspecified error",	       "MPTCP specific error",	    "lack of resources",
	"administratively prohibited", "too much outstanding data", "unacceptable performance",
	"middlebox interference",
};

const char *subflow_error_text(uint8_t error, uint8_t reset, char *text, size_t size)
{
	const char *words = NULL;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(error_texts) / sizeof(error_texts[0]); i++)
		if (error == error_texts[i].error)
			words = error_texts[i].text;
	if (reset)
		snprintf(text, size, "reset by the peer: %s",
			 reset <= sizeof(reset_texts) / sizeof(reset_texts[0])
				 ? reset_texts[reset - 1]
				 : "unknown reason");
	else if (error)
		snprintf(text, size, "%s", words ? words : strerror(error));
	return text;
}
