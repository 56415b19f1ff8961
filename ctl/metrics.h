/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metrics in the text formats of Prometheus. */
#ifndef CTL_METRICS_H
#define CTL_METRICS_H

#include <mptcpctl/figures.h>

#include "ctl.h"

enum metrics_format {
	METRICS_PROMETHEUS, /* text format 0.0.4 */
	METRICS_OPENMETRICS, /* 1.0.0 */
};

/* A text that grows. Zero it to begin; whoever made it frees `bytes`. */
struct metrics_text {
	char *bytes; /* NULL, or ends with a NUL */
	size_t n, room;
	enum metrics_format format;
};

/* Append them all. As mptcpctl_list_metrics(): nothing is appended if that fails. */
int metrics_append(struct ctl *ctl, struct metrics_text *text);
/* The only one there is where no mptcpd answers. */
void metrics_append_down(struct metrics_text *text);

#endif
