/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake's answers to commands: struct kernel_ops. */
#include "fake-kernel.h"

#include <errno.h>
#include <glib.h>
#include <sys/socket.h>

#include "addr.h"

static void tell(const struct fake_record *record, int result)
{
	static const char *const names[FAKE_COMMANDS] = {
		[FAKE_CREATE] = "create",
		[FAKE_DESTROY] = "destroy",
		[FAKE_BACKUP] = "set backup",
		[FAKE_ANNOUNCE] = "announce",
		[FAKE_WITHDRAW] = "withdraw",
		[FAKE_PROBE] = "probe",
		[FAKE_IDS] = "own addresses",
		[FAKE_LOOK] = "is backup",
		[FAKE_ROUTE] = "route",
		[FAKE_EGRESS] = "egress",
		[FAKE_OWNER] = "owner",
		[FAKE_CGROUP] = "cgroup",
		[FAKE_SNAPSHOT] = "snapshot",
		[FAKE_DUMP] = "dump",
		[FAKE_ENDPOINT_ADD] = "endpoint add",
		[FAKE_ENDPOINT_DELETE] = "endpoint delete",
		[FAKE_ENDPOINT_FLAGS] = "endpoint flags",
		[FAKE_ENDPOINT_FLUSH] = "endpoint flush",
		[FAKE_LIMITS] = "limits",
		[FAKE_RULE_ADD] = "rule add",
		[FAKE_RULE_DELETE] = "rule delete",
		[FAKE_ROUTE_ADD] = "route add",
		[FAKE_ROUTE_DELETE] = "route delete",
	};
	char local[ADDR_TEXT_SIZE] = "-", remote[ADDR_TEXT_SIZE] = "-";

	if (record->local.family)
		addr_format(&record->local, local);
	if (record->remote.family)
		addr_format(&record->remote, remote);
	g_printerr("         %s %x %s %s id %u flags %x: %d\n", names[record->command],
		   record->token, local, remote, record->id, record->flags, result);
}

int fake_answer_command(struct fake_kernel *fake, const struct fake_record *record, int result)
{
	enum fake_command command = record->command;

	if (fake->fail_always[command])
		result = fake->fail_always[command];
	if (fake->fail[command]) {
		result = fake->fail[command];
		fake->fail[command] = 0;
	}
	fake->counts[command]++;
	if (fake->tells)
		tell(record, result);
	if (fake->on_command)
		fake->on_command(fake->hook_data, record, result);
	fake->n_commands += command <= FAKE_WITHDRAW || command >= FAKE_ENDPOINT_ADD;
	if (fake->n_log < FAKE_LOG) {
		fake->log[fake->n_log] = *record;
		fake->log[fake->n_log++].result = result;
	}
	return result;
}

/* The checks that all commands on a connection share. */
int fake_check(struct fake_kernel *fake, uint32_t token)
{
	struct fake_connection *connection = fake_find(fake, token);

	if (!connection)
		return -ENOTCONN;
	return connection->path_manager == PATH_MANAGER_USERSPACE ? 0 : -EINVAL;
}

/* ---- subflows ---- */

/* On a link that is up every host of IPv4 counts as a neighbour if no route leads there. */
static bool has_way(struct fake_kernel *fake, const struct subflow_request *request)
{
	const struct event_link *link = fake_find_link(fake, request->ifindex);

	if (request->local.family == AF_INET)
		return link->up;
	return fake_find_way(fake, link, &request->remote) != ROUTE_NONE;
}

static struct fake_subflow *find_subflow(struct fake_connection *connection,
					 const struct mptcpd_addr *local,
					 const struct mptcpd_addr *remote, uint32_t ifindex)
{
	for (size_t i = 0; connection && i < FAKE_SUBFLOWS; i++) {
		struct fake_subflow *subflow = &connection->subflows[i];

		if (subflow->used && addr_equal(&subflow->remote, remote) &&
		    addr_equal_host(&subflow->local, local) &&
		    (local->port == subflow->local.port ||
		     (!local->port && subflow->syn_sent &&
		      (!ifindex || !subflow->ifindex || ifindex == subflow->ifindex))))
			return subflow;
	}
	return NULL;
}

