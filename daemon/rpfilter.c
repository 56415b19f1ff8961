/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names, loosens and restores strict reverse-path filtering. */
#include "rpfilter.h"

#include <ell/ell.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "log.h"
#include "messages.h"
#include "sysctl.h"

#define LOOSE 2
/* More interfaces than this with strict filtering and `rp-filter = loose` are left strict. */
#define CHANGED_MAX 256
#define TEXT_SIZE (CHANGED_MAX * (MPTCPD_IFNAME_SIZE + sizeof(" 0\n")))

struct changed {
	char interface[MPTCPD_IFNAME_SIZE];
	int before;
};

struct rpfilter {
	char *path;
	struct changed changed[CHANGED_MAX];
	size_t n_changed;
	struct l_uintset *told; /* interface indexes */
};

/* One line for each change: "NAME BEFORE". Returns how long the text is. */
static size_t write_lines(const struct rpfilter *rpfilter, char text[static TEXT_SIZE])
{
	size_t size = 0;

	for (size_t i = 0; i < rpfilter->n_changed; i++)
		size += (size_t)snprintf(text + size, TEXT_SIZE - size, "%s %d\n",
					 rpfilter->changed[i].interface,
					 rpfilter->changed[i].before);
	return size;
}

/* Under a name of its own first: what is there stays whole, and of what is in the way nothing. */
static int replace(const struct rpfilter *rpfilter, const char *text, size_t size)
{
	AUTO(l_free) char *next = l_strdup_printf("%s.new", rpfilter->path);
	int fd, r = 0;

	if (unlink(next) < 0 && errno != ENOENT)
		return -errno;
	fd = open(next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, size) != (ssize_t)size)
		r = -EIO;
	close(fd);
	if (r == 0 && rename(next, rpfilter->path) < 0)
		r = -errno;
	return r;
}

static void write_down(const struct rpfilter *rpfilter)
{
	char text[TEXT_SIZE];
	size_t size = write_lines(rpfilter, text);
	int r = 0;

	if (size)
		r = replace(rpfilter, text, size);
	else if (unlink(rpfilter->path) < 0 && errno != ENOENT)
		r = -errno;
	if (r < 0)
		l_error("%s: %s; strict filters may not be put back after a crash", rpfilter->path,
			strerror(-r));
}

/* Returns how long the text is, or -errno; -ENOTSUP: it is no file. */
static ssize_t read_lines(const char *path, char text[static TEXT_SIZE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t size;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -ENOTSUP;
	}
	size = read(fd, text, TEXT_SIZE - 1);
	if (size < 0)
		size = -errno;
	else
		text[size] = '\0';
	close(fd);
	return size;
}

static void read_back(struct rpfilter *rpfilter)
{
	char text[TEXT_SIZE], *line = text;
	ssize_t size = read_lines(rpfilter->path, text);
	struct changed changed;
	int length;

	if (size < 0 && size != -ENOENT)
		l_warn("%s is dropped: %s", rpfilter->path,
		       size == -ENOTSUP ? "it is not a regular file" : strerror((int)-size));
	for (; size > 0 && rpfilter->n_changed < CHANGED_MAX; line += length) {
		if (sscanf(line, "%15s %d\n%n", changed.interface, &changed.before, &length) != 2)
			break;
		if (changed.before == 0 || changed.before == 1)
			rpfilter->changed[rpfilter->n_changed++] = changed;
	}
}

struct rpfilter *rpfilter_new(const char *runtime_directory)
{
	struct rpfilter *rpfilter = l_new(struct rpfilter, 1);

	rpfilter->path = l_strdup_printf("%s/rp_filter", runtime_directory);
	rpfilter->told = l_uintset_new(4096);
	read_back(rpfilter);
	return rpfilter;
}

/* Only what we set: somebody may have chosen otherwise since. Returns whether it was. */
static bool put_back(const struct changed *changed)
{
	int r;

	if (sysctl_rp_filter(changed->interface) != LOOSE)
		return false;
	r = sysctl_set_rp_filter(changed->interface, changed->before);
	if (r < 0)
		l_error("net.ipv4.conf.%s.rp_filter cannot be put back as it was: %s",
			changed->interface, strerror(-r));
	return r == 0;
}

