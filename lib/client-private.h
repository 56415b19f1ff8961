/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libmptcpctl share. */
#ifndef LIB_CLIENT_PRIVATE_H
#define LIB_CLIENT_PRIVATE_H

#include <mptcpctl/client.h>
#include <systemd/sd-bus.h>

#include "reader.h"
#include "wire.h"

#define MPTCPCTL_EXPORT __attribute__((visibility("default")))

enum stage {
	STAGE_OFF, /* not monitoring */
	STAGE_INTERFACES,
	STAGE_ENDPOINTS,
	STAGE_CONNECTIONS,
	STAGE_SYNCHRONIZED,
};

/* The state of mptcpctl_monitor(). */
struct monitor {
	int (*on_event)(void *data, const struct mptcpctl_event *event);
	void *data;
	enum stage stage;
	uint64_t cursor; /* how far the listing of this stage has come */
	sd_bus_slot *signals, *call;
	int result; /* what on_event returned, or why the listing failed */
};

struct mptcpctl {
	sd_bus *bus;
	bool system; /* over the system bus */
	struct arena arena;
	struct monitor monitor;
	char error[WIRE_TEXT_SIZE + 32]; /* all faults of a configuration, and the errno */
};

/* Note what went wrong, and return `error`, a negative errno. */
int handle_fail(struct mptcpctl *ctl, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same for a D-Bus call that returned `r`, and perhaps an error message. */
int handle_fail_call(struct mptcpctl *ctl, int r, const sd_bus_error *error);
/* A call of mptcpd, to be filled in. */
int handle_new_call(struct mptcpctl *ctl, const char *member, sd_bus_message **ret_m);
/* Send it and wait. `r` is the result of filling it in; `m` is freed. `ret_reply` may be NULL. */
int handle_call(struct mptcpctl *ctl, sd_bus_message *m, int r, sd_bus_message **ret_reply);
/* The end of what reads a reply: frees it, and tells what to return: `r` if all could be read. */
int handle_finish(struct mptcpctl *ctl, struct reader *reader, int r);

#endif
