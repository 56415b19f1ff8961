/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine's commands about endpoints, judged before the fake kernel carries them out, in histories. */
#ifndef TESTS_HISTORY_COMMANDS_H
#define TESTS_HISTORY_COMMANDS_H

#include "fake-kernel.h"

#define FOREIGN_ID 99 /* of an endpoint that no command may touch */

/* Those of the fake kernel, which fail the test where one closes the last subflow that carries. */
struct kernel_ops judged_ops(void);

#endif
