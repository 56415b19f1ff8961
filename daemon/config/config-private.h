/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by config.c, policy.c, match.c, probe.c, routing.c and default.c. */
#ifndef DAEMON_CONFIG_PRIVATE_H
#define DAEMON_CONFIG_PRIVATE_H

#include "config.h"
#include "faults.h"
#include "ini.h"

/* Without a file. */
#define ROUTE_TABLE_DEFAULT 8684000
#define RULE_PRIORITY_DEFAULT 31000

struct config_loader {
	const struct config_setup *setup;
	struct config *config;
	struct faults faults, warnings;
};

void config_read_policy(struct config_loader *loader, const struct ini_group *group);
/* Add to what the files say what holds besides, under this path manager. */
void config_add_defaults(struct ini *ini, enum path_manager path_manager);
/* Within one file only: a drop-in may mean to take the place of what is shipped. */
void config_warn_unreachable(struct config_loader *loader);
/* Of policies under the kernel's path manager. */
void config_warn_powerless(struct config_loader *loader);
/* … and of an announced port that is for policies of several ports. */
void config_warn_ports(struct config_loader *loader);

/* For struct key, into struct policy_match: for which connections a group is. */
void config_match_cgroup(struct faults *faults, const struct ini_key *line, void *into);
void config_match_interface(struct faults *faults, const struct ini_key *line, void *into);
void config_match_local_address(struct faults *faults, const struct ini_key *line, void *into);
void config_match_local_port(struct faults *faults, const struct ini_key *line, void *into);
void config_match_mark(struct faults *faults, const struct ini_key *line, void *into);
void config_match_remote_address(struct faults *faults, const struct ini_key *line, void *into);
void config_match_remote_port(struct faults *faults, const struct ini_key *line, void *into);
void config_match_side(struct faults *faults, const struct ini_key *line, void *into);
void config_match_uid(struct faults *faults, const struct ini_key *line, void *into);
/* May an interface be called so, or match? */
bool config_is_interface_glob(const char *text);
/* Let go of what they made. */
void config_match_done(struct policy_match *match);

/* For struct key, into struct interface_rule: what is asked whether the link leads anywhere. */
void config_read_probe(struct faults *faults, const struct ini_key *line, void *into);
void config_read_probe_interval(struct faults *faults, const struct ini_key *line, void *into);
void config_read_probe_timeout(struct faults *faults, const struct ini_key *line, void *into);
void config_read_probe_failures(struct faults *faults, const struct ini_key *line, void *into);
/* The same: whether, and after how long, a link is taken for silent, and for well again. */
void config_read_health(struct faults *faults, const struct ini_key *line, void *into);
void config_read_silent_after(struct faults *faults, const struct ini_key *line, void *into);
void config_read_recover(struct faults *faults, const struct ini_key *line, void *into);
/* What holds where the group says nothing. */
void config_init_probe(struct probe_rule *probe);
/* Look at all lines together, when they have been read. */
void config_check_probe(struct config_loader *loader, const struct ini_group *group,
			const struct probe_rule *probe);
/* For struct key, into struct rules; and `gateway` into struct interface_rule. */
void config_read_source_routing(struct faults *faults, const struct ini_key *line, void *into);
void config_read_route_table(struct faults *faults, const struct ini_key *line, void *into);
void config_read_rule_priority(struct faults *faults, const struct ini_key *line, void *into);
void config_read_spare(struct faults *faults, const struct ini_key *line, void *into);
/* Is it that of another mptcpd? That is a fault, told once. */
bool config_report_foreign(struct config_loader *loader, const struct ini_group *core);
/* Such a file was moved away, and nothing has taken its place. */
void config_warn_moved(struct config_loader *loader);
/* Is it accepted with what else [core] says? */
void config_check_spare(struct config_loader *loader, const struct ini_group *core);
void config_read_gateway(struct faults *faults, const struct ini_key *line, void *into);

#endif
