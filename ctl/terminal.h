/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Can a screen be drawn on the terminal? */
#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

/* Says why it cannot. Returns an exit code. */
int terminal_check(void);

#endif
