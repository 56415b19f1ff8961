/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The addresses of a host, with an end to the waiting. */
#ifndef CTL_DOCTOR_LOOKUP_H
#define CTL_DOCTOR_LOOKUP_H

#include <stddef.h>
#include <sys/socket.h>

/* The first address of each family, IPv4 and IPv6. Returns how many; 0: none; -ETIMEDOUT or -errno. */
int doctor_look_up(const char *host, const char *port,
		   struct sockaddr_storage ret_addresses[static 2]);

#endif
