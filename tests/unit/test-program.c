/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that mptcpize looks at before it runs them, the hostile ones too. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"
#include "scratch.h"
#include "tcp.h"

#define GO_INFO "\xff Go buildinf:\x08\x02"
#define LONGEST_VERSION "go1.25-longer-than-any-that-was-ever-seen-it-fills-all-of-image"
_Static_assert(sizeof(LONGEST_VERSION) == 64, "it is 63 bytes and a NUL");

/* A file with one program header and three sections, as linkers write them. */
struct image {
	ElfW(Ehdr) head;
	ElfW(Phdr) part;
	ElfW(Shdr) sections[3]; /* none, names, Go's */
	char names[32];
	char interpreter[32];
	char go[96];
};

static struct image image_new(void)
{
	struct image image = {
		.part = {.p_type = PT_INTERP,
			 .p_offset = offsetof(struct image, interpreter),
			 .p_filesz = sizeof("/lib64/ld-linux-x86-64.so.2")},
		.sections = {[1] = {.sh_name = 1,
				    .sh_offset = offsetof(struct image, names),
				    .sh_size = sizeof(image.names)},
			     [2] = {.sh_name = 11,
				    .sh_offset = offsetof(struct image, go),
				    .sh_size = sizeof(image.go)}},
		.names = "\0.shstrtab\0.go.buildinfo",
		.interpreter = "/lib64/ld-linux-x86-64.so.2",
		.go = GO_INFO,
	};
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	g_assert_cmpint(read(fd, &image.head, sizeof(image.head)), ==, sizeof(image.head));
	close(fd);
	image.head.e_phoff = offsetof(struct image, part);
	image.head.e_phnum = 1;
	image.head.e_shoff = offsetof(struct image, sections);
	image.head.e_shnum = 3;
	image.head.e_shstrndx = 1;
	return image;
}

static void set_go(struct image *image, const char *version)
{
	size_t length = strlen(version);

	g_assert_cmpuint(33 + length, <=, sizeof(image->go));
	image->go[32] = (char)length;
	memcpy(image->go + 33, version, length);
}

static int read_bytes(const void *bytes, size_t size, struct elf_file *ret_file)
{
	int fd = memfd_create("image", MFD_CLOEXEC), r;

	g_assert_cmpint(write(fd, bytes, size), ==, size);
	r = elf_file_read(fd, ret_file);
	close(fd);
	return r;
}

static struct elf_file read_image(const struct image *image)
{
	struct elf_file file;

	g_assert_cmpint(read_bytes(image, sizeof(*image), &file), ==, 0);
	return file;
}

static void test_go(void)
{
	static const struct {
		const char *version;
		unsigned int minor;
	} rows[] = {{"go1.23.5", 23},
		    {"go1.21", 21},
		    {"go1.22rc1", 22},
		    {"go1.19.8", 19},
		    {"devel go1.24-abc", 24},
		    {"go1.18 X:foo", 18},
		    {LONGEST_VERSION, 25},
		    {"go2.1", 0},
		    {"", 0},
		    {"go1.", 0},
		    {"unknown", 0}};
	struct image image = image_new();

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct elf_file file;

		set_go(&image, rows[i].version);
		file = read_image(&image);
		g_assert_true(file.is_native && file.is_go);
		g_assert_cmpuint(file.go_minor, ==, rows[i].minor);
	}
	image.go[15] = 0; /* pointers instead: before 1.18 */
	g_assert_cmpuint(read_image(&image).go_minor, ==, 0);
	g_assert_true(read_image(&image).is_go);
	image.go[3] = 'X';
	g_assert_false(read_image(&image).is_go);
	image = image_new();
	image.go[32] = (char)200; /* a length that is not there */
	g_assert_cmpuint(read_image(&image).go_minor, ==, 0);
}

static void test_interpreter(void)
{
	struct image image = image_new();

	g_assert_cmpstr(read_image(&image).interpreter, ==, "/lib64/ld-linux-x86-64.so.2");
	image.part.p_type = PT_LOAD;
	g_assert_cmpstr(read_image(&image).interpreter, ==, "");
	image.head.e_machine ^= 1;
	g_assert_false(read_image(&image).is_native);
	image = image_new();
	image.head.e_ident[EI_CLASS] = ELFCLASSNONE;
	g_assert_false(read_image(&image).is_native);
}

