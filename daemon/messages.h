/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an operator acts on, by ids that never change: MESSAGE_ID= in the journal. What each means and
 * what to do is in systemd/mptcpd.catalog.
 */
#ifndef DAEMON_MESSAGES_H
#define DAEMON_MESSAGES_H

#define MESSAGE_PLUGIN_SET_ASIDE "5036b58c0c2541f9b29b63d1f82af647" /* a plugin crashed or hung */
#define MESSAGE_CONFIG_REFUSED                                                                     \
	"a0a23dfe01ac4275877e5ce85642c3ee" /* the configuration that was to be read is bad */
#define MESSAGE_MPTCP_OFF "3ed043aa672b47d6aa56f4c32e7fce65" /* net.mptcp.enabled is 0 */
#define MESSAGE_MPTCP_ON "6e5c71c8494446cab56a04e407710771" /* it is 1 again */
#define MESSAGE_BLACKHOLE_BEGAN "0654f6d3626f4beca0989bf6bde8bb84" /* SYNs with MPTCP get lost */
#define MESSAGE_BLACKHOLE_ENDED "03e17e93d7ae458fb88949c91c4b92de" /* they get through */
#define MESSAGE_LINK_SILENT "f399cb16c5e44ff49e152244ba5e6185" /* a far side does not answer */
#define MESSAGE_LINK_WELL "2add0082969a4aff8cfcc9233d5c4c0a" /* it answers again */
#define MESSAGE_ALL_SILENT "563a06ddfac34615845bc610e27b63c7" /* none answers */
#define MESSAGE_ENDPOINT_FOREIGN "50cfd512631a4692aaedd5cb6c45a54b" /* somebody else has made it */
#define MESSAGE_ENDPOINT_LEAVING                                                                   \
	"2174cc1217e54ad6bfd34ac4893514c0" /* one stays because connections need it */
#define MESSAGE_ENDPOINTS_FULL "dd0b998f5a404b6ea2662c4cc7fb0435" /* there is no place for one */
#define MESSAGE_ROUTING_DELETED "891b166f84c545c480d8807bb874e0fa" /* somebody deletes our rules */
#define MESSAGE_ROUTING_CONFLICT "e056a2b5555846be89173c2fe03f8401" /* somebody uses our numbers */
#define MESSAGE_RP_FILTER "10c98899e72746458ee0e2837d1951f0" /* it is strict and harms */
#define MESSAGE_PORT_MISMATCH "7098e41e26004c95a2546494a7b42907" /* joins come to a wrong port */
#define MESSAGE_ANNOUNCEMENT_REFUSED                                                               \
	"5fbbb0aa1fa24bfd85e3147516d60b13" /* a peer announces what is not its own */
#define MESSAGE_WRONG_LINK                                                                         \
	"9c5f9ed4aa2945b79a727a254a33e858" /* packets leave by another link than that of their address */

#endif
