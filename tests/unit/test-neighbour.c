/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Neighbours that are sought anew, with a kernel of our own that has one, which may change at any time. */
#include <glib.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "addr.h"
#include "codec.h"
#include "link.h"
#include "neighbour.h"

#define IFINDEX 3

static struct {
	uint16_t state;
	uint16_t after_dump; /* its state from then on */
	unsigned int n_reset, n_used;
} kernel;

static struct mptcpd_addr neighbour_addr(void)
{
	static const uint8_t ip[] = {10, 0, 3, 2};

	return addr_v4(ip, 0);
}

static int tell(socket_on_reply *on_reply, void *data)
{
	struct mptcpd_addr addr = neighbour_addr();
	union codec_command buffer;
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(&buffer);
	struct ndmsg *info;

	nlh->nlmsg_type = RTM_NEWNEIGH;
	info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	info->ndm_family = AF_INET;
	info->ndm_ifindex = IFINDEX;
	info->ndm_state = kernel.state;
	mnl_attr_put(nlh, NDA_DST, 4, addr.ip);
	return on_reply(data, nlh, nlh->nlmsg_len);
}

int socket_request(struct socket *socket, struct nlmsghdr *request, socket_on_reply *on_reply,
		   void *data)
{
	const struct ndmsg *info = mnl_nlmsg_get_payload(request);
	int r = 0;

	if (request->nlmsg_type == RTM_GETNEIGH) {
		r = tell(on_reply, data);
		if ((request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP)
			kernel.state = kernel.after_dump;
	} else if (info->ndm_flags & NTF_USE) {
		kernel.n_used++;
	} else {
		g_assert_cmpint(request->nlmsg_type, ==, RTM_NEWNEIGH);
		kernel.n_reset++;
	}
	return r;
}

int link_neighbour(struct socket *socket, const struct mptcpd_addr *local, uint32_t ifindex,
		   const struct mptcpd_addr *remote, struct mptcpd_addr *ret_neighbour)
{
	*ret_neighbour = neighbour_addr();
	return 1;
}

static void seek(uint16_t state, uint16_t after_dump)
{
	kernel.n_reset = kernel.n_used = 0;
	kernel.state = state;
	kernel.after_dump = after_dump;
	g_assert_cmpint(neighbours_seek(NULL, IFINDEX), ==, 0);
}

static void who_has_not_answered(void)
{
	seek(NUD_INCOMPLETE, NUD_INCOMPLETE);
	g_assert_cmpuint(kernel.n_reset, ==, 1);
	g_assert_cmpuint(kernel.n_used, ==, 1);
}

static void others_are_left_alone(void)
{
	static const uint16_t states[] = {NUD_REACHABLE, NUD_STALE, NUD_DELAY,	  NUD_PROBE,
					  NUD_FAILED,	 NUD_NOARP, NUD_PERMANENT};

	for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
		seek(states[i], states[i]);
		g_assert_cmpuint(kernel.n_reset + kernel.n_used, ==, 0);
	}
}

/* The kernel would forget what it has just learned, or was told for good. */
static void who_is_known_meanwhile_is_left_alone(void)
{
	static const uint16_t states[] = {NUD_REACHABLE, NUD_STALE, NUD_PERMANENT};

	for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
		seek(NUD_INCOMPLETE, states[i]);
		g_assert_cmpuint(kernel.n_reset + kernel.n_used, ==, 0);
	}
}

static void anew_where_it_is_to_be(void)
{
	struct mptcpd_addr addr = neighbour_addr();

	seek(NUD_INCOMPLETE, NUD_INCOMPLETE);
	kernel.n_reset = 0;
	g_assert_cmpint(neighbour_known(NULL, &addr, IFINDEX, &addr, false), ==, NEIGHBOUR_SOUGHT);
	g_assert_cmpuint(kernel.n_reset, ==, 0);
	g_assert_cmpint(neighbour_known(NULL, &addr, IFINDEX, &addr, true), ==, NEIGHBOUR_SOUGHT);
	g_assert_cmpuint(kernel.n_reset, ==, 1);
	kernel.state = NUD_PERMANENT;
	g_assert_cmpint(neighbour_known(NULL, &addr, IFINDEX, &addr, true), ==, NEIGHBOUR_KNOWN);
	g_assert_cmpuint(kernel.n_reset, ==, 1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/neighbour/seek/who-has-not-answered", who_has_not_answered);
	g_test_add_func("/neighbour/seek/others-are-left-alone", others_are_left_alone);
	g_test_add_func("/neighbour/seek/who-is-known-meanwhile-is-left-alone",
			who_is_known_meanwhile_is_left_alone);
	g_test_add_func("/neighbour/known/sought-anew-where-it-is-to-be", anew_where_it_is_to_be);
	return g_test_run();
}
