/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A dbus-daemon of the test's own, as the system bus of this process. */
#ifndef TESTS_BROKER_H
#define TESTS_BROKER_H

#include <stdbool.h>

/* False: there is no dbus-daemon to be had. */
bool broker_start(void);
void broker_stop(void);

#endif
