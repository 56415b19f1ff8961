/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What snapshots measure of subflows. It is more than all else that is known of a subflow, so it is
 * kept only while somebody wants to know it: model.keeps_measures. connection_measure() finds it.
 */
#ifndef CORE_MEASURE_H
#define CORE_MEASURE_H

#include "model.h"

/* A snapshot measured one of its subflows. */
void measure_note(const struct model *model, struct connection *connection,
		  const struct subflow *subflow, const struct mptcpd_measure *measure);
/* A record begins anew, for another subflow. */
void measure_forget(struct connection *connection, const struct subflow *subflow);
/* A record takes the place of another one. */
void measure_move(struct connection *connection, const struct subflow *to,
		  const struct subflow *from);
/* A snapshot shows the connection: let go of its measurements, if nobody wants to know them. */
void measure_settle(const struct model *model, struct connection *connection);

#endif
