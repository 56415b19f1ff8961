/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each link that could be an uplink: does it lead out, and by its own way? */
#include "doctor.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor-proc.h"

/* One thing that mptcpd says of an address, or of a link without one. */
struct saying {
	char interface[64], address[64]; /* "" for none */
	char reason[32]; /* "": all is well */
	char text[256], remedy[224];
	int family; /* 0: of no address */
	bool is_misled; /* in spite of a rule */
};

struct sayings {
	struct saying *list; /* owned */
	size_t n;
};

static void copy(char *into, size_t size, const char *text)
{
	snprintf(into, size, "%s", text ? text : "");
}

static int on_path(void *data, const struct mptcpctl_path *path)
{
	struct sayings *sayings = data;
	const char *address = path->local.address;
	struct saying *saying;

	sayings->list = reallocarray(sayings->list, sayings->n + 1, sizeof(*saying));
	if (!sayings->list)
		abort();
	saying = &sayings->list[sayings->n++];
	*saying = (struct saying){.is_misled = path->error != NULL};
	copy(saying->interface, sizeof(saying->interface), path->interface);
	copy(saying->address, sizeof(saying->address), address);
	copy(saying->reason, sizeof(saying->reason), path->reason);
	copy(saying->text, sizeof(saying->text), path->text);
	copy(saying->remedy, sizeof(saying->remedy), path->remedy);
	if (address && *address)
		saying->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	return 0;
}

static bool is(const struct saying *saying, const char *reason)
{
	return strcmp(saying->reason, reason) == 0;
}

/* Packets may leave from there, whatever else is wrong. */
static bool is_usable(const struct saying *saying)
{
	return saying->family &&
	       (!*saying->reason || is(saying, "silent") || is(saying, "rp-filter") ||
		is(saying, "wrong-link") || is(saying, "unbound") || is(saying, "same-address"));
}

static bool same_address(const struct saying *a, const struct saying *b)
{
	return strcmp(a->interface, b->interface) == 0 && strcmp(a->address, b->address) == 0;
}

/* ---- what others need to know ---- */

static void add_address(struct doctor *doctor, const struct saying *saying)
{
	struct doctor_address *address;

	doctor->addresses = reallocarray(doctor->addresses, doctor->n_addresses + 1,
					 sizeof(*doctor->addresses));
	if (!doctor->addresses)
		abort();
	address = &doctor->addresses[doctor->n_addresses++];
	*address = (struct doctor_address){.interface = strdup(saying->interface),
					   .address = strdup(saying->address),
					   .family = saying->family,
					   .leads_out = !is(saying, "no-route")};
	if (!address->interface || !address->address)
		abort();
}

/* Each once, though several things may be said of it; they are said one after the other. */
static void note_addresses(struct doctor *doctor, const struct sayings *sayings)
{
	for (size_t i = 0; i < sayings->n; i++)
		if ((is_usable(&sayings->list[i]) || is(&sayings->list[i], "no-route")) &&
		    (i == 0 || !same_address(&sayings->list[i - 1], &sayings->list[i])))
			add_address(doctor, &sayings->list[i]);
}

static bool family_leads_out(const struct doctor *doctor, int family)
{
	for (size_t i = 0; i < doctor->n_addresses; i++)
		if (doctor->addresses[i].family == family && doctor->addresses[i].leads_out)
			return true;
	return false;
}

size_t doctor_count_links(const struct doctor *doctor)
{
	const char *last = "";
	size_t n = 0;

	for (size_t i = 0; i < doctor->n_addresses; i++) {
		const struct doctor_address *address = &doctor->addresses[i];

		if (!address->leads_out || strcmp(address->interface, last) == 0)
			continue;
		last = address->interface;
		n++;
	}
	return n;
}

const struct doctor_address *doctor_second_link(const struct doctor *doctor)
{
	const struct doctor_address *first = NULL;

	for (size_t i = 0; i < doctor->n_addresses; i++) {
		const struct doctor_address *address = &doctor->addresses[i];

		if (!address->leads_out)
			continue;
		if (first && strcmp(first->interface, address->interface) != 0)
			return address;
		first = first ? first : address;
	}
	return first;
}

/* ---- how bad it is ---- */

