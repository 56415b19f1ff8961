/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why paths are not there: of one connection each path, of all of them how often each reason is so. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "argument.h"
#include "cli.h"
#include "ctl.h"
#include "json.h"
#include "print.h"
#include "screen.h"
#include "text.h"

#define INDENT 9
#define MARGIN "         "
/* What words for programs are made of. */
#define WORD "abcdefghijklmnopqrstuvwxyz0123456789-"

/* ---- announcements ---- */

static void text_announcement(const struct mptcpctl_announcement *announcement)
{
	char text[TEXT_ADDR_SIZE];

	print("announce %s", text_addr(&announcement->addr, text));
	if (announcement->id)
		print(" id %u%s%s%s%s%s", announcement->id,
		      announcement->wanted_by ? " wanted by " : "",
		      announcement->wanted_by ? announcement->wanted_by : "",
		      announcement->sent ? "" : ", not sent yet",
		      announcement->listening ? ", listening" : "",
		      announcement->joined ? ", joined" : "");
	print_end();
	if (announcement->text)
		screen_wrap(2, "  ", announcement->text);
	if (announcement->remedy)
		screen_wrap(2, "  remedy: ", announcement->remedy);
}

void text_announcements(const struct mptcpctl_announcement *announcement)
{
	for (; announcement; announcement = announcement->next)
		text_announcement(announcement);
}

/* ---- one connection ---- */

/* Is there, will be, or is not. */
static const char *verdict(const struct mptcpctl_path *path)
{
	if (strcmp(path->state, "established") == 0)
		return "is";
	return strcmp(path->state, "unwanted") == 0 ? "is not" : "will be";
}

static void print_attempts(const struct mptcpctl_path *path)
{
	char text[96];

	if (!path->attempts && !path->has_next_try)
		return;
	snprintf(text, sizeof(text), "%" PRIu32 " attempt%s failed", path->attempts,
		 path->attempts == 1 ? "" : "s");
	print("%*s%s", INDENT, "", path->attempts ? text : "");
	if (path->has_next_try)
		print("%snext try in %" PRIu64 ".%03" PRIu64 " s", path->attempts ? ", " : "",
		      path->next_try_ms / 1000, path->next_try_ms % 1000);
	print_end();
}

static void print_why(const char *reason, const char *text, const char *remedy)
{
	char line[512];

	if (reason) {
		snprintf(line, sizeof(line), "%s: %s", reason, text ? text : "");
		screen_wrap(INDENT, MARGIN, line);
	}
	if (remedy)
		screen_wrap(INDENT, MARGIN "remedy: ", remedy);
}

/* ", WORD TEXT" behind what is there; nothing for no text. */
static void add(char *line, size_t size, const char *word, const char *text)
{
	size_t used = strlen(line);

	if (text && *text)
		snprintf(line + used, size - used, "%s%s", word, text);
}

static void print_path(const struct mptcpctl_path *path)
{
	char local[TEXT_ADDR_SIZE], remote[TEXT_ADDR_SIZE], notes[128] = "", line[512], head[16];
	const char *word = verdict(path);

	text_note_plan(notes, sizeof(notes), path);
	snprintf(line, sizeof(line), "%s -> %s", text_addr(&path->local, local),
		 text_addr(&path->remote, remote));
	add(line, sizeof(line), " dev ", path->interface);
	if (strcmp(word, "will be") == 0)
		add(line, sizeof(line), ", ", path->state);
	add(line, sizeof(line), ", wanted by ", path->wanted_by);
	add(line, sizeof(line), ", ", notes);
	snprintf(head, sizeof(head), "%-*s", INDENT, word);
	screen_wrap(INDENT, head, line);
	print_attempts(path);
	print_why(path->reason, path->text, path->remedy);
}

static void print_explanation(const struct mptcpctl_explanation *explanation)
{
	print_line("%" PRIx32 " policy %s%s%s%s%s", explanation->token,
		   explanation->policy ? explanation->policy : "none",
		   explanation->side ? ", " : "", explanation->side ? explanation->side : "",
		   explanation->path_manager ? ", path manager " : "",
		   explanation->path_manager ? explanation->path_manager : "");
	if (explanation->text)
		screen_wrap(0, "", explanation->text);
	for (const struct mptcpctl_path *path = explanation->paths; path; path = path->next)
		print_path(path);
	text_announcements(explanation->announcements);
}

