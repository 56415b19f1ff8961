/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parts of JSON on standard output. */
#ifndef MPTCPIZE_JSON_H
#define MPTCPIZE_JSON_H

#include <mptcpd/types.h>

/* "name":"value" */
void json_member(const char *name, const char *value);
/* "name":{"address":"…","port":N} */
void json_addr(const char *name, const struct mptcpd_addr *addr);

#endif
