/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events of many connections, read one after the other and told of together. */
#include <string.h>

#include <glib.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/mptcp.h>

#include "crowd.h"

static struct socket_batch batch;
static _Alignas(struct nlmsghdr) char bytes[SOCKET_BUFFER_SIZE];
static struct crowd crowd;

static void begin(void)
{
	memset(&crowd, 0, sizeof(crowd));
	crowd.bytes = bytes;
	socket_batch_init(&batch);
}

/* As recvmmsg() leaves it. */
static void put(size_t i, const void *message, size_t size)
{
	memcpy(batch.bytes[i], message, size);
	batch.heads[i].msg_len = (unsigned)size;
	batch.heads[i].msg_hdr.msg_flags = 0;
	batch.heads[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_nl);
	batch.senders[i] = (struct sockaddr_nl){.nl_family = AF_NETLINK};
}

static void put_event(size_t i, uint8_t command, uint32_t token)
{
	_Alignas(struct nlmsghdr) char message[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(message);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	nlh->nlmsg_type = 0x1c;
	genl->cmd = command;
	mnl_attr_put_u32(nlh, MPTCP_ATTR_TOKEN, token);
	put(i, nlh, nlh->nlmsg_len);
}

static void test_order(void)
{
	begin();
	for (uint32_t i = 0; i < 3 * SOCKET_BATCH; i += SOCKET_BATCH) {
		for (uint32_t k = 0; k < SOCKET_BATCH; k++)
			put_event(k, MPTCP_EVENT_CREATED, i + k);
		g_assert_true(crowd_add(&crowd, &batch, SOCKET_BATCH));
	}
	g_assert_cmpuint(crowd.n, ==, 3 * SOCKET_BATCH);
	for (uint32_t i = 0; i < crowd.n; i++) {
		size_t size;
		const struct nlmsghdr *nlh = (const void *)crowd_get(&crowd, i, &size);
		const struct nlattr *attr =
			mnl_nlmsg_get_payload_offset(nlh, sizeof(struct genlmsghdr));

		g_assert_cmpuint(size, ==, nlh->nlmsg_len);
		g_assert_cmpuint(mnl_attr_get_u32(attr), ==, i);
	}
}

static void test_ended(void)
{
	begin();
	put_event(0, MPTCP_EVENT_ESTABLISHED, 1000001);
	put_event(1, MPTCP_EVENT_ESTABLISHED, 1000002);
	put_event(2, MPTCP_EVENT_CLOSED, 1000001);
	put_event(3, MPTCP_EVENT_SUB_CLOSED, 1000002);
	g_assert_true(crowd_add(&crowd, &batch, 4));
	g_assert_true(crowd_has_ended(&crowd, 1000001));
	g_assert_false(crowd_has_ended(&crowd, 1000002));
	g_assert_false(crowd_has_ended(&crowd, 1000003));
}

/* What is not the kernel's is left out, what was cut is told, the rest stays as it is. */
static void test_noise(void)
{
	const char odd[7] = "noise!";
	size_t size;

	begin();
	put_event(0, MPTCP_EVENT_CLOSED, 1);
	batch.senders[0].nl_pid = 4711;
	put(1, odd, sizeof(odd));
	put_event(2, MPTCP_EVENT_CLOSED, 2);
	g_assert_true(crowd_add(&crowd, &batch, 3));
	g_assert_cmpuint(crowd.n, ==, 2);
	g_assert_false(crowd_has_ended(&crowd, 1));
	g_assert_true(crowd_has_ended(&crowd, 2));
	g_assert_cmpstr(crowd_get(&crowd, 0, &size), ==, odd);
	g_assert_cmpuint(((const struct nlmsghdr *)crowd_get(&crowd, 1, &size))->nlmsg_type, ==,
			 0x1c);
	put_event(0, MPTCP_EVENT_CLOSED, 3);
	batch.heads[0].msg_hdr.msg_flags = MSG_TRUNC;
	g_assert_false(crowd_add(&crowd, &batch, 1));
	g_assert_cmpuint(crowd.n, ==, 2);
}

/* However long and however many they are. */
static void test_room(void)
{
	static char message[SOCKET_BATCH_SIZE];

	for (size_t size = 1; size <= sizeof(message); size *= 2) {
		size_t n = 0;

		begin();
		for (size_t i = 0; i < SOCKET_BATCH; i++)
			put(i, message, size);
		for (; crowd_has_room(&crowd); n += SOCKET_BATCH)
			g_assert_true(crowd_add(&crowd, &batch, SOCKET_BATCH));
		g_assert_cmpuint(n, >=, SOCKET_BATCH);
		g_assert_cmpuint(crowd.n, ==, n);
		g_assert_cmpuint(crowd.ends[n - 1], ==, n * NLMSG_ALIGN(size));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/crowd/is-told-in-order", test_order);
	g_test_add_func("/crowd/knows-who-ended", test_ended);
	g_test_add_func("/crowd/noise-harms-nobody", test_noise);
	g_test_add_func("/crowd/has-room-for-a-batch-or-says-so", test_room);
	return g_test_run();
}
