/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What plugins say of the plan they make, where somebody asks for it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plan.h"

/* The most of one call that is shown. */
#define SAYING_MAX 200

__attribute__((format(printf, 2, 3))) static void explain(struct mptcpd_plan *base,
							  const char *format, ...)
{
	struct plan *plan = (struct plan *)base;
	const struct policy *policy = plan->connection->policy;
	char saying[SAYING_MAX + 1];
	size_t length = strlen(plan->words);
	va_list args;

	va_start(args, format);
	vsnprintf(saying, sizeof(saying), format, args);
	va_end(args);
	snprintf(plan->words + length, plan->words_size - length, "%s%s: %s", length ? "; " : "",
		 policy->plugins[plan->plugin].plugin->name, saying);
}

__attribute__((format(printf, 4, 5))) static void leave_out(struct mptcpd_plan *base,
							    const struct mptcpd_path *path,
							    enum mptcpd_left why,
							    const char *format, ...)
{
	struct plan *plan = (struct plan *)base;
	struct plan_left_out *left = &plan->left_out[plan->n_left_out];
	va_list args;

	if (plan->n_left_out == MPTCPD_PLAN_MAX || (unsigned int)why > MPTCPD_LEFT_FOR_LATER)
		return;
	plan->n_left_out++;
	left->path = *path;
	left->why = why;
	left->plugin = plan->plugin;
	va_start(args, format);
	vsnprintf(left->words, sizeof(left->words), format, args);
	va_end(args);
}

void plan_let_explain(struct plan *plan, char *ret_words, size_t size)
{
	ret_words[0] = '\0';
	plan->words = ret_words;
	plan->words_size = size;
	plan->base.explain = explain;
	plan->base.leave_out = leave_out;
}