static int on_explanation(void *data, const struct mptcpctl_explanation *explanation)
{
	const struct ctl *ctl = data;

	if (!ctl->json) {
		print_explanation(explanation);
		return 0;
	}
	json_record(&schema_explanation, explanation);
	json_print();
	print_end();
	return 0;
}

/* ---- all of them ---- */

/* The words that there are, and those of later versions. */
#define REASONS_MAX 64

struct summary {
	struct ctl *ctl;
	size_t n_connections, n_paths, n_there;
	size_t n;
	struct counted {
		uint64_t times;
		bool differs; /* others have other texts */
		char reason[32], text[256], remedy[224]; /* of the first one */
	} reasons[REASONS_MAX];
};

static void copy(char *into, size_t size, const char *text)
{
	snprintf(into, size, "%s", text ? text : "");
}

static void count(struct summary *summary, const struct mptcpctl_path *path)
{
	struct counted *counted = summary->reasons;

	summary->n_paths++;
	summary->n_there += strcmp(path->state, "established") == 0;
	/* It is a name in JSON. */
	if (!path->reason || path->reason[strspn(path->reason, WORD)])
		return;
	while (counted < summary->reasons + summary->n &&
	       strcmp(counted->reason, path->reason) != 0)
		counted++;
	if (counted == summary->reasons + REASONS_MAX)
		return;
	if (counted == summary->reasons + summary->n) {
		summary->n++;
		copy(counted->reason, sizeof(counted->reason), path->reason);
		copy(counted->text, sizeof(counted->text), path->text);
		copy(counted->remedy, sizeof(counted->remedy), path->remedy);
	}
	counted->times++;
	counted->differs |= strncmp(counted->text, path->text ? path->text : "",
				    sizeof(counted->text) - 1) != 0;
}

static int on_one_of_many(void *data, const struct mptcpctl_explanation *explanation)
{
	struct summary *summary = data;

	summary->n_connections++;
	for (const struct mptcpctl_path *path = explanation->paths; path; path = path->next)
		count(summary, path);
	if (summary->ctl->json) {
		json_record(&schema_explanation, explanation);
		ctl_print_item(summary->ctl);
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct counted *first = a, *second = b;

	return (first->times < second->times) - (first->times > second->times);
}

static void print_summary(const struct summary *summary)
{
	char head[64], line[320];

	print_line("%zu connection%s, %zu possible path%s, %zu of them there",
		   summary->n_connections, summary->n_connections == 1 ? "" : "s", summary->n_paths,
		   summary->n_paths == 1 ? "" : "s", summary->n_there);
	for (size_t i = 0; i < summary->n; i++) {
		const struct counted *counted = &summary->reasons[i];

		snprintf(head, sizeof(head), "%*" PRIu64 " ", INDENT - 1, counted->times);
		snprintf(line, sizeof(line), "%s: %s%s", counted->reason,
			 counted->differs ? "for instance " : "", counted->text);
		screen_wrap(INDENT, head, line);
		if (*counted->remedy)
			screen_wrap(INDENT, MARGIN "remedy: ", counted->remedy);
	}
}

static int explain_all(struct ctl *ctl)
{
	struct summary summary = {.ctl = ctl};
	char member[REASONS_MAX * 64] = "\"reasons\":{";
	int r, code = ctl_connect(ctl);

	if (code)
		return code;
	ctl_begin_array(ctl, "connections");
	r = mptcpctl_list_explanations(ctl->client, on_one_of_many, &summary);
	qsort(summary.reasons, summary.n, sizeof(*summary.reasons), compare);
	for (size_t i = 0; i < summary.n; i++) {
		size_t length = strlen(member);

		snprintf(member + length, sizeof(member) - length, "%s\"%s\":%" PRIu64,
			 i ? "," : "", summary.reasons[i].reason, summary.reasons[i].times);
	}
	strcat(member, "}");
	code = ctl_end_array_with(ctl, r, member);
	if (code == EXIT_DONE && !ctl->json)
		print_summary(&summary);
	return code;
}

int ctl_explain(struct ctl *ctl, int n_args, char **args)
{
	uint32_t token;
	int code;

	if (n_args > 1)
		return cli_usage("unexpected \"%s\" after the token", args[1]);
	if (n_args == 0)
		return explain_all(ctl);
	code = argument_token(args[0], &token);
	if (code == EXIT_DONE)
		code = ctl_connect(ctl);
	return code ? code
		    : ctl_result(ctl, mptcpctl_explain(ctl->client, token, on_explanation, ctl));
}
