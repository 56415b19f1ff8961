/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libmptcpctl: what links and connections carry, for who watches it or draws it over time. Errors,
 * ownership and units are those of <mptcpctl/client.h>; an mptcpd that is older than this has
 * -EOPNOTSUPP.
 */
#ifndef MPTCPCTL_FIGURES_H
#define MPTCPCTL_FIGURES_H

#include <mptcpctl/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a screen ---- */

/* A link, with the bytes of all that it has carried. */
struct mptcpctl_link {
	const struct mptcpctl_link *next;
	const char *name;
	uint64_t bytes_received, bytes_sent;
	bool works; /* it is up and has a carrier */
	const char *health; /* as of struct mptcpctl_interface */
};

/* A screen for who watches. */
struct mptcpctl_top {
	const struct mptcpctl_link *links;
	uint64_t time_ms; /* when links were read, by a clock of no meaning but for differences */
	uint64_t connections, subflows; /* how many there are */
	uint64_t matching; /* connections that were asked for, shown or not */
	const char *path_manager, *scheduler; /* or NULL */
};

/* What is to be on it. */
struct mptcpctl_top_request {
	uint32_t rows; /* connections, 64 at most; fewer where these have very many subflows */
	const char
		*sort; /* "rate" (NULL), "rate-sent", "rate-received", "bytes": the highest first */
	/* Only connections that have a subflow on the link, this policy, this state, … */
	const char *interface, *policy; /* NULL: any */
	/*
	 * NULL: any; "created", "established", "closing", "multi-path", "single-path", "fallen-back" (or
	 * "fallback"), "unhealthy".
	 */
	const char *state;
	const char *to; /* … a peer of this address or prefix; NULL: any */
	uint16_t port; /* … and port; 0: any */
};

/*
 * A screen: `on_connection` is called for each connection on it, then `on_top`. Connections are sampled
 * once a second, however many watch: asking more often tells the same again.
 */
int mptcpctl_get_top(struct mptcpctl *ctl, const struct mptcpctl_top_request *request,
		     int (*on_connection)(void *data, const struct mptcpctl_connection *connection),
		     int (*on_top)(void *data, const struct mptcpctl_top *top), void *data);

/* ---- metrics ---- */

/* A value of a metric. */
struct mptcpctl_sample {
	const struct mptcpctl_sample *next;
	const char *suffix; /* of a histogram: "_bucket", "_sum", "_count"; else NULL */
	const struct mptcpctl_setting *labels; /* keys and values */
	double value;
};

/* A family of metrics, in the words of Prometheus. */
struct mptcpctl_metric {
	const char *name; /* "mptcpd_events_total" */
	const char *type; /* "counter", "gauge", "histogram" */
	const char *help;
	const struct mptcpctl_sample *samples;
};

/* What mptcpd and the kernel count, for who draws it over time; see man mptcpctl(1), METRICS. */
int mptcpctl_list_metrics(struct mptcpctl *ctl,
			  int (*on_metric)(void *data, const struct mptcpctl_metric *metric),
			  void *data);

#ifdef __cplusplus
}
#endif

#endif
