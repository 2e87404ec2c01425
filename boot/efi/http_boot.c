/* SPDX-License-Identifier: MIT */
/*
 * Separate files by HTTP from the folder of the URI that the firmware loaded this program from
 * (HTTP boot, UEFI 24.7).
 */
#include <string.h>

#include "boot/efi/http_client.h"
#include "boot/efi/http_url.h"
#include "boot/efi/network.h"

/* GNU-EFI declares these nodes unpacked; the firmware's own are not aligned (UEFI 10.3.4). */
_Static_assert(offsetof(IPv4_DEVICE_PATH, LocalIpAddress) == 4, "UEFI 10.3.4.11");
_Static_assert(offsetof(IPv4_DEVICE_PATH, SubnetMask) == 23, "UEFI 10.3.4.11");
_Static_assert(offsetof(IPv6_DEVICE_PATH, LocalIpAddress) == 4, "UEFI 10.3.4.12");
_Static_assert(offsetof(URI_DEVICE_PATH, Uri) == 4, "UEFI 10.3.4.22");

struct http_boot {
	struct network_source source;
	struct http_client client;
	struct http_folder folder;
};

static size_t node_length(const EFI_DEVICE_PATH *node)
{
	return (size_t)DevicePathNodeLength(node);
}

/* The last node of this kind in a device path, NULL when there is none. */
static EFI_DEVICE_PATH *find_node(EFI_DEVICE_PATH *path, UINT8 subtype)
{
	EFI_DEVICE_PATH *found = NULL;

	for (; path && !IsDevicePathEnd(path); path = NextDevicePathNode(path)) {
		if (node_length(path) < sizeof(*path))
			break;
		if (DevicePathType(path) == MESSAGING_DEVICE_PATH &&
		    DevicePathSubType(path) == subtype)
			found = path;
	}
	return found;
}

static size_t uri_length(const EFI_DEVICE_PATH *node)
{
	const char *uri = (const char *)((const URI_DEVICE_PATH *)node)->Uri;
	const size_t size = node_length(node) - offsetof(URI_DEVICE_PATH, Uri);
	const char *end = memchr(uri, '\0', size);

	return end ? (size_t)(end - uri) : size;
}

/* The address that DHCP gave; the firmware's default where the node is old or not filled in. */
static void read_ipv4(const EFI_DEVICE_PATH *node, EFI_HTTPv4_ACCESS_POINT *local)
{
	static const EFI_IPv4_ADDRESS none;
	const IPv4_DEVICE_PATH *ip = (const IPv4_DEVICE_PATH *)node;

	local->UseDefaultAddress = TRUE;
	if (node_length(node) < offsetof(IPv4_DEVICE_PATH, SubnetMask) + sizeof(none) ||
	    !memcmp(&ip->LocalIpAddress, &none, sizeof(none)) ||
	    !memcmp(&ip->SubnetMask, &none, sizeof(none)))
		return;
	local->UseDefaultAddress = FALSE;
	memcpy(&local->LocalAddress, &ip->LocalIpAddress, sizeof(none));
	memcpy(&local->LocalSubnet, &ip->SubnetMask, sizeof(none));
}

static void read_ipv6(const EFI_DEVICE_PATH *node, EFI_HTTPv6_ACCESS_POINT *local)
{
	const IPv6_DEVICE_PATH *ip = (const IPv6_DEVICE_PATH *)node;

	if (node_length(node) >=
	    offsetof(IPv6_DEVICE_PATH, LocalIpAddress) + sizeof(local->LocalAddress))
		memcpy(&local->LocalAddress, &ip->LocalIpAddress, sizeof(local->LocalAddress));
}

static bool read_address(EFI_DEVICE_PATH *path, struct http_client *client)
{
	const EFI_DEVICE_PATH *ipv4 = find_node(path, MSG_IPv4_DP);
	const EFI_DEVICE_PATH *ipv6 = find_node(path, MSG_IPv6_DP);

	client->ipv6 = !ipv4;
	if (ipv4)
		read_ipv4(ipv4, &client->v4);
	else if (ipv6)
		read_ipv6(ipv6, &client->v6);
	return ipv4 || ipv6;
}