/* Sections are of no use to the kernel: a table of them that is nonsense makes no program bad. */
static void test_sections_that_lie(void)
{
	struct image image = image_new();

	set_go(&image, "go1.23");
	image.head.e_shoff = UINT64_MAX;
	g_assert_false(read_image(&image).is_go);
	image.head.e_shoff = (ElfW(Off))INT64_MAX - 1;
	g_assert_false(read_image(&image).is_go);
	image = image_new();
	image.head.e_shnum = UINT16_MAX;
	g_assert_false(read_image(&image).is_go);
	image = image_new();
	image.head.e_shstrndx = 3;
	g_assert_false(read_image(&image).is_go);
	image = image_new();
	image.sections[1].sh_offset = UINT64_MAX - 5;
	g_assert_false(read_image(&image).is_go);
	image = image_new();
	image.sections[2].sh_offset = UINT64_MAX - 1;
	g_assert_false(read_image(&image).is_go);
	image = image_new();
	image.sections[2].sh_name = UINT32_MAX;
	g_assert_false(read_image(&image).is_go);
}

static void test_parts_that_lie(void)
{
	struct elf_file file;
	struct image image = image_new();

	image.head.e_phoff = UINT64_MAX - 8;
	g_assert_cmpint(read_bytes(&image, sizeof(image), &file), ==, -ENOEXEC);
	image = image_new();
	image.head.e_phnum = UINT16_MAX;
	image.part.p_type = PT_LOAD;
	g_assert_cmpint(read_bytes(&image, sizeof(image), &file), ==, -ENOEXEC);
	image = image_new();
	image.head.e_phentsize = 1;
	g_assert_cmpint(read_bytes(&image, sizeof(image), &file), ==, -ENOEXEC);
	image = image_new();
	image.part.p_filesz = 1 << 20;
	g_assert_cmpint(read_bytes(&image, sizeof(image), &file), ==, -ENOEXEC);
	image = image_new();
	image.part.p_filesz = 5; /* no end of the text */
	g_assert_cmpint(read_bytes(&image, sizeof(image), &file), ==, -ENOEXEC);
	image = image_new();
	image.part.p_offset = UINT64_MAX;
	g_assert_cmpint(read_bytes(&image, sizeof(image), &file), ==, -ENOEXEC);
}

static void test_truncated(void)
{
	struct image image = image_new();
	struct elf_file file;
	size_t n_good = 0;

	set_go(&image, "go1.23.4");
	for (size_t size = 0; size <= sizeof(image); size++) {
		int r = read_bytes(&image, size, &file);

		g_assert_true(r == 0 || r == -ENOEXEC);
		n_good += r == 0;
		g_assert_true(r == 0 || size < offsetof(struct image, go));
	}
	g_assert_cmpuint(n_good, >, 1);
}

/* Whatever the bytes are, what is found fits, and it ends. */
static void test_noise(void)
{
	for (int i = 0; i < 20000; i++) {
		struct image image = image_new();
		struct elf_file file;

		for (int n = g_test_rand_int_range(1, 8); n > 0; n--)
			((unsigned char *)&image)[g_test_rand_int_range(4, sizeof(image))] =
				(unsigned char)g_test_rand_int();
		if (read_bytes(&image, sizeof(image), &file) == 0 && file.is_native)
			g_assert_nonnull(memchr(file.interpreter, '\0', sizeof(file.interpreter)));
	}
}

struct scene {
	char *scratch;
};

static void set_up(struct scene *scene, gconstpointer unused)
{
	scene->scratch = scratch_new();
}

static void tear_down(struct scene *scene, gconstpointer unused)
{
	scratch_free(scene->scratch);
}

static const char *write_program(struct scene *scene, const char *name, const char *text,
				 mode_t mode)
{
	const char *path = scratch_write(scene->scratch, name, text);

	g_assert_cmpint(g_chmod(path, mode), ==, 0);
	return path;
}