static int check_create(struct fake_kernel *fake, uint32_t token,
			const struct subflow_request *request)
{
	struct fake_connection *connection = fake_find(fake, token);
	int r = fake_check(fake, token);

	if (r == 0)
		r = fake_append_address(connection, &request->local, request->local_id,
					MPTCPD_FLAG_SUBFLOW, request->ifindex);
	if (r < 0)
		return r;
	if (!connection->established || connection->fallback)
		return -ENOTCONN;
	if (!fake_find_link(fake, request->ifindex))
		return -ENODEV;
	if (!fake_find_local(fake, 0, &request->local))
		return -EADDRNOTAVAIL;
	if (request->local.port && find_subflow(connection, &request->local, &request->remote, 0))
		return -EADDRINUSE;
	return has_way(fake, request) ? 0 : -ENETUNREACH;
}

static int subflow_create(void *kernel, uint32_t token, const struct subflow_request *request)
{
	struct fake_kernel *fake = kernel;
	struct fake_record record = {FAKE_CREATE,	token,
				     request->ifindex,	request->flags,
				     request->local,	request->remote,
				     request->local_id, 0};
	struct fake_connection *connection = fake_find(fake, token);
	int r = fake_answer_command(fake, &record, check_create(fake, token, request));

	if (connection && r < 0 && r != -EINVAL)
		fake_forget_address(connection, &request->local);
	for (size_t i = 0; r == 0 && i < FAKE_SUBFLOWS; i++) {
		struct fake_subflow *subflow = &connection->subflows[i];

		if (subflow->used)
			continue;
		*subflow = (struct fake_subflow){
			.used = true,
			.syn_sent = true,
			.ours = true,
			.backup = (request->flags & MPTCPD_FLAG_BACKUP) && !fake->ignores_backup,
			.local = request->local,
			.remote = request->remote,
			.local_id = request->local_id,
			.remote_id = request->remote_id,
			.asked_port = request->local.port,
			.ifindex = fake->ignores_link ? 0 : request->ifindex,
		};
		if (!subflow->local.port)
			subflow->local.port = fake->next_port++;
		return 0;
	}
	return r < 0 ? r : -ENOMEM; /* more than the fake can keep */
}

static int subflow_destroy(void *kernel, uint32_t token, const struct mptcpd_addr *local,
			   const struct mptcpd_addr *remote, uint32_t ifindex, bool mapped)
{
	struct fake_kernel *fake = kernel;
	struct fake_record record = {.command = FAKE_DESTROY,
				     .token = token,
				     .local = *local,
				     .remote = *remote};
	struct fake_connection *connection = fake_find(fake, token);
	struct fake_subflow *subflow = find_subflow(connection, local, remote, ifindex);
	int r = fake_check(fake, token);

	if (r == 0 && (!subflow || subflow->mapped != mapped))
		r = -ESRCH;
	r = fake_answer_command(fake, &record, r);
	if (r == 0) {
		fake_forget_address(connection, local);
		if (subflow->syn_sent)
			subflow->remote.port = 0;
		fake_reset(fake, connection, (size_t)(subflow - connection->subflows),
			   subflow->syn_sent ? ECONNRESET : 0);
	}
	return r;
}

static int subflow_backup(void *kernel, uint32_t token, const struct mptcpd_addr *local,
			  const struct mptcpd_addr *remote, bool backup)
{
	struct fake_kernel *fake = kernel;
	struct fake_record record = {.command = FAKE_BACKUP,
				     .token = token,
				     .flags = backup,
				     .local = *local,
				     .remote = *remote};
	struct fake_subflow *subflow = find_subflow(fake_find(fake, token), local, remote, 0);
	int r = fake_answer_command(fake, &record,
				    fake_check(fake, token) < 0 || !subflow ? -EINVAL : 0);

	if (r == 0)
		subflow->backup = backup;
	return r;
}

