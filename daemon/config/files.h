/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files that make up the configuration, in the order in which they are layered. Reads them, and
 * understands nothing of what is in them.
 */
#ifndef DAEMON_FILES_H
#define DAEMON_FILES_H

#include "ini.h"

/* Layer this one file. Reports it if it cannot be read. */
void files_add_file(struct ini *ini, const char *path, struct faults *report);

/*
 * Layer mptcpd/mptcpd.conf and mptcpd/mptcpd.conf.d/ (files *.conf) of /etc, /run, /usr/local/lib and /usr/lib, all
 * below `root` ("": the real ones); with an instance (else NULL) those in mptcpd/INSTANCE. Of files with the same name the one in the first of these
 * directories counts, and an empty one, or a link to /dev/null, so hides the others. mptcpd.conf
 * comes first, then the others by their names. No file at all is no fault.
 */
void files_add_default(struct ini *ini, const char *root, const char *instance,
		       struct faults *report);

#endif
