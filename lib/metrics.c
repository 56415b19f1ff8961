/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metrics come in pages, because connections are counted some at a time: a family may be in several
 * of them, and what it counts is added up here before anybody is told.
 */
#include "client-private.h"

#include <errno.h>
#include <string.h>

#include "parse.h"

/* A page that was read, which holds the strings of its metrics. */
struct page {
	struct page *next;
	sd_bus_message *m; /* owned */
};

/* A family that was told, in order. */
struct family {
	struct family *next;
	struct mptcpctl_metric metric; /* but for its samples: */
	struct mptcpctl_sample *samples;
};

struct sum {
	struct reader reader;
	struct page *pages;
	struct family *first, **last;
};

static bool is_same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool is_same(const struct mptcpctl_sample *a, const struct mptcpctl_sample *b)
{
	const struct mptcpctl_setting *of_a = a->labels, *of_b = b->labels;

	while (of_a && of_b && is_same_text(of_a->key, of_b->key) &&
	       is_same_text(of_a->value, of_b->value)) {
		of_a = of_a->next;
		of_b = of_b->next;
	}
	return !of_a && !of_b && is_same_text(a->suffix, b->suffix);
}

/* Those of a family, in order: the first that is the same, or the end. */
static struct mptcpctl_sample **find(struct family *family, const struct mptcpctl_sample *sample)
{
	struct mptcpctl_sample **each = &family->samples;

	while (*each && !is_same(*each, sample))
		each = (struct mptcpctl_sample **)(uintptr_t) & (*each)->next;
	return each;
}

/* They are in the arena, and ours: client.h only promises that its readers do not write. */
static void add_samples(struct family *family, const struct mptcpctl_sample *samples)
{
	while (samples) {
		struct mptcpctl_sample *sample = (struct mptcpctl_sample *)(uintptr_t)samples,
				       **found = find(family, samples);

		samples = samples->next;
		if (*found) {
			(*found)->value += sample->value;
			continue;
		}
		sample->next = NULL;
		*found = sample;
	}
}

static void add_metric(struct sum *sum, const struct mptcpctl_metric *metric)
{
	struct family *family = sum->first;

	while (family && strcmp(family->metric.name, metric->name) != 0)
		family = family->next;
	if (!family) {
		family = reader_alloc(&sum->reader, sizeof(*family));
		if (!family)
			return;
		family->metric = *metric;
		*sum->last = family;
		sum->last = &family->next;
	}
	add_samples(family, metric->samples);
}

/* Where the next one begins. */
static uint64_t add_page(struct sum *sum, sd_bus_message *m, size_t *ret_n)
{
	struct reader *reader = &sum->reader;
	struct page *page = reader_alloc(reader, sizeof(*page));
	struct mptcpctl_metric metric;
	uint64_t cursor = 0;

	if (!page) {
		sd_bus_message_unref(m);
		return 0;
	}
	*page = (struct page){.next = sum->pages, .m = m};
	sum->pages = page;
	reader->m = m;
	if (reader_enter(reader, 'a', WIRE_METRIC)) {
		for (; parse_record(reader, &schema_metric, &metric); ++*ret_n)
			add_metric(sum, &metric);
		reader_exit(reader);
	}
	reader_basic(reader, 't', &cursor);
	return cursor;
}

static int read_pages(struct mptcpctl *ctl, struct sum *sum)
{
	struct pages pages = {0};
	int r;

	do {
		struct writer writer = handle_new_call(ctl, "GetMetrics");
		sd_bus_message *m = NULL;
		uint64_t cursor;
		size_t n = 0;

		writer_append(&writer, "t", pages.cursor);
		r = handle_call(ctl, &writer, &m);
		if (r < 0)
			return r;
		cursor = add_page(sum, m, &n);
		if (sum->reader.error == 0)
			r = handle_turn_page(ctl, &pages, n, cursor);
	} while (r == 0 && sum->reader.error == 0 && pages.cursor);
	return r;
}

MPTCPCTL_EXPORT int mptcpctl_list_metrics(struct mptcpctl *ctl,
					  int (*on_metric)(void *data,
							   const struct mptcpctl_metric *metric),
					  void *data)
{
	struct sum sum = {.reader.arena = &ctl->arena, .last = &sum.first};
	int r = read_pages(ctl, &sum);

	if (sum.reader.error == 0)
		for (struct family *family = sum.first; family && r == 0; family = family->next) {
			family->metric.samples = family->samples;
			r = on_metric(data, &family->metric);
		}
	while (sum.pages) {
		struct page *page = sum.pages;

		sum.pages = page->next;
		sd_bus_message_unref(page->m);
	}
	sum.reader.m = NULL;
	return handle_finish(ctl, &sum.reader, r);
}
