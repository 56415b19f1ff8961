/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arguments: a mistake is told with its word. All functions return an exit code. */
#ifndef CTL_ARGUMENT_H
#define CTL_ARGUMENT_H

#include "addr.h"
#include "ctl.h"

/* An address for libmptcpctl, with its text. */
struct argument_address {
	struct mptcpctl_addr addr;
	char text[ADDR_TEXT_SIZE];
	uint8_t family;
};

/* What is said of a keyword that argument_is_repeated(). */
#define ARGUMENT_REPEATED "\"%s\" stands twice, expected it once"

enum argument_port {
	ARGUMENT_PORT_NONE,
	ARGUMENT_PORT_MAY,
	ARGUMENT_PORT_MUST,
};

int argument_token(const char *word, uint32_t *ret_token);
int argument_address(const char *word, enum argument_port port,
		     struct argument_address *ret_address);
/* A number from `min` to `max`; `what` says of what. */
int argument_number(const char *word, const char *what, uint32_t min, uint32_t max,
		    uint32_t *ret_number);
/* An address id, `min` (0: that of the initial address too) to 255. */
int argument_id(const char *word, uint8_t min, uint8_t *ret_id);
int argument_port_number(const char *word, uint16_t *ret_port);
/* Does the keyword args[i] stand before, too? What is the value of another one does not count. */
bool argument_is_repeated(char **args, int i);
/*
 * The word after args[*i], which is a keyword, and stands once; `i` is then at that word. An empty one is
 * none.
 */
int argument_value(int n_args, char **args, int *i, const char **ret_value);

#endif
