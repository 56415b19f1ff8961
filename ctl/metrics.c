/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clean.h"
#include "json.h"
#include "print.h"

static void append_bytes(struct metrics_text *text, const char *bytes, size_t n)
{
	if (text->room - text->n <= n) {
		text->room = 2 * text->room + n + 4096;
		text->bytes = realloc(text->bytes, text->room);
		if (!text->bytes)
			abort();
	}
	memcpy(text->bytes + text->n, bytes, n);
	text->n += n;
	text->bytes[text->n] = '\0';
}

static void append(struct metrics_text *text, const char *part)
{
	append_bytes(text, part, strlen(part));
}

/* What mptcpd calls something, in one line: what a terminal would obey is shown as everywhere. */
static void append_clean(struct metrics_text *text, const char *part, const char *escaped)
{
	char *clean = clean_text(part);

	for (const char *c = clean; *c; c++) {
		if (strchr(escaped, *c))
			append(text, "\\");
		append_bytes(text, c, 1);
	}
	free(clean);
}

static void append_sample(struct metrics_text *text, const char *name,
			  const struct mptcpctl_sample *sample)
{
	const struct mptcpctl_setting *label = sample->labels;
	char value[32];

	append_clean(text, name, "");
	append_clean(text, sample->suffix ? sample->suffix : "", "");
	for (const char *before = "{"; label; label = label->next, before = ",") {
		append(text, before);
		append_clean(text, label->key, "");
		append(text, "=\"");
		append_clean(text, label->value, "\\\"");
		append(text, "\"");
	}
	snprintf(value, sizeof(value), "%s %.15g\n", sample->labels ? "}" : "", sample->value);
	append(text, value);
}

/*
 * In OpenMetrics a counter's family has no "_total". mptcp_kernel is the name of a gauge already, so
 * what belongs to it goes by its whole name, as of no known type.
 */
static void append_head(struct metrics_text *text, const struct mptcpctl_metric *metric)
{
	static const char total[] = "_total";
	const char *type = metric->type;
	char *name = strdup(metric->name);
	size_t length;

	if (!name)
		abort();
	length = strlen(name);
	if (text->format == METRICS_OPENMETRICS && strcmp(type, "counter") == 0) {
		if (strcmp(name, "mptcp_kernel_total") == 0)
			type = "unknown";
		else if (length >= sizeof(total) &&
			 strcmp(name + length - sizeof(total) + 1, total) == 0)
			name[length - sizeof(total) + 1] = '\0';
	}
	append(text, "# HELP ");
	append_clean(text, name, "");
	append(text, " ");
	append_clean(text, metric->help, "\\");
	append(text, "\n# TYPE ");
	append_clean(text, name, "");
	append(text, " ");
	append_clean(text, type, "");
	append(text, "\n");
	free(name);
}

static int on_metric(void *data, const struct mptcpctl_metric *metric)
{
	struct metrics_text *text = data;

	append_head(text, metric);
	for (const struct mptcpctl_sample *sample = metric->samples; sample; sample = sample->next)
		append_sample(text, metric->name, sample);
	return 0;
}

static void append_end(struct metrics_text *text)
{
	if (text->format == METRICS_OPENMETRICS)
		append(text, "# EOF\n");
}

int metrics_append(struct ctl *ctl, struct metrics_text *text)
{
	int r = mptcpctl_list_metrics(ctl->client, on_metric, text);

	if (r == 0)
		append_end(text);
	return r;
}

void metrics_append_down(struct metrics_text *text)
{
	const struct mptcpctl_sample sample = {0};
	const struct mptcpctl_metric metric = {.name = "mptcpd_up",
					       .type = "gauge",
					       .help = "1: mptcpd has answered.",
					       .samples = &sample};

	on_metric(text, &metric);
	append_end(text);
}

/* ---- the command ---- */

static int on_json(void *data, const struct mptcpctl_metric *metric)
{
	json_record(&schema_metric, metric);
	ctl_print_item(data);
	return 0;
}

static int print_metrics(struct ctl *ctl, enum metrics_format format)
{
	struct metrics_text text = {.format = format};
	int r = metrics_append(ctl, &text);

	if (r == 0 && text.bytes) /* there may be none */
		print_lines(stdout, text.bytes);
	free(text.bytes);
	return ctl_result(ctl, r);
}

int ctl_metrics(struct ctl *ctl, int n_args, char **args)
{
	enum metrics_format format = METRICS_PROMETHEUS;
	int code;

	if (n_args && strcmp(args[0], "openmetrics") == 0) {
		format = METRICS_OPENMETRICS;
		n_args--;
		args++;
	}
	if (n_args)
		return cli_usage("unexpected \"%s\", expected openmetrics or serve", args[0]);
	code = ctl_connect(ctl);
	if (code != EXIT_DONE || !ctl->json)
		return code != EXIT_DONE ? code : print_metrics(ctl, format);
	ctl_begin_array(ctl, "metrics");
	return ctl_end_array(ctl, mptcpctl_list_metrics(ctl->client, on_json, ctl));
}
