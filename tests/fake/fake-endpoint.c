/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake kernel's own path manager: a small table of endpoints, and two limits. */
#include <errno.h>
#include <glib.h>

#include "addr.h"
#include "fake-kernel.h"

static struct event_endpoint *find_id(struct fake_kernel *fake, uint8_t id)
{
	for (size_t i = 0; i < FAKE_ENDPOINTS; i++)
		if (fake->endpoints[i].id == id)
			return &fake->endpoints[i];
	return NULL;
}

static struct event_endpoint *find_addr(struct fake_kernel *fake, const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < FAKE_ENDPOINTS; i++)
		if (fake->endpoints[i].id && addr_equal(&fake->endpoints[i].addr, addr))
			return &fake->endpoints[i];
	return NULL;
}

struct event_endpoint *fake_find_endpoint(struct fake_kernel *fake, const char *address)
{
	struct mptcpd_addr addr = fake_addr(address);

	return find_addr(fake, &addr);
}

size_t fake_count_endpoints(const struct fake_kernel *fake)
{
	size_t n = 0;

	for (size_t i = 0; i < FAKE_ENDPOINTS; i++)
		n += fake->endpoints[i].id != 0;
	return n;
}

void fake_endpoint(struct fake_kernel *fake, uint8_t id, const char *address, uint32_t flags,
		   uint32_t ifindex)
{
	struct event_endpoint *endpoint = find_id(fake, id);

	if (!endpoint)
		endpoint = find_id(fake, 0);
	if (!endpoint)
		g_assert_not_reached();
	*endpoint = (struct event_endpoint){.addr = fake_addr(address),
					    .flags = flags,
					    .ifindex = ifindex,
					    .id = id};
}

void fake_endpoint_gone(struct fake_kernel *fake, uint8_t id)
{
	struct event_endpoint *endpoint = find_id(fake, id);

	if (!endpoint)
		g_assert_not_reached();
	*endpoint = (struct event_endpoint){0};
}

int fake_list_endpoints(const struct fake_kernel *fake, struct event_endpoint *ret_endpoints,
			size_t room)
{
	int n = 0;

	for (size_t i = 0; i < FAKE_ENDPOINTS && (size_t)n < room; i++)
		if (fake->endpoints[i].id)
			ret_endpoints[n++] = fake->endpoints[i];
	return n;
}

static int answer(struct fake_kernel *fake, enum fake_command command,
		  const struct event_endpoint *endpoint, int result)
{
	struct fake_record record = {.command = command,
				     .local = endpoint->addr,
				     .id = endpoint->id,
				     .flags = endpoint->flags,
				     .ifindex = endpoint->ifindex};

	return fake_answer_command(fake, &record, result);
}

static int check_add(struct fake_kernel *fake, const struct event_endpoint *endpoint,
		     struct event_endpoint **ret_place)
{
	struct event_endpoint *there = find_addr(fake, &endpoint->addr);

	if (there && (there->flags & MPTCPD_FLAG_IMPLICIT) && !endpoint->id) {
		*ret_place = there;
		return 0;
	}
	if (endpoint->addr.port && !(endpoint->flags & MPTCPD_FLAG_SIGNAL))
		return -EINVAL;
	if (endpoint->addr.port && (endpoint->flags & MPTCPD_FLAG_SUBFLOW))
		return -EINVAL;
	if ((endpoint->flags & MPTCPD_FLAG_SIGNAL) && (endpoint->flags & MPTCPD_FLAG_FULLMESH))
		return -EINVAL;
	if (endpoint->addr.port && fake_check_listen(fake, &endpoint->addr) < 0)
		return fake_check_listen(fake, &endpoint->addr);
	if (there)
		return -EEXIST;
	if (endpoint->id && find_id(fake, endpoint->id))
		return -EBUSY;
	*ret_place = find_id(fake, 0);
	return *ret_place ? 0 : -ERANGE;
}

