/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the files of libmptcpctl. */
#ifndef LIB_CLIENT_PRIVATE_H
#define LIB_CLIENT_PRIVATE_H

#include <mptcpctl/examine.h>
#include <mptcpctl/figures.h>
#include <systemd/sd-bus.h>

#include "reader.h"
#include "schema.h"
#include "wait.h"
#include "wire.h"
#include "writer.h"

#define MPTCPCTL_EXPORT __attribute__((visibility("default")))

enum stage {
	STAGE_OFF, /* not monitoring */
	STAGE_INTERFACES,
	STAGE_ENDPOINTS,
	STAGE_CONNECTIONS,
	STAGE_SYNCHRONIZED,
};

/* How far a listing in pages has come. */
struct pages {
	uint64_t cursor; /* where the next one begins, 0: at the first record */
	size_t n, n_empty; /* had, and those without a record since the last with one */
};

/*
 * A listing while it is read, record by record until list_next() says that there is no more. What is
 * read lives until the next one is.
 */
struct listing {
	struct mptcpctl *ctl;
	const char *member, *type; /* of the array that it answers with */
	const struct record *schema; /* of a record */
	bool is_paged; /* else all comes at once */
	int result; /* what went wrong, or the reader's own: not 0 is the end */
	struct pages pages;
	struct reader reader; /* of the page at hand; no message: there is none */
	size_t n; /* records of it so far */
};

/* An answer that is to come. */
struct answer {
	sd_bus_slot *slot; /* owned */
	sd_bus_message *m; /* owned; NULL: it has not come */
};

/* The state of mptcpctl_monitor(). */
struct monitor {
	int (*on_event)(void *data, const struct mptcpctl_event *event);
	void *data;
	enum stage stage;
	bool lists; /* the present state is told, and told anew after a loss */
	struct pages pages; /* of the listing of this stage */
	sd_bus_slot *signals, *call;
	uint64_t until_us; /* the answer to that call may take so long */
	int result; /* what on_event returned, or why the listing failed */
};

struct mptcpctl {
	sd_bus *bus;
	bool system; /* over the system bus */
	bool is_default; /* by the socket that is taken where none is named */
	bool acts; /* the call being made is an action */
	uint64_t patience_us; /* how long the call that was made last may take */
	struct arena arena;
	struct monitor monitor;
	char error[WIRE_TEXT_SIZE + 32]; /* all faults of a configuration, and the errno */
};

/* Note what went wrong, and return `error`, a negative errno. */
int handle_fail(struct mptcpctl *ctl, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Note what went wrong with a D-Bus call that returned `r`, and perhaps an error message. */
int handle_fail_call(struct mptcpctl *ctl, int r, const sd_bus_error *error);
/* A question to mptcpd, to be written. */
struct writer handle_new_call(struct mptcpctl *ctl, const char *member);
/* An action, for which a person may be asked for a password. */
struct writer handle_new_action(struct mptcpctl *ctl, const char *member);
/* An action that makes mptcpd read files and try plugins. */
struct writer handle_new_long_action(struct mptcpctl *ctl, const char *member);
/* What the caller says, argument.c: text (NULL: ""), an a{sv}'s entry of text, an address (NULL: none). */
void argument_append(struct mptcpctl *ctl, struct writer *writer, const char *text);
void argument_append_option(struct mptcpctl *ctl, struct writer *writer, const char *key,
			    const char *text);
void argument_append_addr(struct mptcpctl *ctl, struct writer *writer,
			  const struct mptcpctl_addr *addr);
/* Send what was written, free it, and wait. `ret_reply` may be NULL. */
int handle_call(struct mptcpctl *ctl, struct writer *writer, sd_bus_message **ret_reply);
/*
 * Send what was written, and free it; the answer is waited for later. Only one at a time, and it must
 * stay where it is until handle_await() or handle_forget().
 */
int handle_post(struct mptcpctl *ctl, struct writer *writer, struct answer *answer);
int handle_await(struct mptcpctl *ctl, struct answer *answer, sd_bus_message **ret_reply);
/* It is not waited for any more. */
void handle_forget(struct answer *answer);
/*
 * A page of `n_records` is read: the next begins at `cursor`, 0: there is none. Fails if the
 * listing does not move on, or has no end.
 */
int handle_turn_page(struct mptcpctl *ctl, struct pages *pages, size_t n_records, uint64_t cursor);
/* For how many ms the monitor's page is waited for; UINT64_MAX: none is. */
static inline uint64_t monitor_left_ms(const struct mptcpctl *ctl)
{
	return ctl->monitor.call ? wait_until_ms(ctl->monitor.until_us) : UINT64_MAX;
}
/* The next record. False: there is none, or `result` is set; then all is freed. */
bool list_next(struct listing *listing, void *ret_record);
/* The end of what reads a reply: frees it, and tells what to return: `r` if all could be read. */
int handle_finish(struct mptcpctl *ctl, struct reader *reader, int r);

#endif
