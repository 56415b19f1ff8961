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

/* Ask for the next page, or for all of a listing that has none. False: that failed. */
static bool fetch_page(struct listing *listing)
{
	struct writer writer = handle_new_call(listing->ctl, listing->member);

	listing->reader = (struct reader){.arena = &listing->ctl->arena};
	listing->n = 0;
	if (listing->is_paged)
		writer_append(&writer, "tu", listing->pages.cursor, 0);
	listing->result = handle_call(listing->ctl, &writer, &listing->reader.m);
	return listing->result == 0 && reader_enter(&listing->reader, 'a', listing->type);
}

static void end_page(struct listing *listing)
{
	uint64_t cursor = 0;

	if (!listing->reader.m)
		return;
	if (listing->is_paged && listing->result == 0) {
		reader_exit(&listing->reader);
		reader_basic(&listing->reader, 't', &cursor);
	}
	listing->result = handle_finish(listing->ctl, &listing->reader, listing->result);
	listing->reader.m = NULL;
	if (listing->is_paged && listing->result == 0)
		listing->result =
			handle_turn_page(listing->ctl, &listing->pages, listing->n, cursor);
}

bool list_next(struct listing *listing, void *ret_record)
{
	while (listing->result == 0) {
		if ((listing->reader.m || fetch_page(listing)) &&
		    parse_record(&listing->reader, listing->schema, ret_record)) {
			listing->n++;
			return true;
		}
		end_page(listing);
		if (!listing->pages.cursor)
			return false;
	}
	end_page(listing);
	return false;
}

/* How many connections are how; an mptcpd that was before this does not count them. */
static int count_connections(struct mptcpctl *ctl, struct mptcpctl_status *status)
{
	struct pages pages = {0};
	int r;

	do {
		struct writer writer = handle_new_call(ctl, "CountConnections");
		struct reader reader = {.arena = &ctl->arena};
		struct connection_counts counts = {0};

		writer_append(&writer, "t", pages.cursor);
		r = handle_call(ctl, &writer, &reader.m);
		if (r < 0)
			return r == -EOPNOTSUPP ? 0 : r;
		parse_members(&reader, &schema_connection_counts, &counts);
		status->multi_path += counts.multi_path;
		status->single_path += counts.single_path;
		status->fallen_back += counts.fallen_back;
		status->unhealthy += counts.unhealthy;
		r = handle_finish(ctl, &reader, 0);
		if (r == 0)
			r = handle_turn_page(ctl, &pages, 1, counts.next);
	} while (r == 0 && pages.cursor);
	status->counted = r == 0;
	return r;
}

MPTCPCTL_EXPORT int
mptcpctl_get_status(struct mptcpctl *ctl,
		    int (*on_status)(void *data, const struct mptcpctl_status *status), void *data)
{
	struct reader reader = {.arena = &ctl->arena};
	struct mptcpctl_status status = {0};
	int r = count_connections(ctl, &status);

	if (r == 0)
		r = fetch(ctl, "GetStatus", &reader.m);
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

static int hand_out_connections(struct reader *reader, const struct each_connection *each)
{
	struct mptcpctl_connection connection;
	int r = 0;

	if (!reader_enter(reader, 'a', WIRE_CONNECTION))
		return 0;
	while (r == 0 && parse_record(reader, &schema_connection, &connection)) {
		r = each->on_connection(each->data, &connection);
		arena_reset(reader->arena);
	}
	if (r == 0)
		reader_exit(reader);
	return r;
}

/* As lists, which is how an mptcpd that was before the packed form has them. */
static int list_unpacked(struct mptcpctl *ctl, const struct each_connection *each)
{
	struct listing listing = {ctl, "ListConnections", WIRE_CONNECTION, &schema_connection,
				  .is_paged = true};
	struct mptcpctl_connection connection;

	while (list_next(&listing, &connection)) {
		listing.result = each->on_connection(each->data, &connection);
		arena_reset(&ctl->arena);
	}
	return listing.result;
}

static int ask_packed(struct mptcpctl *ctl, uint64_t cursor, struct answer *answer)
{
	struct writer writer = handle_new_call(ctl, "ListConnectionsPacked");

	writer_append(&writer, "tu", cursor, 0);
	return handle_post(ctl, &writer, answer);
}

/* Hand out a page, once the next one is asked for: it is made meanwhile. */
static int turn_packed(struct mptcpctl *ctl, struct pages *pages, sd_bus_message *m,
		       struct answer *answer, const struct each_connection *each)
{
	struct unpack unpack = {0};
	struct reader reader = {.m = m, .unpack = &unpack, .arena = &ctl->arena};
	const void *bytes = NULL;
	uint64_t cursor = 0;
	int r = sd_bus_message_read_array(m, 'y', &bytes, &unpack.end);

	unpack.bytes = bytes;
	reader.error = r < 0 || sd_bus_message_read_basic(m, 't', &cursor) < 0 ? -EBADMSG : 0;
	r = reader.error < 0 ? 0 : handle_turn_page(ctl, pages, unpack.end > EMPTY, cursor);
	if (r == 0 && cursor)
		r = ask_packed(ctl, cursor, answer);
	if (r == 0)
		r = hand_out_connections(&reader, each);
	return handle_finish(ctl, &reader, r);
}

/* All connections, as pack.h has them. */
static int list_packed(struct mptcpctl *ctl, const struct each_connection *each)
{
	struct pages pages = {0};
	struct answer answer;
	int r = ask_packed(ctl, 0, &answer);

	do {
		sd_bus_message *m;

		if (r == 0)
			r = handle_await(ctl, &answer, &m);
		/* What has another type later is no older mptcpd. */
		if (r == 0 && !pages.cursor && !sd_bus_message_has_signature(m, "ayt")) {
			sd_bus_message_unref(m);
			r = -EOPNOTSUPP;
		}
		if (r == -EOPNOTSUPP && !pages.cursor)
			return list_unpacked(ctl, each);
		if (r == 0)
			r = turn_packed(ctl, &pages, m, &answer, each);
	} while (r == 0 && pages.cursor);
	handle_forget(&answer);
	return r;
}

MPTCPCTL_EXPORT int mptcpctl_list_connections(
	struct mptcpctl *ctl,
	int (*on_connection)(void *data, const struct mptcpctl_connection *connection), void *data)
{
	struct each_connection each = {.on_connection = on_connection, .data = data};

	return list_packed(ctl, &each);
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

static void append_request(struct mptcpctl *ctl, struct writer *writer,
			   const struct mptcpctl_top_request *request)
{
	const struct {
		const char *key, *value;
	} texts[] = {
		{"sort", request->sort},     {"interface", request->interface},
		{"policy", request->policy}, {"state", request->state},
		{"to", request->to},
	};

	writer_append(writer, "u", request->rows);
	writer_open(writer, 'a', "{sv}");
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].value)
			argument_append_option(ctl, writer, texts[i].key, texts[i].value);
	if (request->port)
		writer_extra(writer, "port", "q", request->port);
	writer_close(writer);
}

