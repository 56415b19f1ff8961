/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Actions: is what the caller says well-formed, do it, and word the outcome. */
#include "bus-private.h"

#include <ell/ell.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

/* ---- answering ---- */

/* The end of every message: clients read the errno from it. The text may hold any bytes. */
static int failed(sd_bus_error *error, const char *text, int r)
{
	char *whole = l_strdup_printf("%s [errno %d]", text, -r);

	bus_clean(whole);
	r = sd_bus_error_set(error, WIRE_ERROR_FAILED, whole);
	l_free(whole);
	return r;
}

/* The kernel's words, if it was the kernel that failed this action. */
static const char *kernel_words(const struct bus *bus)
{
	if (!bus->setup.error_text ||
	    engine_counters(bus->setup.engine)->command_errors == bus->errors_before)
		return "";
	return bus->setup.error_text(bus->setup.data);
}

/* Word what the engine said. `missing` is for -ENOENT. */
static int answer(sd_bus_message *m, struct bus *bus, int r, const char *missing,
		  sd_bus_error *error)
{
	const char *words = kernel_words(bus);
	char text[256];

	if (bus->setup.settle)
		bus->setup.settle(bus->setup.data);
	if (r >= 0)
		return sd_bus_reply_method_return(m, "");
	if (r == -ENOENT)
		return sd_bus_error_set(error, WIRE_ERROR_NOT_FOUND, missing);
	if (bus->setup.private)
		snprintf(text, sizeof(text), "the kernel says: %s%s%s%s", strerror(-r),
			 *words ? " (" : "", words, *words ? ")" : "");
	else
		snprintf(text, sizeof(text), "%s%s%s", strerror(-r), *words ? ": " : "", words);
	return failed(error, text, r);
}

/* Word what the engine said of one connection; `missing` is said of it. */
static int answer_connection(sd_bus_message *m, struct bus *bus, uint32_t token, int r,
			     const char *missing, sd_bus_error *error)
{
	const char *untold = bus_untold(bus);
	char text[64];

	switch (-r) {
	case ESRCH:
		if (untold)
			return failed(error, untold, -EIO);
		snprintf(text, sizeof(text), "no connection with token %x", token);
		return answer(m, bus, -ENOENT, text, error);
	case EPERM:
		snprintf(text, sizeof(text), "connection %x is under the kernel's path manager",
			 token);
		return failed(error, text, r);
	case EOPNOTSUPP:
		snprintf(text, sizeof(text), "connection %x has fallen back to TCP", token);
		return failed(error, text, r);
	default:
		snprintf(text, sizeof(text), "connection %x %s", token, missing);
		return answer(m, bus, r, text, error);
	}
}

/* ---- subflows ---- */

static int refuse_local(const struct bus *bus, const struct subflow_request *request,
			sd_bus_error *error)
{
	const struct model *model = engine_model(bus->setup.engine);
	char local[ADDR_TEXT_SIZE], text[128];

	snprintf(text, sizeof(text), "%s is no address of %s",
		 addr_format_host(&request->local, local),
		 request->ifindex ? model_interface_name(model, request->ifindex) : "this host");
	return failed(error, text, -EADDRNOTAVAIL);
}

static int add_subflow(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	struct subflow_request request = {0};
	uint32_t token;
	int backup, r = bus_read_token(m, bus, &token);

	if (r >= 0)
		r = bus_read_addr(m, "the local address", false, &request.local, error);
	if (r >= 0)
		r = bus_read_addr(m, "the remote address", true, &request.remote, error);
	if (r >= 0)
		r = sd_bus_message_read(m, "y", &request.local_id);
	if (r >= 0)
		r = bus_read_interface(m, bus, &request.ifindex, error);
	if (r >= 0)
		r = sd_bus_message_read(m, "b", &backup);
	if (r >= 0)
		r = bus_read_option(m, "initial-id", &request.fixed_id, error);
	if (r < 0)
		return r;
	if (request.fixed_id && request.local_id)
		return bus_invalid(error, "\"initial-id\" goes with id 0");
	if (request.local.family != request.remote.family)
		return bus_invalid(error,
				   "the local and the remote address are of different families");
	request.flags = backup ? MPTCPD_FLAG_BACKUP : 0;
	r = engine_subflow_add(bus->setup.engine, token, &request, loop_now_ms());
	if (r == -EADDRNOTAVAIL && !*kernel_words(bus))
		return refuse_local(bus, &request, error);
	return answer_connection(m, bus, token, r, "has no such subflow", error);
}

