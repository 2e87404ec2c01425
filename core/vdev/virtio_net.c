/* SPDX-License-Identifier: MIT */
/* Network interfaces: features, queues and their roles, life. */
#include "core/vdev/virtio_net.h"

#include <stdlib.h>
#include <string.h>

#include "core/vdev/virtio_net_internal.h"
#include "core/vm.h"

#define FEATURES                                                                                 \
	(NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_MTU | NET_F_MAC | NET_F_GUEST_TSO4 |              \
	 NET_F_GUEST_TSO6 | NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_MRG_RXBUF | NET_F_STATUS | \
	 NET_F_CTRL_VQ | NET_F_CTRL_RX)
#define QUEUE_SIZE 256

static struct virtio_net *of_device(struct virtio_device *device)
{
	return container_of(device, struct virtio_net, device);
}

/* Which features need which others, 5.1.3.1 */
static const struct {
	u64 feature, needs;
} dependencies[] = {
	{ NET_F_GUEST_TSO4, NET_F_GUEST_CSUM }, { NET_F_GUEST_TSO6, NET_F_GUEST_CSUM },
	{ NET_F_HOST_TSO4, NET_F_CSUM },	{ NET_F_HOST_TSO6, NET_F_CSUM },
	{ NET_F_CTRL_RX, NET_F_CTRL_VQ },	{ NET_F_MQ, NET_F_CTRL_VQ },
};

static bool features_possible(struct virtio_device *device, u64 features)
{
	(void)device;
	for (unsigned i = 0; i < ARRAY_SIZE(dependencies); i++)
		if ((features & dependencies[i].feature) && !(features & dependencies[i].needs))
			return false;
	return true;
}

/* Without MQ the control queue is the one behind the first pair. */
static unsigned control_queue(const struct virtio_net *net)
{
	return virtio_has(&net->device, NET_F_MQ) ? 2 * net->config.max_virtqueue_pairs : 2;
}

/* A kick says that there are buffers to receive into; they are looked for when a frame comes. */
static enum virtq_result run_queue(struct virtio_device *device, struct virtq *vq)
{
	struct virtio_net *net = of_device(device);

	if (vq->index == control_queue(net))
		return virtio_has(device, NET_F_CTRL_VQ) ? virtio_net_control(net, vq)
							 : VIRTQ_WAITING;
	if (vq->index % 2 == 0 || vq->index >= 2 * net->config.max_virtqueue_pairs)
		return VIRTQ_WAITING;
	return virtio_net_transmit(net, vq);
}

static void started(struct virtio_device *device)
{
	struct virtio_net *net = of_device(device);

	network()->set_link(&net->nic, true);
}

static void reset(struct virtio_device *device)
{
	struct virtio_net *net = of_device(device);

	if (net->nic.port)
		network()->set_link(&net->nic, false);
	net_filter_reset(&net->filter);
	__atomic_store_n(&net->pairs, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < NET_FLOWS; i++)
		__atomic_store_n(&net->flow[i], 0, __ATOMIC_RELAXED);
}

static void destroy(struct virtio_device *device)
{
	struct virtio_net *net = of_device(device);

	if (net->nic.port)
		network()->detach(&net->nic);
	free(net);
}

static const struct virtio_class net_class = {
	.name = "virtio-net",
	.id = VIRTIO_ID_NET,
	.pci_class = PCI_CLASS(0x02, 0, 0), /* network, Ethernet */
	.run_queue = run_queue,
	.features_possible = features_possible,
	.started = started,
	.reset = reset,
	.destroy = destroy,
};

static void fill_in(struct virtio_net *net, const struct vm *vm, unsigned index, unsigned pairs)
{
	const struct config_net *wanted = &vm->config->net[index];

	_Static_assert(sizeof(wanted->mac) == MAC_LEN, "one kind of address");
	net->config = (struct net_config){
		.status = NET_S_LINK_UP,
		.max_virtqueue_pairs = (u16)pairs,
		.mtu = NET_MTU,
	};
	memcpy(net->config.mac, wanted->mac, MAC_LEN);
	net->nic = (struct net_nic){
		.vm = vm->config->name,
		.index = index,
		.receive = virtio_net_receive,
	};
	memcpy(net->nic.mac, wanted->mac, MAC_LEN);
}

static enum firn_err create_nic(struct vm *vm, unsigned index)
{
	unsigned pairs = MIN(vm->nr_vcpus, (unsigned)NET_MAX_PAIRS);
	struct virtio_setup setup = {
		.slot = PCI_SLOT_NET + index,
		.features = FEATURES | (pairs > 1 ? NET_F_MQ : 0),
		.nr_queues = 2 * pairs + 1,
		.queue_size = QUEUE_SIZE,
		.config_size = sizeof(struct net_config),
	};
	struct virtio_net *net = calloc(1, sizeof(*net) + pairs * sizeof(net->pair[0]));
	enum firn_err err;

	if (!net)
		return ERR_NOMEM;
	fill_in(net, vm, index, pairs);
	setup.config = &net->config;
	err = network()->attach(&net->nic, vm->config->net[index].network);
	if (err == FIRN_OK)
		err = virtio_create(&net->device, vm, &net_class, &setup);
	if (err != FIRN_OK)
		destroy(&net->device);
	return err;
}

enum firn_err virtio_net_create(struct vm *vm)
{
	enum firn_err err = FIRN_OK;

	if (vm->config->nr_nets && !network())
		return ERR_UNSUPPORTED;
	for (unsigned i = 0; i < vm->config->nr_nets && err == FIRN_OK; i++)
		err = create_nic(vm, i);
	return err;
}
