/* SPDX-License-Identifier: MIT */
/*
 * Layer-2 switches between VMs: each is there by being named, and learns which station is behind
 * which port. What one VM sends never comes back to it.
 *
 * Locks: a transmit queue's, then the switch's (only for the table), then one receive queue's after the
 * other. Nobody who has a receive queue waits for either of the others.
 */
#ifndef FIRN_NET_SWITCH_H
#define FIRN_NET_SWITCH_H

/* Makes the switches the network of the VMs. Boot CPU, before VMs are made. */
void switch_register(void);

#endif