static void test_scripts(struct scene *scene, gconstpointer unused)
{
	static struct program program;
	const char *own = scratch_copy(scene->scratch, "own", "/proc/self/exe", 0755);
	g_autofree char *line = g_strdup_printf("#! %s\t-x\n", own);
	const char *script = write_program(scene, "script", line, 0755);
	g_autofree char *second = g_strdup_printf("#!%s", script);

	g_assert_cmpint(program_find(&program, script), ==, 0);
	g_assert_cmpstr(program.path, ==, script);
	g_assert_cmpstr(program.file, ==, own);
	g_assert_cmpint(program.kind, ==, PROGRAM_KIND_DYNAMIC);
	g_assert_cmpint(program_find(&program, write_program(scene, "second", second, 0755)), ==,
			0);
	g_assert_cmpstr(program.file, ==, own);
	g_assert_cmpint(program_find(&program, write_program(scene, "plain", "echo\n", 0755)), ==,
			0);
	g_assert_cmpstr(program.file, ==, "/bin/sh");
	g_assert_cmpint(program_find(&program, write_program(scene, "empty", "", 0755)), ==, 0);
	g_assert_cmpstr(program.file, ==, "/bin/sh");
	g_assert_cmpint(program_find(&program, write_program(scene, "none", "#!/no/such\n", 0755)),
			==, 0);
	g_assert_cmpint(program.kind, ==, PROGRAM_KIND_UNKNOWN);
}

/* Our library is for glibc. */
static void test_kinds(struct scene *scene, gconstpointer unused)
{
	static const struct {
		const char *interpreter;
		enum program_kind kind;
	} rows[] = {
		{"/lib64/ld-linux-x86-64.so.2", PROGRAM_KIND_DYNAMIC},
		{"/nix/store/x/ld-linux.so.2", PROGRAM_KIND_DYNAMIC},
		{"/lib64/ld64.so.2", PROGRAM_KIND_DYNAMIC},
		{"/lib/ld-musl-x86_64.so.1", PROGRAM_KIND_STATIC},
		{"/lib/ld64-uClibc.so.0", PROGRAM_KIND_STATIC},
		{"/system/bin/linker64", PROGRAM_KIND_STATIC},
		{"ld-linux.so.2", PROGRAM_KIND_STATIC},
	};
	const char *path = scratch_path(scene->scratch, "program");
	static struct program program;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct image image = image_new();

		image.go[0] = 'X';
		strcpy(image.interpreter, rows[i].interpreter);
		image.part.p_filesz = strlen(rows[i].interpreter) + 1;
		g_assert_true(g_file_set_contents(path, (char *)&image, sizeof(image), NULL));
		g_assert_cmpint(g_chmod(path, 0755), ==, 0);
		g_assert_cmpint(program_find(&program, path), ==, 0);
		g_assert_cmpint(program.kind, ==, rows[i].kind);
	}
}

static void test_script_of_itself(struct scene *scene, gconstpointer unused)
{
	static struct program program;
	g_autofree char *line = g_strdup_printf("#!%s\n", scratch_path(scene->scratch, "self"));

	g_assert_cmpint(program_find(&program, write_program(scene, "self", line, 0755)), ==, 0);
	g_assert_cmpint(program.kind, ==, PROGRAM_KIND_UNKNOWN);
}

static void test_not_executable(struct scene *scene, gconstpointer unused)
{
	static struct program program;
	const char *fifo = scratch_path(scene->scratch, "fifo");
	g_autofree char *endless = g_strnfill(PATH_MAX + 10, 'x');

	g_assert_cmpint(mkfifo(fifo, 0755), ==, 0);
	g_assert_cmpint(program_find(&program, fifo), ==, -EACCES);
	g_assert_cmpint(program_find(&program, scene->scratch), ==, -EISDIR);
	g_assert_cmpint(program_find(&program, write_program(scene, "data", "x", 0644)), ==,
			-EACCES);
	g_assert_cmpint(program_find(&program, scratch_path(scene->scratch, "no")), ==, -ENOENT);
	g_assert_cmpint(program_find(&program, ""), ==, -ENOENT);
	g_assert_cmpint(program_find(&program, endless), ==, -ENAMETOOLONG);
	g_assert_cmpint(program_find(&program, "/dev/null"), ==, -EACCES);
}

