/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A listing goes on after any serial number, whatever came and went meanwhile. */
#include <glib.h>

#include "entry.h"

#define N 2000

static struct rules rules;

/* As order_find() is to answer, by looking at each. */
static struct connection *search(const struct model *model, uint64_t serial)
{
	struct table_entry *entry = table_first(&model->connections);

	while (entry && table_owner(entry, struct connection)->serial <= serial)
		entry = table_next(entry);
	return table_owner(entry, struct connection);
}

static void compare(const struct model *model, GRand *random)
{
	for (size_t i = 0; i < 20; i++) {
		uint64_t serial = (uint64_t)g_rand_int_range(random, 0, (gint32)model->next_serial);

		g_assert_true(order_find(&model->order, serial) == search(model, serial));
	}
	g_assert_true(order_find(&model->order, 0) == search(model, 0));
	g_assert_null(order_find(&model->order, model->next_serial));
}

static void remove_one(struct model *model, uint32_t token)
{
	struct connection *connection = model_find_connection(model, token);

	if (connection)
		connection_remove(model, connection);
}

static void test_random(void)
{
	GRand *random = g_rand_new_with_seed(8684);
	struct model model;
	uint32_t last = 0;

	model_init(&model, &rules);
	for (size_t i = 0; i < N; i++) {
		/* Growing for a while, then shrinking to nothing, twice. */
		bool grows = i / (N / 4) % 2 == 0;

		for (size_t j = g_rand_int_range(random, 0, 6); j > 0; j--)
			if (grows)
				connection_add(&model, ++last);
		for (size_t j = g_rand_int_range(random, 0, grows ? 3 : 40); j > 0 && last; j--)
			remove_one(&model, (uint32_t)g_rand_int_range(random, 1, (gint32)last + 1));
		compare(&model, random);
	}
	model_done(&model);
	g_rand_free(random);
}

static void test_order_of_arrival(void)
{
	struct model model;

	model_init(&model, &rules);
	for (uint32_t token = 1; token <= N; token++)
		connection_add(&model, token);
	for (uint32_t token = 1; token <= N; token++) {
		g_assert_cmpuint(order_find(&model.order, token - 1)->token, ==, token);
		remove_one(&model, token);
	}
	g_assert_null(order_find(&model.order, 0));
	g_assert_cmpuint(model.order.n, ==, 0);
	connection_add(&model, 1);
	g_assert_cmpuint(order_find(&model.order, N)->token, ==, 1);
	model_done(&model);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/order/finds-what-a-search-finds", test_random);
	g_test_add_func("/order/oldest-leave-first", test_order_of_arrival);
	return g_test_run();
}
