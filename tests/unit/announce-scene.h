/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The scene of the engine, with a policy that announces the address of the second link. */
#ifndef TESTS_ANNOUNCE_SCENE_H
#define TESTS_ANNOUNCE_SCENE_H

#include "engine-scene.h"

#define ANNOUNCE_ADDRESS "10.0.2.1"
/* A connection is so old when the first address is announced. */
#define ANNOUNCE_AFTER_MS 20

/* Was the peer told of it, by this id? */
bool announce_is_told(const struct fake_connection *fake, uint8_t id);
/* Meshed, and the address of its second subflow is announced too, by the same id. */
struct fake_connection *announce_by_client(struct scene *scene, uint8_t *ret_id);
/* A server's connection at 10.0.1.1, to which the peer has joined at the announced address. */
struct fake_connection *announce_by_server(struct scene *scene);
/* The policy does not announce it any more. */
void announce_no_more(struct scene *scene);
/* The link has its carrier or not, and peers do what they have to do. */
void announce_set_link(struct scene *scene, uint32_t i, bool carrier);

#endif
