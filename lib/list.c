/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listings: fetch page after page and hand out one structure at a time. */
#include "client-private.h"

#include <errno.h>

#include "parse.h"

/* The size of an array of structures that has none. */
#define EMPTY 8

/* Call without arguments. */
static int fetch(struct mptcpctl *ctl, const char *member, sd_bus_message **ret_reply)
{
	struct writer writer = handle_new_call(ctl, member);

	return handle_call(ctl, &writer, ret_reply);
}

static int fetch_token(struct mptcpctl *ctl, const char *member, uint32_t token,
		       sd_bus_message **ret_reply)
{
	struct writer writer = handle_new_call(ctl, member);

	writer_append(&writer, "u", token);
	return handle_call(ctl, &writer, ret_reply);
}

/* All pages of one listing. `hand_out` reads the array of one page and counts its records. */
static int list_pages(struct mptcpctl *ctl, const char *member,
		      int (*hand_out)(struct reader *reader, void *each, size_t *ret_n), void *each)
{
	struct pages pages = {0};
	int r;

	do {
		struct writer writer = handle_new_call(ctl, member);
		struct reader reader = {.arena = &ctl->arena};
		uint64_t cursor = 0;
		size_t n = 0;

		writer_append(&writer, "tu", pages.cursor, 0);
		r = handle_call(ctl, &writer, &reader.m);
		if (r < 0)
			return r;
		r = hand_out(&reader, each, &n);
		if (r == 0)
			reader_basic(&reader, 't', &cursor);
		r = handle_finish(ctl, &reader, r);
		if (r == 0)
			r = handle_turn_page(ctl, &pages, n, cursor);
	} while (r == 0 && pages.cursor);
	return r;
}

MPTCPCTL_EXPORT int
mptcpctl_get_status(struct mptcpctl *ctl,
		    int (*on_status)(void *data, const struct mptcpctl_status *status), void *data)
{
	struct reader reader = {.arena = &ctl->arena};
	struct mptcpctl_status status = {0};
	int r = fetch(ctl, "GetStatus", &reader.m);

	if (r < 0)
		return r;
	parse_members(&reader, &schema_status, &status);
	if (reader.error == 0)
		r = on_status(data, &status);
	return handle_finish(ctl, &reader, r);
}

struct each_connection {
	int (*on_connection)(void *data, const struct mptcpctl_connection *connection);
	void *data;
};

static int hand_out_connections(struct reader *reader, void *data, size_t *ret_n)
{
	struct each_connection *each = data;
	struct mptcpctl_connection connection;
	int r = 0;

	if (!reader_enter(reader, 'a', WIRE_CONNECTION))
		return 0;
	while (r == 0 && parse_record(reader, &schema_connection, &connection)) {
		r = each->on_connection(each->data, &connection);
		arena_reset(reader->arena);
		++*ret_n;
	}
	if (r == 0)
		reader_exit(reader);
	return r;
}

static int ask_packed(struct mptcpctl *ctl, uint64_t cursor, struct answer *answer)
{
	struct writer writer = handle_new_call(ctl, "ListConnectionsPacked");

	writer_append(&writer, "tu", cursor, 0);
	return handle_post(ctl, &writer, answer);
}

/* Hand out a page, once the next one is asked for: it is made meanwhile. */
static int turn_packed(struct mptcpctl *ctl, struct pages *pages, sd_bus_message *m,
		       struct answer *answer,
		       int (*hand_out)(struct reader *reader, void *each, size_t *ret_n),
		       void *each)
{
	struct unpack unpack = {0};
	struct reader reader = {.m = m, .unpack = &unpack, .arena = &ctl->arena};
	const void *bytes = NULL;
	uint64_t cursor = 0;
	size_t n = 0;
	int r = sd_bus_message_read_array(m, 'y', &bytes, &unpack.end);

	unpack.bytes = bytes;
	reader.error = r < 0 || sd_bus_message_read_basic(m, 't', &cursor) < 0 ? -EBADMSG : 0;
	r = reader.error < 0 ? 0 : handle_turn_page(ctl, pages, unpack.end > EMPTY, cursor);
	if (r == 0 && cursor)
		r = ask_packed(ctl, cursor, answer);
	if (r == 0)
		r = hand_out(&reader, each, &n);
	return handle_finish(ctl, &reader, r);
}