static int delete_subflow(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	struct mptcpd_addr local, remote;
	uint32_t token;
	int r = bus_read_token(m, bus, &token);

	if (r >= 0)
		r = bus_read_addr(m, "the local address", true, &local, error);
	if (r >= 0)
		r = bus_read_addr(m, "the remote address", true, &remote, error);
	if (r >= 0)
		r = bus_read_no_options(m, error);
	if (r < 0)
		return r;
	r = engine_subflow_delete(bus->setup.engine, token, &local, &remote, loop_now_ms());
	return answer_connection(m, bus, token, r, "has no such subflow", error);
}

static int change_subflow(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	struct mptcpd_addr local, remote;
	uint32_t token;
	int backup, r = bus_read_token(m, bus, &token);

	if (r >= 0)
		r = bus_read_addr(m, "the local address", false, &local, error);
	if (r >= 0)
		r = bus_read_addr(m, "the remote address", false, &remote, error);
	if (r >= 0)
		r = sd_bus_message_read(m, "b", &backup);
	if (r >= 0)
		r = bus_read_no_options(m, error);
	if (r < 0)
		return r;
	r = engine_subflow_change(bus->setup.engine, token, &local, &remote, backup, loop_now_ms());
	return answer_connection(m, bus, token, r, "has no such subflow", error);
}

/* ---- announcements ---- */

static int announce(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	struct mptcpd_addr addr;
	uint32_t token, ifindex;
	uint8_t id;
	int r = bus_read_token(m, bus, &token);

	if (r >= 0)
		r = bus_read_addr(m, "the address", false, &addr, error);
	if (r >= 0)
		r = sd_bus_message_read(m, "y", &id);
	if (r >= 0)
		r = bus_read_interface(m, bus, &ifindex, error);
	if (r >= 0)
		r = bus_read_no_options(m, error);
	if (r < 0)
		return r;
	if (!id)
		return bus_invalid(error, "the address id is 0, expected 1 to 255");
	r = engine_announce(bus->setup.engine, token, &addr, id, ifindex, loop_now_ms());
	if (r == -EEXIST)
		return failed(error, "the connection uses this id for another address", r);
	return answer_connection(m, bus, token, r, "has no such address", error);
}

static int withdraw(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	char missing[64];
	uint32_t token;
	uint8_t id;
	int r = bus_read_token(m, bus, &token);

	if (r >= 0)
		r = sd_bus_message_read(m, "y", &id);
	if (r >= 0)
		r = bus_read_no_options(m, error);
	if (r < 0)
		return r;
	snprintf(missing, sizeof(missing), "announces no address with id %u", id);
	r = engine_withdraw(bus->setup.engine, token, id, loop_now_ms());
	if (r == -ENOENT && bus->setup.private)
		r = -EINVAL; /* which is what the kernel said */
	return answer_connection(m, bus, token, r, missing, error);
}

/* ---- the kernel's path manager ---- */

/* y id, (sq) address: which endpoint. One of them may be missing. */
static int read_endpoint(sd_bus_message *m, struct event_endpoint *ret_endpoint,
			 sd_bus_error *error)
{
	int r = sd_bus_message_read(m, "y", &ret_endpoint->id);

	if (r >= 0)
		r = bus_read_maybe_addr(m, "the address", &ret_endpoint->addr, error);
	if (r >= 0 && !ret_endpoint->id && !ret_endpoint->addr.family)
		return bus_invalid(error, "neither an address id nor an address");
	return r;
}