static void tell(const char *url, u64 size)
{
	Print(L"Firn: loading %a by HTTP, %lu KiB\n", url, DIV_ROUND_UP(size, KiB));
}

/* The statuses of a network that GNU-EFI's %r does not know (UEFI appendix D). */
static const char *network_problem(EFI_STATUS status)
{
	static const struct {
		EFI_STATUS status;
		const char *problem;
	} problems[] = {
		{ EFI_NETWORK_UNREACHABLE, "network unreachable" },
		{ EFI_HOST_UNREACHABLE, "host unreachable" },
		{ EFI_PROTOCOL_UNREACHABLE, "protocol unreachable" },
		{ EFI_PORT_UNREACHABLE, "port unreachable" },
		{ EFI_CONNECTION_FIN, "the server closed the connection" },
		{ EFI_CONNECTION_RESET, "the server reset the connection" },
		{ EFI_CONNECTION_REFUSED, "the server refused the connection" },
	};
	const char *problem = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(problems); i++)
		if (problems[i].status == status)
			problem = problems[i].problem;
	return problem;
}

static void note_failure(struct http_boot *b, const char *url, const struct http_file *file,
			 EFI_STATUS status)
{
	const char *problem = file->problem ? file->problem : network_problem(status);
	CHAR16 text[sizeof(b->source.l->h->message)], why[64];

	if (problem)
		UnicodeSPrint(why, sizeof(why), L"%a", problem);
	else
		UnicodeSPrint(why, sizeof(why), L"%r", status);
	if (file->received)
		UnicodeSPrint(text, sizeof(text), L"not loaded from %a: %lu of %lu bytes, then %s",
			      b->folder.host, file->received, file->size, why);
	else
		UnicodeSPrint(text, sizeof(text), L"not loaded from %a: %s", b->folder.host, why);
	network_note(b->source.l, url + b->folder.path, text);
}

static u64 fetch(struct network_source *source, const char *name, u64 *size)
{
	struct http_boot *b = container_of(source, struct http_boot, source);
	char url[HTTP_URL_MAX];
	struct http_file file;
	EFI_STATUS status;

	http_url_make(&b->folder, name, url);
	status = http_get(&b->client, url, b->folder.host, &file, tell);
	if (EFI_ERROR(status))
		note_failure(b, url, &file, status);
	*size = file.size;
	return file.base;
}

bool http_load_files(struct loader *l)
{
	static EFI_GUID path_guid = EFI_LOADED_IMAGE_DEVICE_PATH_PROTOCOL_GUID;
	static EFI_GUID binding_guid = EFI_HTTP_SERVICE_BINDING_PROTOCOL_GUID;
	struct http_boot b = { .source = { .l = l, .fetch = fetch } };
	EFI_DEVICE_PATH *path, *uri;
	const char *problem = NULL;
	EFI_HANDLE device;

	if (EFI_ERROR(BS->HandleProtocol(l->handle, &path_guid, (void **)&path)))
		return false;
	uri = find_node(path, MSG_URI_DP);
	if (!uri)
		return false;
	if (!read_address(path, &b.client))
		problem = "not loaded: the firmware does not tell this machine's address";
	else if (!http_folder_read((const char *)((URI_DEVICE_PATH *)uri)->Uri, uri_length(uri),
				   &b.folder))
		problem = "not loaded: the loader's own URI cannot be used";
	else if (EFI_ERROR(BS->LocateDevicePath(&binding_guid, &path, &device)) ||
		 EFI_ERROR(BS->HandleProtocol(device, &binding_guid, (void **)&b.client.binding)))
		problem = "not loaded: the firmware has no HTTP client for programs";
	if (problem)
		console_note(l, l->h->config_name, problem, EFI_SUCCESS);
	else
		network_load_all(&b.source);
	return true;
}