/* Others are behind a link that forwards for them: it need not lead out. */
static bool forwards(const char *interface)
{
	char path[128], value[8];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/forwarding", interface);
	return !strchr(interface, '/') && doctor_read(path, value) && strcmp(value, "1") == 0;
}

static bool binds(const struct doctor *doctor)
{
	return doctor->major > 6 || (doctor->major == 6 && doctor->minor >= 12);
}

static enum severity severity_of(const struct doctor *doctor, const struct saying *saying)
{
	if (!*saying->reason)
		return SEVERITY_OK;
	if (is(saying, "silent") || is(saying, "rp-filter"))
		return SEVERITY_FAULT;
	if (is(saying, "link-down") || is(saying, "no-carrier"))
		return saying->family ? SEVERITY_FAULT : SEVERITY_NOTE;
	/* Without a rule nobody said that it should be otherwise, and mptcpd binds what it makes. */
	if (is(saying, "wrong-link") || is(saying, "unbound"))
		return saying->is_misled || doctor->routes_by_source || !binds(doctor)
			       ? SEVERITY_FAULT
			       : SEVERITY_WARNING;
	if (is(saying, "no-route"))
		return family_leads_out(doctor, saying->family) ? SEVERITY_FAULT : SEVERITY_NOTE;
	if (is(saying, "no-address") || is(saying, "tentative") || is(saying, "same-address"))
		return SEVERITY_WARNING;
	return SEVERITY_NOTE;
}

static bool is_used(const struct doctor *doctor, const char *interface)
{
	for (size_t i = 0; i < doctor->n_addresses; i++)
		if (strcmp(doctor->addresses[i].interface, interface) == 0)
			return true;
	return false;
}

/* It leaves by another link for want of a rule, as it does by default. */
static bool is_unruled(const struct doctor *doctor, const struct saying *saying)
{
	return is(saying, "wrong-link") && severity_of(doctor, saying) == SEVERITY_WARNING;
}

/* Of a link that nobody means to use nothing is said, nor of what another address makes up for. */
static bool is_of_interest(const struct doctor *doctor, const struct saying *saying)
{
	if (is(saying, "policy"))
		return !is_used(doctor, saying->interface);
	if (is(saying, "temporary") || !*saying->reason ||
	    (is(saying, "link-down") && !saying->family))
		return false;
	/* That nothing leads out is said once. */
	if (is(saying, "no-route") && doctor_count_links(doctor) == 0)
		return false;
	return !(is(saying, "no-route") || is(saying, "no-address")) ||
	       !forwards(saying->interface);
}

/* ---- what mends it ---- */

/* The only neighbour that was heard on that link lately is most likely its router. */
static bool guess_gateway(const char *interface, char ret_gateway[static 64])
{
	char text[16384], ip[64], device[64], flags[16], *line, *rest = text;
	size_t n = 0;

	doctor_slurp("/proc/net/arp", text, sizeof(text));
	while ((line = strsep(&rest, "\n")))
		if (sscanf(line, "%63s %*s %15s %*s %*s %63s", ip, flags, device) == 3 &&
		    strcmp(device, interface) == 0 && strcmp(flags, "0x2") == 0) {
			snprintf(ret_gateway, 64, "%s", ip);
			n++;
		}
	return n == 1;
}

/* What mptcpd says, with the gateway, if there is little doubt which one it is. */
static void remedy_route(struct doctor *doctor, const struct saying *saying)
{
	static const char word[] = "GATEWAY";
	const char *at = strstr(saying->remedy, word);
	char gateway[64];

	if (at && saying->family == AF_INET && guess_gateway(saying->interface, gateway))
		doctor_remedy(doctor, "%.*s%s%s", (int)(at - saying->remedy), saying->remedy,
			      gateway, at + strlen(word));
	else
		doctor_remedy(doctor, "%s", saying->remedy);
}