static int add_endpoint(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	struct event_endpoint endpoint = {0};
	int r = sd_bus_message_read(m, "y", &endpoint.id);

	if (r >= 0)
		r = bus_read_addr(m, "the address", false, &endpoint.addr, error);
	if (r >= 0)
		r = bus_read_interface(m, bus, &endpoint.ifindex, error);
	if (r >= 0)
		r = bus_read_flags(m, &endpoint.flags, error);
	if (r >= 0)
		r = bus_read_no_options(m, error);
	if (r < 0)
		return r;
	r = engine_endpoint_add(bus->setup.engine, &endpoint, loop_now_ms());
	if (r == 0)
		bus_refresh(bus); /* which id it got */
	return answer(m, bus, r, "no such endpoint", error);
}

static int change_endpoint(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	const struct model *model = engine_model(bus->setup.engine);
	struct event_endpoint endpoint = {0};
	const struct endpoint *found;
	uint32_t set, clear;
	int r = read_endpoint(m, &endpoint, error);

	if (r >= 0)
		r = bus_read_flags(m, &set, error);
	if (r >= 0)
		r = bus_read_flags(m, &clear, error);
	if (r >= 0)
		r = bus_read_no_options(m, error);
	if (r < 0)
		return r;
	if (set & clear)
		return bus_invalid(error, "the same flag is to be set and cleared");
	bus_refresh(bus);
	found = model_find_endpoint(model, endpoint.id, &endpoint.addr);
	if (!found)
		return answer(m, bus, -ENOENT, "no such endpoint", error);
	endpoint = found->is;
	endpoint.flags = (endpoint.flags | set) & ~clear;
	if ((endpoint.flags ^ found->is.flags) & ~(MPTCPD_FLAG_BACKUP | MPTCPD_FLAG_FULLMESH))
		return bus_invalid(error, "flags but backup and fullmesh cannot be changed");
	r = engine_endpoint_change(bus->setup.engine, &endpoint, loop_now_ms());
	return answer(m, bus, r, "no such endpoint", error);
}

static int delete_endpoint(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	struct event_endpoint endpoint = {0};
	bool initial = false;
	int r = read_endpoint(m, &endpoint, error);

	if (r >= 0)
		r = bus_read_option(m, "initial", &initial, error);
	if (r < 0)
		return r;
	if (initial && (endpoint.id || !endpoint.addr.family))
		return bus_invalid(error, "\"initial\" goes with id 0 and an address");
	if (initial) {
		r = engine_endpoint_delete_initial(bus->setup.engine, &endpoint.addr);
		return answer(m, bus, r, "no such endpoint", error);
	}
	bus_refresh(bus);
	if (!model_find_endpoint(engine_model(bus->setup.engine), endpoint.id, &endpoint.addr))
		return answer(m, bus, -ENOENT, "no such endpoint", error);
	r = engine_endpoint_delete(bus->setup.engine, &endpoint, loop_now_ms());
	return answer(m, bus, r, "no such endpoint", error);
}

static int flush_endpoints(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	int r = bus_read_no_options(m, error);

	if (r < 0)
		return r;
	bus_refresh(bus);
	r = engine_endpoint_flush(bus->setup.engine, loop_now_ms());
	return answer(m, bus, r, "no such endpoint", error);
}

static int set_limits(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	struct event_limits limits;
	int r = sd_bus_message_read(m, "uu", &limits.subflows, &limits.add_addr_accepted);

	if (r >= 0)
		r = bus_read_no_options(m, error);
	if (r < 0)
		return r;
	bus_refresh(bus);
	r = engine_limits_set(bus->setup.engine, &limits, loop_now_ms());
	return answer(m, bus, r, "no limits", error);
}

/* ---- the configuration ---- */

/* A caller who waits until the configuration was looked at. */
struct waiter {
	struct bus *bus;
	sd_bus_message *m;
};

static struct waiter *waiter_new(struct bus *bus, sd_bus_message *m)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter));

	if (!waiter)
		abort();
	waiter->bus = bus;
	waiter->m = sd_bus_message_ref(m);
	bus->n_waiters++;
	return waiter;
}

