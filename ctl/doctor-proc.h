/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What files below /proc say. */
#ifndef CTL_DOCTOR_PROC_H
#define CTL_DOCTOR_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* IPPROTO_MPTCP, which older headers do not have. */
#define DOCTOR_MPTCP 262

#define doctor_read(path, value) doctor_read_file(path, value, sizeof(value))
/* The first line of a file, cut if it must be. False: it cannot be read. */
bool doctor_read_file(const char *path, char *ret_line, size_t size);
/* The file as it is, cut if it must be, with a NUL behind. How many bytes; 0: none, or an error. */
size_t doctor_slurp(const char *path, char *ret_bytes, size_t size);
/* The counter of MPTcpExt; 0: none of that name. */
uint64_t doctor_counter(const char *name);

#endif
