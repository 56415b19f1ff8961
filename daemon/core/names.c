/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "names.h"

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
	case SUBFLOW_WANTED:
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
