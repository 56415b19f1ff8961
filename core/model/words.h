/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words of D-Bus, JSON and text for the values of the model: once, as they are promised. */
#ifndef CORE_WORDS_H
#define CORE_WORDS_H

#include "model.h"

const char *side_name(enum mptcpd_side side);
const char *path_manager_name(enum path_manager path_manager);
const char *connection_state_name(enum mptcpd_connection_state state);
/* "pending" is also the word for a subflow that was never asked for. */
const char *subflow_state_name(enum subflow_state state);
const char *origin_name(enum mptcpd_origin origin);
/* What a snapshot is of: "connections", "host", "endpoints"; NULL: no kind. */
const char *snapshot_name(enum snapshot_kind kind);
/* The flag 1 << bit of an endpoint, in the words of `ip mptcp`; NULL: there is none such. */
const char *flag_name(unsigned int bit);
/* Back: MPTCPD_FLAG_*, or 0 for an unknown word. */
uint32_t flag_from_name(const char *name);
/* All of them, "subflow,backup", or "none". */
#define FLAGS_TEXT_SIZE 64
const char *flags_text(uint32_t flags, char ret_text[static FLAGS_TEXT_SIZE]);
/* Why an address is no endpoint; for printf with the name of an interface. */
#define SAME_ADDRESS_TEXT "same address as on %s, which is the endpoint"
const char *health_name(enum mptcpd_health health);
/* Why, as a word for programs, and in words after "because"; "" for none. */
const char *health_reason_name(enum health_reason reason);
const char *health_reason_text(enum health_reason reason);
/* "silent since 12 s, because …"; "" for UNKNOWN. */
const char *health_text(const struct health *health, uint64_t now_ms, char *text, size_t size);
/* The end of a subflow, as of an event, in words: "refused by the peer (ECONNREFUSED)". "" for 0, 0. */
const char *subflow_error_text(uint8_t error, uint8_t reset, char *text, size_t size);

#endif