/* All connections, as pack.h has them; from an mptcpd that was before this one, as lists. */
static int list_packed(struct mptcpctl *ctl,
		       int (*hand_out)(struct reader *reader, void *each, size_t *ret_n),
		       void *each)
{
	struct pages pages = {0};
	struct answer answer;
	int r = ask_packed(ctl, 0, &answer);

	do {
		sd_bus_message *m;

		if (r == 0)
			r = handle_await(ctl, &answer, &m);
		if (r == 0 && !sd_bus_message_has_signature(m, "ayt")) {
			sd_bus_message_unref(m);
			r = -EOPNOTSUPP;
		}
		if (r == -EOPNOTSUPP && !pages.cursor)
			return list_pages(ctl, "ListConnections", hand_out, each);
		if (r == 0)
			r = turn_packed(ctl, &pages, m, &answer, hand_out, each);
	} while (r == 0 && pages.cursor);
	handle_forget(&answer);
	return r;
}

MPTCPCTL_EXPORT int mptcpctl_list_connections(
	struct mptcpctl *ctl,
	int (*on_connection)(void *data, const struct mptcpctl_connection *connection), void *data)
{
	struct each_connection each = {.on_connection = on_connection, .data = data};

	return list_packed(ctl, hand_out_connections, &each);
}

MPTCPCTL_EXPORT int mptcpctl_get_connection(
	struct mptcpctl *ctl, uint32_t token,
	int (*on_connection)(void *data, const struct mptcpctl_connection *connection), void *data)
{
	struct reader reader = {.arena = &ctl->arena};
	struct mptcpctl_connection connection;
	int r = fetch_token(ctl, "GetConnection", token, &reader.m);

	if (r < 0)
		return r;
	if (parse_record(&reader, &schema_connection, &connection))
		r = on_connection(data, &connection);
	return handle_finish(ctl, &reader, r);
}

struct each_interface {
	int (*on_interface)(void *data, const struct mptcpctl_interface *interface);
	void *data;
};

static int hand_out_interfaces(struct reader *reader, void *data, size_t *ret_n)
{
	struct each_interface *each = data;
	struct mptcpctl_interface interface;
	int r = 0;

	if (!reader_enter(reader, 'a', WIRE_INTERFACE))
		return 0;
	while (r == 0 && parse_record(reader, &schema_interface, &interface)) {
		r = each->on_interface(each->data, &interface);
		++*ret_n;
	}
	if (r == 0)
		reader_exit(reader);
	return r;
}

MPTCPCTL_EXPORT int mptcpctl_list_interfaces(
	struct mptcpctl *ctl,
	int (*on_interface)(void *data, const struct mptcpctl_interface *interface), void *data)
{
	struct each_interface each = {.on_interface = on_interface, .data = data};

	return list_pages(ctl, "ListInterfaces", hand_out_interfaces, &each);
}

MPTCPCTL_EXPORT int
mptcpctl_list_endpoints(struct mptcpctl *ctl,
			int (*on_endpoint)(void *data, const struct mptcpctl_endpoint *endpoint),
			void *data)
{
	struct reader reader = {.arena = &ctl->arena};
	struct mptcpctl_endpoint endpoint;
	int r = fetch(ctl, "ListEndpoints", &reader.m);

	if (r < 0)
		return r;
	if (reader_enter(&reader, 'a', WIRE_ENDPOINT))
		while (r == 0 && parse_record(&reader, &schema_endpoint, &endpoint))
			r = on_endpoint(data, &endpoint);
	return handle_finish(ctl, &reader, r);
}

