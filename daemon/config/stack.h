/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plugins one group of the configuration names, with the settings it gives them, started.
 */
#ifndef DAEMON_STACK_H
#define DAEMON_STACK_H

#include "calls.h"
#include "ini.h"
#include "rules.h"

/* The most plugins in one stack. */
#define STACK_MAX 16

/* What a stack is for: which of its functions a plugin must have. */
enum stack_kind {
	STACK_PATHS,
	STACK_ENDPOINTS,
};

struct stack_setup {
	enum stack_kind kind;
	const char *directory; /* of the plugins */
	const struct ini_group *group; /* must outlive the stack: string settings point into it */
	const char *plugins; /* their names, a list */
	struct where where; /* of that list */
	/* of the group that are no settings, ends with NULL; what else is reserved is not looked at */
	const char *const *own_keys;
	struct calls *calls;
};

/*
 * Load, configure and start them, but for those that are set aside: a stand-in is in their place.
 * Returns their number, 0 if anything was reported, now or before: then none is left started. The
 * array is to be freed by stack_stop().
 */
size_t stack_start(const struct stack_setup *setup, struct policy_plugin **ret_plugins,
		   struct faults *report);
void stack_stop(struct policy_plugin *plugins, size_t n_plugins, const struct calls *calls);
/* Give each its place in the memory of a connection; returns what they need together. */
size_t stack_lay_out(struct policy_plugin *plugins, size_t n_plugins);

#endif
