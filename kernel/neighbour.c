/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "neighbour.h"

#include <errno.h>
#include <stddef.h>

#include "link.h"
#include "ops.h"

/* More are left to time out by themselves. */
#define NEIGHBOURS_MAX 64

struct neighbours {
	struct codec_neighbour list[NEIGHBOURS_MAX];
	size_t n;
	uint32_t ifindex;
	bool is_full; /* there are more */
};

static int on_sought(void *data, const void *message, size_t size)
{
	struct neighbours *neighbours = data;
	struct codec_neighbour neighbour;
	int r = codec_neighbour(message, size, &neighbour);

	/* Kernels that do not filter tell of all links. */
	if (r != 0 || !neighbour.sought || neighbour.ifindex != neighbours->ifindex)
		return r < 0 ? r : 0;
	if (neighbours->n < NEIGHBOURS_MAX)
		neighbours->list[neighbours->n++] = neighbour;
	else
		neighbours->is_full = true;
	return 0;
}

static int on_neighbour(void *data, const void *message, size_t size)
{
	int r = codec_neighbour(message, size, data);

	return r < 0 ? r : 0;
}

/*
 * Who is in no state is asked at once, when it is made use of. To delete it instead would throw away what
 * waits for it, and tell its senders that there is no way.
 */
static int seek_anew(struct socket *socket, const struct codec_neighbour *neighbour)
{
	union codec_command command;
	int r = socket_request(socket, codec_reset_neighbour(&command, neighbour), NULL, NULL);

	return r < 0 ? r
		     : socket_request(socket, codec_seek_neighbour(&command, neighbour), NULL,
				      NULL);
}

/* What has answered, or was told for good, since the dump would be forgotten: so look just before. */
static int seek_if_sought(struct socket *socket, const struct codec_neighbour *neighbour)
{
	union codec_command command;
	struct codec_neighbour found = {0};
	int r = socket_request(socket, codec_get_neighbour(&command, neighbour), on_neighbour,
			       &found);

	return r < 0 || !found.sought ? r : seek_anew(socket, neighbour);
}

int neighbours_seek(struct socket *socket, uint32_t ifindex)
{
	union codec_command command;
	struct neighbours neighbours = {.ifindex = ifindex};
	int r = socket_request(socket, codec_get_neighbours(&command, ifindex), on_sought,
			       &neighbours);

	for (size_t i = 0; i < neighbours.n && r == 0; i++) {
		r = seek_if_sought(socket, &neighbours.list[i]);
		if (r == -ENOENT)
			r = 0;
	}
	return r == 0 && neighbours.is_full ? SEEK_SOME : r;
}

int neighbour_known(struct socket *socket, const struct mptcpd_addr *local, uint32_t ifindex,
		    const struct mptcpd_addr *remote, bool anew)
{
	union codec_command command;
	struct codec_neighbour asked = {.ifindex = ifindex};
	struct codec_neighbour found = {.unknown = true};
	int r = link_neighbour(socket, local, ifindex, remote, &asked.addr);

	if (r <= 0)
		return r < 0 ? r : NEIGHBOUR_NONE;
	r = socket_request(socket, codec_get_neighbour(&command, &asked), on_neighbour, &found);
	if (r < 0 && r != -ENOENT)
		return r;
	if (found.unknown && !found.sought)
		r = socket_request(socket, codec_seek_neighbour(&command, &asked), NULL, NULL);
	else if (found.unknown && anew)
		r = seek_anew(socket, &asked);
	if (r < 0 && r != -ENOENT)
		return r;
	return found.unknown ? NEIGHBOUR_SOUGHT : NEIGHBOUR_KNOWN;
}
