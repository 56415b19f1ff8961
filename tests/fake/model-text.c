/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model-text.h"

#include <glib.h>

#include "addr.h"

static char *subflow_text(const struct subflow *s)
{
	char local[ADDR_TEXT_SIZE], remote[ADDR_TEXT_SIZE];

	return g_strdup_printf("%s-%s if%u asked%u inst%u ids%u/%u state%d origin%d known%d "
			       "admin%d initial%d backup%d want%d banned%d pinned%d fixed%d",
			       addr_format(&s->local, local), addr_format(&s->remote, remote),
			       s->ifindex, s->want.port, s->want.instance, s->is.local_id,
			       s->is.remote_id, s->is.state, s->is.origin, s->is.origin_known,
			       s->want.by == WANTED_BY_ADMIN, s->is.initial, s->is.backup,
			       s->want.backup, s->want.banned, s->want.pinned, s->want.fixed_id);
}

static int compare(gconstpointer a, gconstpointer b)
{
	return g_strcmp0(*(char *const *)a, *(char *const *)b);
}

char *model_text(const struct connection *c)
{
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < c->n_subflows; i++)
		g_ptr_array_add(lines, subflow_text(&c->subflows[i]));
	for (size_t i = 0; i < c->more->n_peers; i++)
		g_ptr_array_add(lines, g_strdup_printf("peer %u %s", c->more->peers[i].id,
						       addr_format(&c->more->peers[i].addr, text)));
	for (size_t i = 0; i < c->more->n_announced; i++)
		g_ptr_array_add(lines,
				g_strdup_printf("announced %u %s sent%d admin%d listening%d",
						c->more->announced[i].id,
						addr_format(&c->more->announced[i].addr, text),
						c->more->announced[i].is.sent,
						c->more->announced[i].want.by == WANTED_BY_ADMIN,
						c->more->announced[i].is.listening));
	g_ptr_array_add(lines, g_strdup_printf("side%d state%d deny%d removed%d", c->side, c->state,
					       c->deny_join_id0, c->remote_removed));
	g_ptr_array_sort(lines, compare);
	g_ptr_array_add(lines, NULL);
	return g_strjoinv("\n", (char **)lines->pdata);
}