MPTCPCTL_EXPORT int
mptcpctl_get_top(struct mptcpctl *ctl, const struct mptcpctl_top_request *request,
		 int (*on_connection)(void *data, const struct mptcpctl_connection *connection),
		 int (*on_top)(void *data, const struct mptcpctl_top *top), void *data)
{
	struct each_connection each = {.on_connection = on_connection, .data = data};
	struct writer writer = handle_new_call(ctl, "GetTop");
	struct reader reader = {.arena = &ctl->arena};
	struct mptcpctl_top top = {0};
	int r;

	append_request(ctl, &writer, request);
	r = handle_call(ctl, &writer, &reader.m);
	if (r < 0)
		return r;
	r = hand_out_connections(&reader, &each);
	if (r == 0)
		parse_members(&reader, &schema_top, &top);
	if (r == 0 && reader.error == 0)
		r = on_top(data, &top);
	return handle_finish(ctl, &reader, r);
}

MPTCPCTL_EXPORT int mptcpctl_list_interfaces(
	struct mptcpctl *ctl,
	int (*on_interface)(void *data, const struct mptcpctl_interface *interface), void *data)
{
	struct listing listing = {ctl, "ListInterfaces", WIRE_INTERFACE, &schema_interface,
				  .is_paged = true};
	struct mptcpctl_interface interface;

	while (list_next(&listing, &interface))
		listing.result = on_interface(data, &interface);
	return listing.result;
}

MPTCPCTL_EXPORT int
mptcpctl_list_endpoints(struct mptcpctl *ctl,
			int (*on_endpoint)(void *data, const struct mptcpctl_endpoint *endpoint),
			void *data)
{
	struct listing listing = {ctl, "ListEndpoints", WIRE_ENDPOINT, &schema_endpoint};
	struct mptcpctl_endpoint endpoint;

	while (list_next(&listing, &endpoint))
		listing.result = on_endpoint(data, &endpoint);
	return listing.result;
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
	struct listing listing = {ctl, "ListPolicies", WIRE_POLICY, &schema_policy};
	struct mptcpctl_policy policy;

	while (list_next(&listing, &policy))
		listing.result = on_policy(data, &policy);
	return listing.result;
}

static void append_subject(struct mptcpctl *ctl, struct writer *writer,
			   const struct mptcpctl_supposed *supposed)
{
	argument_append_addr(ctl, writer, &supposed->local);
	argument_append_addr(ctl, writer, &supposed->remote);
	argument_append(ctl, writer, supposed->side ? supposed->side : "client");
	argument_append(ctl, writer, supposed->interface);
	writer_open(writer, 'a', "{sv}");
	if (supposed->has_uid)
		writer_extra(writer, "uid", "u", supposed->uid);
	if (supposed->has_mark)
		writer_extra(writer, "mark", "u", supposed->mark);
	if (supposed->cgroup)
		argument_append_option(ctl, writer, "cgroup", supposed->cgroup);
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

	append_subject(ctl, &writer, supposed);
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

MPTCPCTL_EXPORT int mptcpctl_list_explanations(
	struct mptcpctl *ctl,
	int (*on_explanation)(void *data, const struct mptcpctl_explanation *explanation),
	void *data)
{
	struct listing listing = {ctl, "ListExplanations", WIRE_EXPLANATION,
				  &schema_listed_explanation, .is_paged = true};
	struct mptcpctl_explanation explanation;

	while (list_next(&listing, &explanation))
		listing.result = on_explanation(data, &explanation);
	return listing.result;
}

MPTCPCTL_EXPORT int
mptcpctl_list_config(struct mptcpctl *ctl,
		     int (*on_config)(void *data, const struct mptcpctl_config *config), void *data)
{
	struct listing listing = {ctl, "GetConfig", WIRE_CONFIG, &schema_config};
	struct mptcpctl_config config;

	while (list_next(&listing, &config))
		listing.result = on_config(data, &config);
	return listing.result;
}
