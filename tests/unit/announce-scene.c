/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "announce-scene.h"

#include "addr.h"

bool announce_is_told(const struct fake_connection *fake, uint8_t id)
{
	struct mptcpd_addr addr = fake_addr(ANNOUNCE_ADDRESS);

	return addr_equal(&fake->told[id], &addr);
}

struct fake_connection *announce_by_client(struct scene *scene, uint8_t *ret_id)
{
	struct fake_connection *fake;

	fake_policy.announced = fake_addr(ANNOUNCE_ADDRESS);
	fake = scene_meshed(scene);
	scene_later(scene, ANNOUNCE_AFTER_MS);
	fake_forget_log(scene->fake);
	*ret_id = fake->subflows[1].local_id;
	g_assert_true(announce_is_told(fake, *ret_id));
	return fake;
}

void announce_no_more(struct scene *scene)
{
	fake_policy.announced.family = 0;
	scene_ask(scene);
}

struct fake_connection *announce_by_server(struct scene *scene)
{
	struct fake_connection *fake;

	fake_policy.announced = fake_addr(ANNOUNCE_ADDRESS);
	fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_SERVER, "10.0.1.1:5000",
			    "10.9.0.1:999");
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	scene_later(scene, ANNOUNCE_AFTER_MS);
	fake_join(scene->fake, SCENE_TOKEN, ANNOUNCE_ADDRESS ":5000", "10.9.0.1:1000");
	scene_run(scene);
	fake_forget_log(scene->fake);
	return fake;
}

void announce_set_link(struct scene *scene, uint32_t i, bool carrier)
{
	fake_link(scene->fake, i, i == 1 ? "eth1" : "eth2", true, carrier);
	scene_later(scene, 2000);
	fake_answer(scene->fake, 0);
	scene_later(scene, 20);
}
