/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Print what has become of a connection, and its subflows. */
#ifndef SHOW_H
#define SHOW_H

/* `word` begins the first line. */
void show(const char *word, int fd);

#endif