/* The caller has its answer, which goes out from the loop: nobody may be reading now. */
static void waiter_free(struct waiter *waiter)
{
	sd_bus *sd = sd_bus_message_get_bus(waiter->m);

	waiter->bus->n_waiters--;
	for (struct peer *peer = waiter->bus->peers; peer; peer = peer->next)
		if (peer->sd == sd)
			peer_update(peer);
	sd_bus_message_unref(waiter->m);
	free(waiter);
}

/* The text as D-Bus takes it, cut if it must be. */
static char *clean_text(const char *text)
{
	size_t size = strlen(text);
	char *clean;

	if (size >= WIRE_TEXT_SIZE)
		size = WIRE_TEXT_SIZE - 1;
	clean = strndup(text, size);
	if (!clean)
		abort();
	bus_clean(clean);
	return clean;
}

static void on_reloaded(void *data, int r, const char *text)
{
	struct waiter *waiter = data;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	char *clean = clean_text(text);

	if (*clean && clean[strlen(clean) - 1] == '\n')
		clean[strlen(clean) - 1] = '\0';
	if (r < 0) {
		failed(&error, *clean ? clean : strerror(-r), r);
		sd_bus_reply_method_error(waiter->m, &error);
		sd_bus_error_free(&error);
	} else {
		sd_bus_reply_method_return(waiter->m, "");
	}
	free(clean);
	waiter_free(waiter);
}

static void on_checked(void *data, int r, const char *text)
{
	struct waiter *waiter = data;
	char *clean = clean_text(text);

	sd_bus_reply_method_return(waiter->m, "bs", r >= 0, clean);
	free(clean);
	waiter_free(waiter);
}

/* Positive: there will be an answer. */
static int await_config(sd_bus_message *m, struct bus *bus, sd_bus_error *error,
			void (*ask)(void *data, bus_done_func on_done, void *done_data),
			bus_done_func on_done)
{
	if (!ask)
		return sd_bus_error_set(error, SD_BUS_ERROR_NOT_SUPPORTED,
					"this mptcpd has no configuration to look at");
	if (bus->n_waiters >= BUS_WAITING_MAX)
		return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
					"too many wait for the configuration already");
	ask(bus->setup.data, on_done, waiter_new(bus, m));
	return 1;
}

static int reload(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	return await_config(m, bus, error, bus->setup.reload, on_reloaded);
}

static int check_config(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	return await_config(m, bus, error, bus->setup.check_config, on_checked);
}

/* ---- which is which ---- */

#define MANAGE "org.mptcpd1.manage"
#define RELOAD "org.mptcpd1.reload"

/* A row for each method of the vtable whose handler is bus_method_action(). */
static const struct action_method {
	const char *member;
	int (*run)(sd_bus_message *m, struct bus *bus, sd_bus_error *error);
	const char *action; /* what polkit calls it */
} methods[] = {
	{"AddSubflow", add_subflow, MANAGE},
	{"DeleteSubflow", delete_subflow, MANAGE},
	{"ChangeSubflow", change_subflow, MANAGE},
	{"Announce", announce, MANAGE},
	{"Withdraw", withdraw, MANAGE},
	{"AddEndpoint", add_endpoint, MANAGE},
	{"ChangeEndpoint", change_endpoint, MANAGE},
	{"DeleteEndpoint", delete_endpoint, MANAGE},
	{"FlushEndpoints", flush_endpoints, MANAGE},
	{"SetLimits", set_limits, MANAGE},
	{"Reload", reload, RELOAD},
	{"CheckConfig", check_config, RELOAD},
};

static const struct action_method *find_method(sd_bus_message *m)
{
	size_t i = 0;

	/* The vtable sends no other here. */
	while (strcmp(methods[i].member, sd_bus_message_get_member(m)) != 0)
		i++;
	return &methods[i];
}

const char *bus_action_polkit(sd_bus_message *m)
{
	return find_method(m)->action;
}

int bus_action_run(sd_bus_message *m, struct bus *bus, sd_bus_error *error)
{
	bus->errors_before = engine_counters(bus->setup.engine)->command_errors;
	return find_method(m)->run(m, bus, error);
}
