/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Subflows may come while they are read: the kernel fills as much as there is room, and says how many
 * there are. Then there is more room the next time.
 */
#include "subflows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

enum {
	ROOM = 8, /* for so many at first */
	MOST = 1024, /* a kernel that says more is not believed */
	LOOKS = 16, /* until two agree */
};

/* struct mptcp_full_info up to the connection's figures. */
struct full {
	uint32_t size_tcp_kernel, size_tcp_user, size_pair_kernel, size_pair_user;
	uint32_t n, room;
	uint64_t pairs __attribute__((aligned(8))), tcp;
	unsigned char info[INFO_BYTES];
};

/* struct mptcp_subflow_data, before an array. */
struct head {
	uint32_t size, n, size_kernel, size_user;
};

void mptcp_subflows_done(struct subflows *subflows)
{
	free(subflows->pairs);
	free(subflows->tcp);
	memset(subflows, 0, sizeof(*subflows));
}

static int get_option(int fd, int option, void *ret, size_t *size)
{
	socklen_t length = (socklen_t)*size;

	if (getsockopt(fd, LEVEL_MPTCP, option, ret, &length))
		return -errno;
	*size = length;
	return 0;
}

/* One look with room for so many: 0, even if there are more. */
static int look(int fd, size_t room, struct subflows *ret)
{
	struct full full = {
		.size_tcp_user = TCP_BYTES,
		.size_pair_user = ID_BYTES + PAIR_BYTES,
		.room = (uint32_t)room,
	};
	size_t size = sizeof(full);
	int r;

	ret->pairs = calloc(room, full.size_pair_user);
	ret->tcp = calloc(room, full.size_tcp_user);
	if (!ret->pairs || !ret->tcp)
		return -ENOMEM;
	full.pairs = (uintptr_t)ret->pairs;
	full.tcp = (uintptr_t)ret->tcp;
	r = get_option(fd, OPTION_FULL_INFO, &full, &size);
	if (r < 0)
		return r;
	ret->n = full.n;
	ret->id_bytes = full.size_pair_kernel == ID_BYTES_32 + PAIR_BYTES ? ID_BYTES_32 : ID_BYTES;
	ret->pair_stride = full.size_pair_user;
	ret->tcp_stride = full.size_tcp_user;
	size -= size < offsetof(struct full, info) ? size : offsetof(struct full, info);
	ret->info_size = size < INFO_BYTES ? size : INFO_BYTES;
	memcpy(ret->info, full.info, ret->info_size);
	return 0;
}

int mptcp_subflows_read(int fd, struct subflows *ret)
{
	size_t room = ROOM;

	for (;;) {
		struct subflows found = {0};
		int r = look(fd, room, &found);

		if (r == 0 && found.n <= room) {
			*ret = found;
			return 0;
		}
		room = found.n + ROOM;
		mptcp_subflows_done(&found);
		if (r < 0)
			return r;
		if (room > MOST)
			return -EPROTO;
	}
}

/* One array by an option of its own: whole, however many there are. */
static int read_array(int fd, int option, size_t width, unsigned char **ret, size_t *ret_stride,
		      size_t *ret_n)
{
	for (size_t room = ROOM; room <= MOST;) {
		struct head head = {.size = sizeof(head), .size_user = (uint32_t)width};
		size_t size = sizeof(head) + room * width;
		unsigned char *bytes = calloc(1, size);
		int r;

		if (!bytes)
			return -ENOMEM;
		memcpy(bytes, &head, sizeof(head));
		r = get_option(fd, option, bytes, &size);
		memcpy(&head, bytes, sizeof(head));
		if (r == 0 && head.n <= room) {
			memmove(bytes, bytes + sizeof(head), room * width);
			*ret = bytes;
			*ret_stride = head.size_user;
			*ret_n = head.n;
			return 0;
		}
		free(bytes);
		if (r < 0)
			return r;
		room = (size_t)head.n + ROOM;
	}
	return -EPROTO;
}

static int read_pairs(int fd, struct subflows *ret)
{
	return read_array(fd, OPTION_SUBFLOW_ADDRS, PAIR_BYTES, &ret->pairs, &ret->pair_stride,
			  &ret->n);
}

static bool is_same(const struct subflows *a, const struct subflows *b)
{
	return a->n == b->n && a->pair_stride == b->pair_stride &&
	       memcmp(a->pairs, b->pairs, a->n * a->pair_stride) == 0;
}

/* The figures of TCP have no address with them: whose they are is known if the addresses were the
 * same before and after, in the same order. */
int mptcp_subflows_read_apart(int fd, struct subflows *ret)
{
	int r = 0;

	for (int i = 0; i < LOOKS && r == 0; i++) {
		struct subflows found = {.info_size = INFO_BYTES}, after = {0};
		size_t n_tcp = 0;
		bool same = false;

		r = get_option(fd, OPTION_INFO, found.info, &found.info_size);
		if (r == 0)
			r = read_pairs(fd, &found);
		if (r == 0)
			r = read_array(fd, OPTION_TCPINFO, TCP_BYTES, &found.tcp, &found.tcp_stride,
				       &n_tcp);
		if (r == 0)
			r = read_pairs(fd, &after);
		if (r == 0)
			same = n_tcp == found.n && is_same(&found, &after);
		mptcp_subflows_done(&after);
		if (same) {
			*ret = found;
			return 0;
		}
		mptcp_subflows_done(&found);
	}
	return r ? r : -EAGAIN;
}