static void remedy(struct doctor *doctor, const struct saying *saying)
{
	char name[SHELL_WORD_SIZE], number[16];

	/* sysctl takes the first "=" for the end of a name. */
	if (is(saying, "rp-filter") && !strchr(saying->interface, '='))
		doctor_remedy(doctor, "sysctl net.ipv4.conf.%s.rp_filter=2",
			      doctor_sysctl_name(saying->interface, name));
	else if (sscanf(saying->remedy, "rule-priority = %15[0-9]", number) == 1)
		doctor_remedy_core(doctor, "rule-priority", number);
	else if (is(saying, "no-route") || saying->is_misled)
		remedy_route(doctor, saying);
	else if (is(saying, "wrong-link") || is(saying, "unbound"))
		doctor_remedy_core(doctor, "source-routing", "auto");
	else if (is(saying, "same-address"))
		doctor_remedy_core(doctor, "path-manager", "userspace");
	else if (*saying->remedy)
		doctor_remedy(doctor, "%s", saying->remedy);
}

static void tell(struct doctor *doctor, const struct saying *saying)
{
	if (!is_of_interest(doctor, saying) || is_unruled(doctor, saying))
		return;
	doctor_find(doctor, severity_of(doctor, saying), saying->reason, "%s", saying->text);
	remedy(doctor, saying);
}

/* All that want a rule want the same one thing: it is said once. */
static void tell_unruled(struct doctor *doctor, const struct sayings *sayings)
{
	const struct saying *first = NULL;
	size_t n = 0;

	for (size_t i = 0; i < sayings->n; i++)
		if (is_unruled(doctor, &sayings->list[i])) {
			first = first ? first : &sayings->list[i];
			n++;
		}
	if (n == 0)
		return;
	if (n == 1)
		doctor_find(doctor, SEVERITY_WARNING, first->reason,
			    "%s, unless a socket is bound to its link", first->text);
	else
		doctor_find(doctor, SEVERITY_WARNING, first->reason,
			    "%s, unless a socket is bound to its link, and those from %zu other "
			    "address%s likewise",
			    first->text, n - 1, n == 2 ? "" : "es");
	remedy(doctor, first);
}

/* ---- all of them ---- */

/* That nothing is wrong which costs packets. */
static bool is_good(const struct doctor *doctor, const struct sayings *sayings, size_t i)
{
	const struct saying *saying = &sayings->list[i];

	for (size_t j = i; j < sayings->n && same_address(&sayings->list[j], saying); j++)
		if (!is_usable(&sayings->list[j]) ||
		    severity_of(doctor, &sayings->list[j]) == SEVERITY_FAULT)
			return false;
	return i == 0 || !same_address(saying, saying - 1);
}

/* "link1 leads out from 10.0.1.1, 2001:db8:1::1"; the first saying of the next link. */
static size_t tell_good(struct doctor *doctor, const struct sayings *sayings, size_t i)
{
	const char *interface = sayings->list[i].interface;
	char text[256] = "";
	size_t n = 0;

	for (; i < sayings->n && strcmp(sayings->list[i].interface, interface) == 0; i++)
		if (is_good(doctor, sayings, i) && n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? ", " : "",
					      sayings->list[i].address);
	if (n > 0)
		doctor_find(doctor, SEVERITY_OK, "link", "%s leads out from %s", interface, text);
	return i;
}

static void tell_number(struct doctor *doctor)
{
	size_t n = doctor_count_links(doctor);

	if (n == 1)
		doctor_find(doctor, SEVERITY_NOTE, "one-link",
			    "%s alone leads out: a client needs a second link for a second path, "
			    "a server does not",
			    doctor_second_link(doctor)->interface);
	else if (n == 0)
		doctor_find(doctor, SEVERITY_WARNING, "no-route",
			    "no link leads out of this host: only its direct neighbours can be "
			    "reached");
}

void doctor_look_at_links(struct doctor *doctor)
{
	struct sayings sayings = {0};
	int r;

	if (!doctor->can_ask)
		return;
	r = mptcpctl_examine_links(doctor->ctl->client, on_path, &sayings);
	if (r < 0)
		doctor_find(doctor, SEVERITY_WARNING, "unknown", "links could not be looked at: %s",
			    mptcpctl_error(doctor->ctl->client));
	note_addresses(doctor, &sayings);
	for (size_t i = 0; i < sayings.n;) {
		size_t next = tell_good(doctor, &sayings, i);

		for (; i < next; i++)
			tell(doctor, &sayings.list[i]);
	}
	tell_unruled(doctor, &sayings);
	if (r == 0)
		tell_number(doctor);
	free(sayings.list);
}
