/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an ELF file tells about how its program makes system calls. */
#ifndef MPTCPIZE_ELF_FILE_H
#define MPTCPIZE_ELF_FILE_H

#include <limits.h>
#include <stdbool.h>

struct elf_file {
	bool is_native; /* word size, byte order and machine are those of mptcpize */
	/* Of a native one. */
	bool is_go;
	unsigned int go_minor; /* 23 of Go 1.23; 0 of one that does not say or is before 1.18 */
	char interpreter[PATH_MAX]; /* its dynamic linker, "" if it is static */
};

/*
 * Look at an open file. 0; -ENOEXEC: it is no ELF file, or one that is broken; or what pread() fails
 * with. Nothing of the file is believed: what it points to is read within bounds or not at all.
 */
int elf_file_read(int fd, struct elf_file *ret_file);

#endif
