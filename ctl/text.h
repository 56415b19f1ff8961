/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The structures of libmptcpctl as text for people. Programs read JSON: this may change. */
#ifndef CTL_TEXT_H
#define CTL_TEXT_H

#include "ctl.h"

/* "[ffff:…:ffff]:65535" */
#define TEXT_ADDR_SIZE 64

#define TEXT_BOLD "\033[1m"
#define TEXT_GREEN "\033[32m"
#define TEXT_YELLOW "\033[33m"
#define TEXT_RED "\033[31m"

/* A part of a line in a colour, where there is colour. */
void text_coloured(const struct ctl *ctl, const char *colour, const char *text);
/* That of "established" and its like; of "well" and its like. */
const char *text_state_colour(const char *state);
const char *text_health_colour(const char *health);

/* "10.0.0.1:80", "[2001:db8::1]:80", without the port if it is 0; "-" for none. Returns `text`. */
const char *text_addr(const struct mptcpctl_addr *addr, char text[static TEXT_ADDR_SIZE]);
/* "a,b,c", cut if it must be. Returns `text`. */
const char *text_join(const char *const *strings, char *text, size_t size);
/* One more note behind a comma, unless it is the first; NULL and "" are none. Cut if it must be. */
void text_note(char *notes, size_t size, const char *word);

/* What a path is beside its addresses, in words, before it is there, too. */
void text_note_plan(char *notes, size_t size, const struct mptcpctl_path *path);
void text_announcements(const struct mptcpctl_announcement *announcements);
void text_event(struct ctl *ctl, const struct mptcpctl_event *event);

#endif
