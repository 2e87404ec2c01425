/* SPDX-License-Identifier: MIT */
/* DHCPv4 replies: RFC 2131 (fields), RFC 2132 (options). */
#include "boot/efi/dhcp_reply.h"

#include <string.h>

struct dhcp_packet {
	u8 op, htype, hlen, hops;
	u8 xid[4], secs[2], flags[2];
	u8 ciaddr[4], yiaddr[4], siaddr[4], giaddr[4];
	u8 chaddr[16];
	u8 sname[64];
	u8 file[128];
	u8 cookie[4];
};
_Static_assert(sizeof(struct dhcp_packet) == 240, "RFC 2131, figure 1");

static const u8 magic_cookie[4] = { 99, 130, 83, 99 };

enum {
	OPTION_PAD = 0,
	OPTION_OVERLOAD = 52,
	OPTION_SERVER_ID = 54,
	OPTION_BOOT_FILE = 67,
	OPTION_END = 255,

	OVERLOAD_FILE = 1,
	OVERLOAD_SNAME = 2,
};

struct bytes {
	const u8 *data;
	size_t size;
};

/* The value of an option in one of the fields that hold options; size 0 when it is not there. */
static struct bytes option_in(struct bytes field, u8 code)
{
	struct bytes value = { 0 };

	for (size_t i = 0; i < field.size && field.data[i] != OPTION_END;) {
		size_t len;

		if (field.data[i] == OPTION_PAD) {
			i++;
			continue;
		}
		if (field.size - i < 2 || field.size - i - 2 < field.data[i + 1])
			break;
		len = field.data[i + 1];
		if (field.data[i] == code) {
			value = (struct bytes){ field.data + i + 2, len };
			break;
		}
		i += 2 + len;
	}
	return value;
}

struct reply {
	const struct dhcp_packet *packet;
	struct bytes options;
	u8 overload;
};

/* The fields file and sname may hold more options (RFC 2132, 9.3), in this order. */
static struct bytes option(const struct reply *r, u8 code)
{
	struct bytes value = option_in(r->options, code);

	if (!value.size && (r->overload & OVERLOAD_FILE))
		value = option_in((struct bytes){ r->packet->file, sizeof(r->packet->file) }, code);
	if (!value.size && (r->overload & OVERLOAD_SNAME))
		value = option_in((struct bytes){ r->packet->sname, sizeof(r->packet->sname) },
				  code);
	return value;
}

static bool read_server(const struct reply *r, u8 server[4])
{
	static const u8 none[4];
	struct bytes value = { r->packet->siaddr, sizeof(r->packet->siaddr) };

	if (!memcmp(value.data, none, sizeof(none)))
		value = option(r, OPTION_SERVER_ID);
	if (value.size != sizeof(none) || !memcmp(value.data, none, sizeof(none)))
		return false;
	memcpy(server, value.data, sizeof(none));
	return true;
}

static bool read_folder(const struct reply *r, char folder[DHCP_FOLDER_MAX])
{
	struct bytes path = option(r, OPTION_BOOT_FILE);
	size_t len = 0;

	if (!path.size && !(r->overload & OVERLOAD_FILE))
		path = (struct bytes){ r->packet->file, sizeof(r->packet->file) };
	if (!path.size || !path.data[0])
		return false;
	for (size_t i = 0; i < path.size && path.data[i]; i++) {
		if (path.data[i] < ' ' || path.data[i] > '~')
			return false;
		if (path.data[i] == '/' || path.data[i] == '\\')
			len = i + 1;
	}
	memcpy(folder, path.data, len);
	folder[len] = '\0';
	return true;
}

bool dhcp_boot_read(const void *packet, size_t size, struct dhcp_boot *boot)
{
	struct reply r = { .packet = packet };
	struct bytes overload;

	if (size < sizeof(*r.packet) ||
	    memcmp(r.packet->cookie, magic_cookie, sizeof(magic_cookie)))
		return false;
	r.options =
		(struct bytes){ (const u8 *)packet + sizeof(*r.packet), size - sizeof(*r.packet) };
	overload = option_in(r.options, OPTION_OVERLOAD);
	if (overload.size)
		r.overload = overload.data[0];
	return read_server(&r, boot->server) && read_folder(&r, boot->folder);
}

/* An option's value is at most 255 bytes long, so that a folder always fits. */
_Static_assert(DHCP_FOLDER_MAX > 255, "folder");