static void test_search(struct scene *scene, gconstpointer unused)
{
	static struct program program;
	g_autofree char *before = g_strdup(g_getenv("PATH"));
	const char *found = write_program(scene, "b/tool", "x", 0755);
	g_autofree char *path = g_strdup_printf("%s/none:%s/a:%s/c:%s/b", scene->scratch,
						scene->scratch, scene->scratch, scene->scratch);

	write_program(scene, "a/tool", "x", 0644);
	g_assert_cmpint(g_mkdir(scratch_path(scene->scratch, "c"), 0755), ==, 0);
	g_assert_cmpint(g_mkdir(scratch_path(scene->scratch, "c/tool"), 0755), ==, 0);
	g_setenv("PATH", path, TRUE);
	g_assert_cmpint(program_find(&program, "tool"), ==, 0);
	g_assert_cmpstr(program.path, ==, found);
	g_assert_cmpint(program_find(&program, "no-tool"), ==, -ENOENT);
	g_setenv("PATH", scratch_path(scene->scratch, "a"), TRUE);
	g_assert_cmpint(program_find(&program, "tool"), ==, -EACCES);
	/* A directory that may not be searched, which root may: */
	if (geteuid() != 0) {
		g_assert_cmpint(g_chmod(scratch_path(scene->scratch, "a"), 0), ==, 0);
		g_assert_cmpint(program_find(&program, "tool"), ==, -ENOENT);
		g_assert_cmpint(g_chmod(scratch_path(scene->scratch, "a"), 0755), ==, 0);
	}
	g_unsetenv("PATH");
	g_assert_cmpint(program_find(&program, "sh"), ==, 0);
	g_assert_cmpstr(program.path, ==, "/bin/sh");
	g_setenv("PATH", before, TRUE);
}

static void test_keepalive(void)
{
	struct keepalive keepalive = {60, 10, 3};
	static const char *const bad[] = {"",	   "0",	      "-1",
					  "1,",	   ",1",      "1,0",
					  "1,1,0", "1,1,1,",  "1,1,1,1",
					  "32768", "1,32768", "1,1,128",
					  "1s",	   " 1",      "99999999999999999999"};

	g_assert_true(keepalive_parse("5", &keepalive));
	g_assert_cmpint(keepalive.idle, ==, 5);
	g_assert_cmpint(keepalive.interval, ==, 10);
	g_assert_true(keepalive_parse("32767,7,127", &keepalive));
	g_assert_cmpint(keepalive.idle, ==, KEEPALIVE_TIME_MAX);
	g_assert_cmpint(keepalive.interval, ==, 7);
	g_assert_cmpint(keepalive.count, ==, KEEPALIVE_COUNT_MAX);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		if (keepalive_parse(bad[i], &keepalive))
			g_error("\"%s\" is taken", bad[i]);
}

static void add(const char *name, void (*function)(struct scene *, gconstpointer))
{
	g_test_add(name, struct scene, NULL, set_up, function, tear_down);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/program/elf/go-and-its-version", test_go);
	g_test_add_func("/program/elf/interpreter-and-machine", test_interpreter);
	g_test_add_func("/program/elf/sections-that-lie-tell-nothing", test_sections_that_lie);
	g_test_add_func("/program/elf/parts-that-lie-are-no-program", test_parts_that_lie);
	g_test_add_func("/program/elf/truncated-anywhere", test_truncated);
	g_test_add_func("/program/elf/noise", test_noise);
	add("/program/script/is-followed-to-its-interpreter", test_scripts);
	add("/program/kind/by-what-links-it", test_kinds);
	add("/program/script/of-itself-ends", test_script_of_itself);
	add("/program/find/what-cannot-be-executed", test_not_executable);
	add("/program/find/along-the-path", test_search);
	g_test_add_func("/program/keepalive/numbers-and-bounds", test_keepalive);
	return g_test_run();
}