static int subflow_is_backup(void *kernel, uint32_t token, const struct mptcpd_addr *local,
			     const struct mptcpd_addr *remote, uint32_t ifindex)
{
	struct fake_kernel *fake = kernel;
	struct fake_record record = {.command = FAKE_LOOK,
				     .token = token,
				     .ifindex = ifindex,
				     .local = *local,
				     .remote = *remote};
	struct fake_subflow *subflow = find_subflow(fake_find(fake, token), local, remote, 0);
	int r = fake_answer_command(fake, &record, subflow ? 0 : -ENOENT);

	return r < 0 ? r : subflow->backup;
}

/* ---- questions ---- */

/* ---- commands that nobody waits for ---- */

/* What the bytes of a command are here. A withdrawal has its id in the request. */
struct ready {
	enum fake_command command;
	struct subflow_request request;
	bool mapped;
};

static void prepare(const struct ready *ready, struct prepared *ret_command)
{
	memcpy(ret_command->bytes, ready, sizeof(*ready));
}

static void prepare_create(void *kernel, const struct subflow_request *request,
			   struct prepared *ret_command)
{
	prepare(&(struct ready){FAKE_CREATE, *request, false}, ret_command);
}

static void prepare_destroy(void *kernel, const struct mptcpd_addr *local,
			    const struct mptcpd_addr *remote, bool mapped,
			    struct prepared *ret_command)
{
	struct subflow_request request = {.local = *local, .remote = *remote};

	g_assert_true(local->port && remote->port);
	prepare(&(struct ready){FAKE_DESTROY, request, mapped}, ret_command);
}

static void prepare_withdraw(void *kernel, uint8_t id, struct prepared *ret_command)
{
	prepare(&(struct ready){FAKE_WITHDRAW, {.local_id = id}, false}, ret_command);
}

static int carry_out(void *kernel, uint32_t token, const struct ready *ready)
{
	const struct subflow_request *request = &ready->request;

	if (ready->command == FAKE_WITHDRAW)
		return fake_withdraw(kernel, token, request->local_id);
	if (ready->command == FAKE_CREATE)
		return subflow_create(kernel, token, request);
	return subflow_destroy(kernel, token, &request->local, &request->remote, 0, ready->mapped);
}

/* It is carried out at once, and how it went is told when somebody asks. */
static int ask(void *kernel, uint32_t token, const struct prepared *command)
{
	struct fake_kernel *fake = kernel;
	struct ready ready;

	memcpy(&ready, command->bytes, sizeof(ready));
	fake->n_asked++;
	if (carry_out(kernel, token, &ready) < 0) {
		g_assert_cmpuint(fake->n_refused, <, G_N_ELEMENTS(fake->refused));
		fake->refused[fake->n_refused++] = fake->n_asked;
	}
	return fake->n_asked;
}

static size_t refusals(void *kernel, int *ret_numbers, size_t room)
{
	struct fake_kernel *fake = kernel;
	size_t n = fake->n_refused;

	if (n > 0 && fake->loses_refusals) {
		n = 1;
		fake->refused[0] = REFUSALS_LOST;
		fake->snapshot_wanted[SNAPSHOT_CONNECTIONS] = true;
		fake->loses_refusals = false;
	}
	g_assert_cmpuint(n, <=, room);
	memcpy(ret_numbers, fake->refused, n * sizeof(*ret_numbers));
	fake->n_refused = 0;
	return n;
}

