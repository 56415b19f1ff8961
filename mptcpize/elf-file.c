/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "elf-file.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* More sections than linkers write, read one by one. */
#define SECTIONS_MAX 4096

#define GO_SECTION ".go.buildinfo"
#define GO_MAGIC "\xff Go buildinf:"
#define GO_FLAGS 15 /* where they are */
#define GO_FLAG_INLINE 2 /* the version stands here, since Go 1.18 */
#define GO_VERSION 32 /* where it is: a length below 128, and a text */
#define GO_VERSION_SIZE 64 /* what is read of it */

/* The header of the program that this is a part of, as the linker names it. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* Read all of it. 0, or an error; -ENOEXEC: the file ends before. */
static int read_at(int fd, uint64_t offset, void *buffer, size_t size)
{
	ssize_t n;

	if (offset > INT64_MAX - size)
		return -ENOEXEC;
	n = pread(fd, buffer, size, (off_t)offset);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -ENOEXEC;
}

static int read_interpreter(int fd, const ElfW(Ehdr) * head, char *ret_path)
{
	for (unsigned int i = 0; i < head->e_phnum; i++) {
		ElfW(Phdr) part;
		int r = read_at(fd, head->e_phoff + i * sizeof(part), &part, sizeof(part));

		if (r < 0)
			return r;
		if (part.p_type != PT_INTERP)
			continue;
		if (part.p_filesz < 2 || part.p_filesz > PATH_MAX)
			return -ENOEXEC;
		r = read_at(fd, part.p_offset, ret_path, part.p_filesz);
		return r == 0 && ret_path[part.p_filesz - 1] ? -ENOEXEC : r;
	}
	*ret_path = '\0';
	return 0;
}

static int read_section(int fd, const ElfW(Ehdr) * head, unsigned int i, ElfW(Shdr) * ret_section)
{
	return read_at(fd, head->e_shoff + i * sizeof(*ret_section), ret_section,
		       sizeof(*ret_section));
}

/* The section of this name; false: there is none, or no table of sections that can be read. */
static bool find_section(int fd, const ElfW(Ehdr) * head, const char *name,
			 ElfW(Shdr) * ret_section)
{
	char found[32];
	ElfW(Shdr) names;
	size_t size = strlen(name) + 1;

	if (head->e_shentsize != sizeof(names) || head->e_shnum > SECTIONS_MAX ||
	    head->e_shstrndx >= head->e_shnum || size > sizeof(found) ||
	    read_section(fd, head, head->e_shstrndx, &names) < 0 || names.sh_offset > INT64_MAX)
		return false;
	for (unsigned int i = 0; i < head->e_shnum; i++) {
		if (read_section(fd, head, i, ret_section) < 0)
			return false;
		if (ret_section->sh_name < names.sh_size &&
		    read_at(fd, names.sh_offset + ret_section->sh_name, found, size) == 0 &&
		    memcmp(found, name, size) == 0)
			return true;
	}
	return false;
}

/* "go1.23.4", or "devel go1.24-…". */
static unsigned int parse_go_minor(const char *version)
{
	const char *number = strstr(version, "go1.");
	unsigned int minor = 0;

	return number && sscanf(number, "go1.%3u", &minor) == 1 ? minor : 0;
}

static void read_go(int fd, const ElfW(Ehdr) * head, struct elf_file *file)
{
	char info[GO_VERSION + GO_VERSION_SIZE + 1] = {0}; /* and a text's end */
	ElfW(Shdr) section;
	size_t length;

	if (!find_section(fd, head, GO_SECTION, &section))
		return;
	if (read_at(fd, section.sh_offset, info, GO_VERSION) < 0 ||
	    memcmp(info, GO_MAGIC, sizeof(GO_MAGIC) - 1) != 0)
		return;
	file->is_go = true;
	if (!(info[GO_FLAGS] & GO_FLAG_INLINE) || pread(fd, info + GO_VERSION, GO_VERSION_SIZE,
							(off_t)section.sh_offset + GO_VERSION) < 2)
		return;
	length = (unsigned char)info[GO_VERSION];
	if (length >= GO_VERSION_SIZE)
		return;
	info[GO_VERSION + 1 + length] = '\0';
	file->go_minor = parse_go_minor(info + GO_VERSION + 1);
}

int elf_file_read(int fd, struct elf_file *ret_file)
{
	unsigned char ident[EI_NIDENT];
	struct elf_file file = {0};
	ElfW(Ehdr) head;
	int r;

	r = read_at(fd, 0, ident, sizeof(ident));
	if (r < 0)
		return r;
	if (memcmp(ident, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC;
	if (memcmp(ident, __ehdr_start.e_ident, EI_DATA + 1) == 0) {
		r = read_at(fd, 0, &head, sizeof(head));
		if (r < 0)
			return r;
		file.is_native = head.e_machine == __ehdr_start.e_machine;
	}
	if (file.is_native) {
		if (head.e_phentsize != sizeof(ElfW(Phdr)))
			return -ENOEXEC;
		r = read_interpreter(fd, &head, file.interpreter);
		if (r < 0)
			return r;
		read_go(fd, &head, &file);
	}
	*ret_file = file;
	return 0;
}