size_t rpfilter_free(struct rpfilter *rpfilter)
{
	size_t n = 0;

	if (!rpfilter)
		return 0;
	for (size_t i = 0; i < rpfilter->n_changed; i++)
		n += put_back(&rpfilter->changed[i]);
	rpfilter->n_changed = 0;
	write_down(rpfilter);
	l_uintset_free(rpfilter->told);
	l_free(rpfilter->path);
	l_free(rpfilter);
	return n;
}

static bool is_changed(const struct rpfilter *rpfilter, const char *interface)
{
	for (size_t i = 0; i < rpfilter->n_changed; i++)
		if (strcmp(rpfilter->changed[i].interface, interface) == 0)
			return true;
	return false;
}

static bool loosen(struct rpfilter *rpfilter, const struct interface *interface)
{
	struct changed *changed;
	int before = sysctl_rp_filter(interface->is.name), r;

	/* LOOSE already: the kernel's message about it is on its way. */
	if (before < 0 || before == LOOSE || rpfilter->n_changed == CHANGED_MAX)
		return false;
	if (!is_changed(rpfilter, interface->is.name)) {
		changed = &rpfilter->changed[rpfilter->n_changed++];
		memcpy(changed->interface, interface->is.name, sizeof(changed->interface));
		changed->before = before;
		write_down(rpfilter);
	}
	r = sysctl_set_rp_filter(interface->is.name, LOOSE);
	if (r < 0)
		l_warn("net.ipv4.conf.%s.rp_filter cannot be loosened: %s", interface->is.name,
		       strerror(-r));
	return r == 0;
}

static bool is_in_use(const struct interface *interface)
{
	for (const struct local *local = interface->locals; local; local = local->next)
		if (local->is.addr.family == AF_INET && local->usability == USABLE)
			return true;
	return false;
}

static bool look_at(struct rpfilter *rpfilter, const struct interface *interface, bool warns)
{
	struct log_about about = {.id = MESSAGE_RP_FILTER, .interface = interface->is.name};

	if (!interface->is.rp_filter_strict || !is_in_use(interface))
		return false;
	if (interface->rule && interface->rule->rp_filter_loose)
		return loosen(rpfilter, interface);
	if (!warns || l_uintset_contains(rpfilter->told, interface->is.ifindex))
		return false;
	/* Indexes past the set's end are told again; that many interfaces are rare. */
	l_uintset_put(rpfilter->told, interface->is.ifindex);
	log_about(
		L_LOG_WARNING, &about,
		"%s: rp_filter is strict, so the kernel drops packets of subflows that are not on "
		"the best route back; 'rp-filter = loose' in [interface:%s] changes it",
		interface->is.name, interface->is.name);
	return false;
}

/* The rule that asked for it is gone. */
static bool put_back_unwanted(struct rpfilter *rpfilter, const struct model *model)
{
	struct table_entry *entry;
	bool changed = false;

	for (entry = table_first(&model->interfaces); entry; entry = table_next(entry)) {
		const struct interface *interface = table_owner(entry, struct interface);

		if (interface->rule && interface->rule->rp_filter_loose)
			continue;
		for (size_t i = rpfilter->n_changed; i-- > 0;) {
			if (strcmp(rpfilter->changed[i].interface, interface->is.name) != 0)
				continue;
			put_back(&rpfilter->changed[i]);
			rpfilter->changed[i] = rpfilter->changed[--rpfilter->n_changed];
			changed = true;
		}
	}
	if (changed)
		write_down(rpfilter);
	return changed;
}

static size_t count_in_use(const struct model *model)
{
	struct table_entry *entry;
	size_t n = 0;

	for (entry = table_first(&model->interfaces); entry; entry = table_next(entry))
		n += is_in_use(table_owner(entry, struct interface));
	return n;
}

/* With source routing the way back is that of the packet's own address: strict filters take it. */
static bool has_ways_back(const struct model *model)
{
	return model->rules->source_routing != SOURCE_ROUTING_NO;
}

bool rpfilter_harms(const struct model *model, const struct interface *interface)
{
	return interface->is.rp_filter_strict && is_in_use(interface) && !has_ways_back(model) &&
	       count_in_use(model) > 1;
}

bool rpfilter_update(struct rpfilter *rpfilter, const struct model *model)
{
	bool changed = put_back_unwanted(rpfilter, model);
	struct table_entry *entry;

	/* With one link there is but one way back. */
	if (count_in_use(model) < 2)
		return changed;
	for (entry = table_first(&model->interfaces); entry; entry = table_next(entry))
		changed |= look_at(rpfilter, table_owner(entry, struct interface),
				   !has_ways_back(model));
	return changed;
}