static int probe(void *kernel, uint32_t token)
{
	struct fake_kernel *fake = kernel;
	struct fake_record record = {.command = FAKE_PROBE, .token = token};
	struct fake_connection *connection = fake_find(fake, token);

	if (!connection)
		return fake_answer_command(fake, &record, PROBE_GONE);
	return fake_answer_command(fake, &record,
				   connection->path_manager == PATH_MANAGER_KERNEL
					   ? PROBE_KERNEL
					   : PROBE_USERSPACE);
}

static int marks_matter(void *kernel)
{
	struct fake_kernel *fake = kernel;

	return fake->marked_rule != 0;
}

static int owner_of(void *kernel, uint32_t token, struct mptcpd_owner *ret_owner)
{
	struct fake_kernel *fake = kernel;
	const struct fake_connection *connection = fake_find(fake, token);

	fake->counts[FAKE_OWNER]++;
	if (fake->fail_always[FAKE_OWNER])
		return fake->fail_always[FAKE_OWNER];
	if (!connection)
		return -ENOENT;
	*ret_owner = (struct mptcpd_owner){.mark = connection->mark,
					   .uid = connection->uid,
					   .cgroup = connection->cgroup};
	return connection->is_orphan ? OWNER_ORPHAN : 0;
}

/* Ids below 100 are those of "/slice/ID". */
static int cgroup(void *kernel, uint64_t id, char *ret_path, size_t size)
{
	struct fake_kernel *fake = kernel;

	fake->counts[FAKE_CGROUP]++;
	if (fake->cgroup_walk > 0) {
		fake->cgroup_walk--;
		return -EAGAIN;
	}
	if (id == 0 || id >= 100)
		return -ENOENT;
	g_snprintf(ret_path, size, "/slice/%" G_GUINT64_FORMAT, id);
	return 0;
}

static int snapshot(void *kernel, enum snapshot_kind kind)
{
	struct fake_kernel *fake = kernel;
	struct fake_record record = {.command = FAKE_SNAPSHOT};
	int r = fake_answer_command(fake, &record, 0);

	fake->snapshot_wanted[kind] |= r == 0;
	return r;
}

static int snapshot_brief(void *kernel, enum snapshot_kind kind)
{
	((struct fake_kernel *)kernel)->brief_wanted[kind] = true;
	return 0;
}

uint64_t fake_clock(void *data)
{
	struct fake_kernel *fake = data;

	fake->n_looks++;
	return fake->work_ns += fake->out_of_time ? 1000000000 : fake->look_ns;
}

static const char *error_text(void *kernel)
{
	(void)kernel;
	return "the fake says so";
}

const struct kernel_ops fake_ops = {
	.subflow_create = subflow_create,
	.subflow_destroy = subflow_destroy,
	.subflow_backup = subflow_backup,
	.subflow_is_backup = subflow_is_backup,
	.own_addresses = fake_own_addresses,
	.announce = fake_announce,
	.withdraw = fake_withdraw,
	.prepare_create = prepare_create,
	.prepare_destroy = prepare_destroy,
	.prepare_withdraw = prepare_withdraw,
	.ask = ask,
	.refusals = refusals,
	.probe = probe,
	.route = fake_ask_route,
	.egress = fake_egress,
	.marks_matter = marks_matter,
	.owner = owner_of,
	.cgroup = cgroup,
	.neighbours_seek = fake_neighbours_seek,
	.neighbour_known = fake_neighbour_known,
	.rule_add = fake_rule_add,
	.rule_delete = fake_rule_delete,
	.route_add = fake_route_add,
	.route_delete = fake_route_delete,
	.endpoint_add = fake_endpoint_add,
	.endpoint_delete = fake_endpoint_delete,
	.endpoint_flags = fake_endpoint_flags,
	.endpoint_flush = fake_endpoint_flush,
	.limits_set = fake_limits_set,
	.listen = fake_listen_on,
	.unlisten = fake_unlisten,
	.listens = fake_listens,
	.look = fake_look,
	.evidence = fake_evidence,
	.snapshot = snapshot,
	.snapshot_brief = snapshot_brief,
	.error_text = error_text,
};