int fake_endpoint_add(void *kernel, const struct event_endpoint *endpoint)
{
	struct fake_kernel *fake = kernel;
	struct event_endpoint *place = NULL;
	int r = answer(fake, FAKE_ENDPOINT_ADD, endpoint, check_add(fake, endpoint, &place));
	uint8_t id = endpoint->id;

	if (r < 0)
		return r;
	/* On from the greatest that was given, then from the beginning. */
	if (!id)
		id = fake->endpoint_id;
	while (!id || (id != endpoint->id && find_id(fake, id)))
		id++;
	*place = *endpoint;
	place->id = id;
	if (id > fake->endpoint_id)
		fake->endpoint_id = id;
	if (endpoint->addr.port)
		fake_listen(fake, &endpoint->addr);
	return 0;
}

/* All that began on the address, initial ones too, of the connections of its own path manager. */
static void close_subflows(struct fake_kernel *fake, const struct mptcpd_addr *addr)
{
	for (size_t c = 0; c < FAKE_CONNECTIONS; c++) {
		struct fake_connection *connection = &fake->connections[c];

		if (!connection->used || connection->idle ||
		    connection->path_manager != PATH_MANAGER_KERNEL)
			continue;
		for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
			if (connection->subflows[i].used &&
			    addr_equal_host(&connection->subflows[i].local, addr))
				fake_reset(fake, connection, i, 0);
	}
}

static void forget(struct fake_kernel *fake, struct event_endpoint *endpoint)
{
	if (endpoint->id && endpoint->addr.port)
		fake_listen_no_more(fake, &endpoint->addr);
	*endpoint = (struct event_endpoint){0};
}

int fake_endpoint_delete(void *kernel, const struct event_endpoint *endpoint)
{
	struct fake_kernel *fake = kernel;
	struct event_endpoint *there = endpoint->id ? find_id(fake, endpoint->id) : NULL;
	bool is_initial = !endpoint->id && endpoint->addr.family;
	int r = answer(fake, FAKE_ENDPOINT_DELETE, endpoint, there || is_initial ? 0 : -EINVAL);

	if (r == 0)
		close_subflows(fake, there ? &there->addr : &endpoint->addr);
	if (r == 0 && there)
		forget(fake, there);
	return r;
}

int fake_endpoint_flags(void *kernel, const struct event_endpoint *endpoint)
{
	struct fake_kernel *fake = kernel;
	struct event_endpoint *there = endpoint->id ? find_id(fake, endpoint->id) : NULL;
	uint32_t changing = MPTCPD_FLAG_BACKUP | MPTCPD_FLAG_FULLMESH;
	bool fits = there && !((there->flags & MPTCPD_FLAG_SIGNAL) &&
			       (endpoint->flags & MPTCPD_FLAG_FULLMESH));
	int r = answer(fake, FAKE_ENDPOINT_FLAGS, endpoint, fits ? 0 : -EINVAL);

	if (r < 0)
		return r;
	if ((there->flags ^ endpoint->flags) & MPTCPD_FLAG_FULLMESH)
		close_subflows(fake, &there->addr);
	there->flags = (there->flags & ~changing) | (endpoint->flags & changing);
	return r;
}

int fake_endpoint_flush(void *kernel)
{
	struct fake_kernel *fake = kernel;
	struct event_endpoint nothing = {0};
	int r = answer(fake, FAKE_ENDPOINT_FLUSH, &nothing, 0);

	for (size_t i = 0; r == 0 && i < FAKE_ENDPOINTS; i++) {
		if (fake->endpoints[i].id)
			close_subflows(fake, &fake->endpoints[i].addr);
		forget(fake, &fake->endpoints[i]);
	}
	if (r == 0)
		fake->endpoint_id = 0;
	return r;
}

/* UINT32_MAX: it stays. */
static bool fits_limit(uint32_t limit)
{
	return limit <= FAKE_ENDPOINTS || limit == UINT32_MAX;
}

int fake_limits_set(void *kernel, const struct event_limits *limits)
{
	struct fake_kernel *fake = kernel;
	struct event_endpoint nothing = {0};
	bool fits = fits_limit(limits->subflows) && fits_limit(limits->add_addr_accepted);
	int r = answer(fake, FAKE_LIMITS, &nothing, fits ? 0 : -EINVAL);

	if (r == 0 && limits->subflows != UINT32_MAX)
		fake->limits.subflows = limits->subflows;
	if (r == 0 && limits->add_addr_accepted != UINT32_MAX)
		fake->limits.add_addr_accepted = limits->add_addr_accepted;
	return r;
}
