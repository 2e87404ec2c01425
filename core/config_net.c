/* SPDX-License-Identifier: MIT */
/* Network interfaces in firn.conf: the key net, and that every interface has an address of its own. */
#include <string.h>

#include "core/config_parser.h"
#include "core/fnv1a.h"

#define MAC_LEN	  sizeof(((struct config_net *)NULL)->mac)
#define MAC_TEXT  (3 * MAC_LEN - 1)
#define MAC_GROUP BIT(0) /* of the first byte: not one station's (IEEE 802) */
#define MAC_LOCAL BIT(1) /* not assigned by a manufacturer */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Six bytes with colons; neither a group address nor zero. */
static bool parse_mac(struct text t, u8 *mac)
{
	u8 any = 0;

	if (t.len != MAC_TEXT)
		return false;
	for (size_t i = 0; i < MAC_LEN; i++) {
		int high = hex_digit(t.s[3 * i]), low = hex_digit(t.s[3 * i + 1]);

		if (high < 0 || low < 0 || (i + 1 < MAC_LEN && t.s[3 * i + 2] != ':'))
			return false;
		mac[i] = (u8)(high << 4 | low);
		any |= mac[i];
	}
	return any && !(mac[0] & MAC_GROUP);
}

/* Takes an optional "mac=..."; false after an error. */
static bool parse_options(const struct setting *s, struct text options, struct config_net *net)
{
	struct text name, value = options;

	if (!options.len)
		return true;
	if (!text_split(&value, '=', &name) || !text_is(text_trim(name), "mac")) {
		config_bad_value(s, options, NULL);
		return false;
	}
	net->mac_given = parse_mac(text_trim(value), net->mac);
	if (!net->mac_given)
		parser_fail(s->p,
			    "net: mac=%s: expected the address of one station, as in "
			    "02:00:00:12:34:56",
			    text_quote(value).s);
	return net->mac_given;
}

void config_set_net(const struct setting *s)
{
	struct vm_config *vm = s->p->vm;
	struct config_net net = { .line = s->p->line };
	struct text options = s->value;
	struct text name = text_take_word(&options);

	if (vm->nr_nets == CONFIG_MAX_NETS) {
		parser_fail(s->p, "net %s: a VM can have at most %d network interfaces",
			    text_quote(name).s, CONFIG_MAX_NETS);
	} else if (!config_is_name(name)) {
		parser_fail(s->p,
			    "net = %s: expected a name of up to %d of a-z 0-9 - _ . that "
			    "begins with a letter or digit",
			    text_quote(name).s, CONFIG_NAME_MAX - 1);
	} else if (parse_options(s, options, &net)) {
		memcpy(net.network, name.s, name.len);
		vm->net[vm->nr_nets++] = net;
	}
}

/* Depends on nothing else, so that a guest keeps its address whatever else the file says. */
static void derive_mac(const struct vm_config *vm, unsigned index, u8 *mac)
{
	u64 hash = FNV1A_OFFSET_BASIS;

	for (const char *c = vm->name; *c; c++)
		hash = fnv1a(hash, (u8)*c);
	hash = fnv1a(hash, index);
	memcpy(mac, &hash, MAC_LEN);
	mac[0] = (mac[0] & ~MAC_GROUP) | MAC_LOCAL;
}

static const struct vm_config *find_mac(const struct firn_config *cfg, const struct config_net *net,
					const struct config_net **other)
{
	for (unsigned v = 0; v < cfg->nr_vms; v++)
		for (unsigned i = 0; i < cfg->vm[v].nr_nets; i++) {
			*other = &cfg->vm[v].net[i];
			if (*other == net)
				return NULL;
			if (memcmp((*other)->mac, net->mac, MAC_LEN) == 0)
				return &cfg->vm[v];
		}
	return NULL;
}

static void check_mac(struct parser *p, struct vm_config *vm, const struct config_net *net)
{
	const struct config_net *other;
	const struct vm_config *taken = find_mac(p->cfg, net, &other);

	if (!taken)
		return;
	vm->wrong = true;
	config_add_error(p->errors, net->line,
			 "net of VM '%s': its address %02x:%02x:%02x:%02x:%02x:%02x is "
			 "that of VM '%s' in line %u; expected 'mac=' with another one",
			 vm->name, net->mac[0], net->mac[1], net->mac[2], net->mac[3], net->mac[4],
			 net->mac[5], taken->name, other->line);
}

void config_finish_nets(struct parser *p)
{
	for (unsigned v = 0; v < p->cfg->nr_vms; v++) {
		struct vm_config *vm = &p->cfg->vm[v];

		for (unsigned i = 0; i < vm->nr_nets; i++) {
			if (!vm->net[i].mac_given)
				derive_mac(vm, i, vm->net[i].mac);
			check_mac(p, vm, &vm->net[i]);
		}
	}
}