MPTCPCTL_EXPORT int
mptcpctl_get_limits(struct mptcpctl *ctl,
		    int (*on_limits)(void *data, const struct mptcpctl_limits *limits), void *data)
{
	struct reader reader = {.arena = &ctl->arena};
	struct mptcpctl_limits limits = {0};
	int r = fetch(ctl, "GetLimits", &reader.m);

	if (r < 0)
		return r;
	parse_members(&reader, &schema_limits, &limits);
	if (reader.error == 0)
		r = on_limits(data, &limits);
	return handle_finish(ctl, &reader, r);
}

MPTCPCTL_EXPORT int mptcpctl_list_policies(struct mptcpctl *ctl,
					   int (*on_policy)(void *data,
							    const struct mptcpctl_policy *policy),
					   void *data)
{
	struct reader reader = {.arena = &ctl->arena};
	struct mptcpctl_policy policy;
	int r = fetch(ctl, "ListPolicies", &reader.m);

	if (r < 0)
		return r;
	if (reader_enter(&reader, 'a', WIRE_POLICY))
		while (r == 0 && parse_record(&reader, &schema_policy, &policy))
			r = on_policy(data, &policy);
	return handle_finish(ctl, &reader, r);
}

static void append_subject(struct writer *writer, const struct mptcpctl_supposed *supposed)
{
	const struct mptcpctl_addr *local = &supposed->local, *remote = &supposed->remote;

	writer_append(writer, WIRE_ADDR, local->address ? local->address : "", local->port);
	writer_append(writer, WIRE_ADDR, remote->address ? remote->address : "", remote->port);
	writer_append(writer, "ss", supposed->side ? supposed->side : "client",
		      supposed->interface ? supposed->interface : "");
	writer_open(writer, 'a', "{sv}");
	if (supposed->has_uid)
		writer_extra(writer, "uid", "u", supposed->uid);
	if (supposed->has_mark)
		writer_extra(writer, "mark", "u", supposed->mark);
	if (supposed->cgroup)
		writer_extra(writer, "cgroup", "s", supposed->cgroup);
	writer_close(writer);
}

MPTCPCTL_EXPORT int
mptcpctl_test_policy(struct mptcpctl *ctl, const struct mptcpctl_supposed *supposed,
		     int (*on_test)(void *data, const struct mptcpctl_policy_test *test),
		     void *data)
{
	struct writer writer = handle_new_call(ctl, "TestPolicy");
	struct reader reader = {.arena = &ctl->arena};
	struct mptcpctl_policy_test test = {0};
	int r;

	append_subject(&writer, supposed);
	r = handle_call(ctl, &writer, &reader.m);
	if (r < 0)
		return r;
	parse_members(&reader, &schema_policy_test, &test);
	if (reader.error == 0)
		r = on_test(data, &test);
	return handle_finish(ctl, &reader, r);
}

MPTCPCTL_EXPORT int
mptcpctl_explain(struct mptcpctl *ctl, uint32_t token,
		 int (*on_explanation)(void *data, const struct mptcpctl_explanation *explanation),
		 void *data)
{
	struct reader reader = {.arena = &ctl->arena};
	struct mptcpctl_explanation explanation = {.token = token};
	int r = fetch_token(ctl, "Explain", token, &reader.m);

	if (r < 0)
		return r;
	parse_members(&reader, &schema_explanation, &explanation);
	if (reader.error == 0)
		r = on_explanation(data, &explanation);
	return handle_finish(ctl, &reader, r);
}

MPTCPCTL_EXPORT int
mptcpctl_list_config(struct mptcpctl *ctl,
		     int (*on_config)(void *data, const struct mptcpctl_config *config), void *data)
{
	struct reader reader = {.arena = &ctl->arena};
	struct mptcpctl_config config;
	int r = fetch(ctl, "GetConfig", &reader.m);

	if (r < 0)
		return r;
	if (reader_enter(&reader, 'a', WIRE_CONFIG))
		while (r == 0 && parse_record(&reader, &schema_config, &config))
			r = on_config(data, &config);
	return handle_finish(ctl, &reader, r);
}
