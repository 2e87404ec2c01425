/* SPDX-License-Identifier: MIT */
/* The firmware's HTTP client (UEFI 2.10, 29.6), which GNU-EFI does not declare. */
#ifndef FIRN_BOOT_EFI_HTTP_PROTOCOL_H
#define FIRN_BOOT_EFI_HTTP_PROTOCOL_H

#include <efi.h>

#include "core/types.h"

#define EFI_HTTP_SERVICE_BINDING_PROTOCOL_GUID                         \
	{                                                              \
		0xbdc8e6af, 0xd9bc, 0x4379,                            \
		{                                                      \
			0xa7, 0x2a, 0xe0, 0xc4, 0xe7, 0x5d, 0xae, 0x1c \
		}                                                      \
	}
#define EFI_HTTP_PROTOCOL_GUID                                         \
	{                                                              \
		0x7a59b29b, 0x910b, 0x4171,                            \
		{                                                      \
			0x82, 0x42, 0xa8, 0x5a, 0x0d, 0xf2, 0x5b, 0x5b \
		}                                                      \
	}

/* Status codes of appendix D that GNU-EFI lacks. */
#define EFI_HTTP_ERROR		 EFIERR(35)
#define EFI_NETWORK_UNREACHABLE	 EFIERR(100)
#define EFI_HOST_UNREACHABLE	 EFIERR(101)
#define EFI_PROTOCOL_UNREACHABLE EFIERR(102)
#define EFI_PORT_UNREACHABLE	 EFIERR(103)
#define EFI_CONNECTION_FIN	 EFIERR(104)
#define EFI_CONNECTION_RESET	 EFIERR(105)
#define EFI_CONNECTION_REFUSED	 EFIERR(106)

typedef enum {
	HttpVersion10,
	HttpVersion11
} EFI_HTTP_VERSION;
typedef enum {
	HttpMethodGet
} EFI_HTTP_METHOD;

/* HTTP's own codes, numbered without the gaps; the last one came late. */
typedef enum {
	HTTP_STATUS_UNSUPPORTED_STATUS,
	HTTP_STATUS_200_OK = 3,
	HTTP_STATUS_300_MULTIPLE_CHOICES = 10,
	HTTP_STATUS_301_MOVED_PERMANENTLY,
	HTTP_STATUS_302_FOUND,
	HTTP_STATUS_303_SEE_OTHER,
	HTTP_STATUS_304_NOT_MODIFIED,
	HTTP_STATUS_305_USE_PROXY,
	HTTP_STATUS_307_TEMPORARY_REDIRECT,
	HTTP_STATUS_400_BAD_REQUEST,
	HTTP_STATUS_401_UNAUTHORIZED,
	HTTP_STATUS_402_PAYMENT_REQUIRED,
	HTTP_STATUS_403_FORBIDDEN,
	HTTP_STATUS_404_NOT_FOUND,
	HTTP_STATUS_405_METHOD_NOT_ALLOWED,
	HTTP_STATUS_406_NOT_ACCEPTABLE,
	HTTP_STATUS_407_PROXY_AUTHENTICATION_REQUIRED,
	HTTP_STATUS_410_GONE = 27,
	HTTP_STATUS_414_REQUEST_URI_TOO_LARGE = 31,
	HTTP_STATUS_500_INTERNAL_SERVER_ERROR = 35,
	HTTP_STATUS_501_NOT_IMPLEMENTED,
	HTTP_STATUS_502_BAD_GATEWAY,
	HTTP_STATUS_503_SERVICE_UNAVAILABLE,
	HTTP_STATUS_504_GATEWAY_TIME_OUT,
	HTTP_STATUS_505_HTTP_VERSION_NOT_SUPPORTED,
	HTTP_STATUS_308_PERMANENT_REDIRECT,
} EFI_HTTP_STATUS_CODE;
_Static_assert(HTTP_STATUS_407_PROXY_AUTHENTICATION_REQUIRED == 24, "407");
_Static_assert(HTTP_STATUS_308_PERMANENT_REDIRECT == 41, "308");

typedef struct {
	BOOLEAN UseDefaultAddress;
	EFI_IPv4_ADDRESS LocalAddress;
	EFI_IPv4_ADDRESS LocalSubnet;
	UINT16 LocalPort; /* 0 = any */
} EFI_HTTPv4_ACCESS_POINT;
_Static_assert(offsetof(EFI_HTTPv4_ACCESS_POINT, LocalAddress) == 1, "LocalAddress");
_Static_assert(offsetof(EFI_HTTPv4_ACCESS_POINT, LocalPort) == 10, "LocalPort");
_Static_assert(sizeof(EFI_HTTPv4_ACCESS_POINT) == 12, "EFI_HTTPv4_ACCESS_POINT");

typedef struct {
	EFI_IPv6_ADDRESS LocalAddress; /* 0 = the firmware's choice */
	UINT16 LocalPort;	       /* 0 = any */
} EFI_HTTPv6_ACCESS_POINT;
_Static_assert(offsetof(EFI_HTTPv6_ACCESS_POINT, LocalPort) == 16, "LocalPort");
_Static_assert(sizeof(EFI_HTTPv6_ACCESS_POINT) == 18, "EFI_HTTPv6_ACCESS_POINT");

typedef struct {
	EFI_HTTP_VERSION HttpVersion;
	UINT32 TimeOutMillisec;
	BOOLEAN LocalAddressIsIPv6;
	union {
		EFI_HTTPv4_ACCESS_POINT *IPv4Node;
		EFI_HTTPv6_ACCESS_POINT *IPv6Node;
	} AccessPoint;
} EFI_HTTP_CONFIG_DATA;
_Static_assert(offsetof(EFI_HTTP_CONFIG_DATA, AccessPoint) == 16, "AccessPoint");
_Static_assert(sizeof(EFI_HTTP_CONFIG_DATA) == 24, "EFI_HTTP_CONFIG_DATA");

typedef struct {
	EFI_HTTP_METHOD Method;
	CHAR16 *Url;
} EFI_HTTP_REQUEST_DATA;
_Static_assert(offsetof(EFI_HTTP_REQUEST_DATA, Url) == 8, "Url");

typedef struct {
	EFI_HTTP_STATUS_CODE StatusCode;
} EFI_HTTP_RESPONSE_DATA;
_Static_assert(sizeof(EFI_HTTP_RESPONSE_DATA) == 4, "EFI_HTTP_RESPONSE_DATA");

typedef struct {
	CHAR8 *FieldName;
	CHAR8 *FieldValue;
} EFI_HTTP_HEADER;
_Static_assert(sizeof(EFI_HTTP_HEADER) == 16, "EFI_HTTP_HEADER");

typedef struct {
	union {
		EFI_HTTP_REQUEST_DATA *Request;
		EFI_HTTP_RESPONSE_DATA *Response; /* NULL: only more of the body is wanted */
	} Data;
	UINTN HeaderCount;
	EFI_HTTP_HEADER *Headers; /* of a response: from pool, to be freed by the caller */
	UINTN BodyLength;
	VOID *Body;
} EFI_HTTP_MESSAGE;
_Static_assert(offsetof(EFI_HTTP_MESSAGE, Headers) == 16, "Headers");
_Static_assert(sizeof(EFI_HTTP_MESSAGE) == 40, "EFI_HTTP_MESSAGE");

typedef struct {
	EFI_EVENT Event;
	EFI_STATUS Status;
	EFI_HTTP_MESSAGE *Message;
} EFI_HTTP_TOKEN;
_Static_assert(sizeof(EFI_HTTP_TOKEN) == 24, "EFI_HTTP_TOKEN");

typedef struct EFI_HTTP_PROTOCOL EFI_HTTP_PROTOCOL;
struct EFI_HTTP_PROTOCOL {
	EFI_STATUS(EFIAPI *GetModeData)(EFI_HTTP_PROTOCOL *this, EFI_HTTP_CONFIG_DATA *config);
	EFI_STATUS(EFIAPI *Configure)(EFI_HTTP_PROTOCOL *this, EFI_HTTP_CONFIG_DATA *config);
	EFI_STATUS(EFIAPI *Request)(EFI_HTTP_PROTOCOL *this, EFI_HTTP_TOKEN *token);
	EFI_STATUS(EFIAPI *Cancel)(EFI_HTTP_PROTOCOL *this, EFI_HTTP_TOKEN *token);
	EFI_STATUS(EFIAPI *Response)(EFI_HTTP_PROTOCOL *this, EFI_HTTP_TOKEN *token);
	EFI_STATUS(EFIAPI *Poll)(EFI_HTTP_PROTOCOL *this);
};
_Static_assert(sizeof(EFI_HTTP_PROTOCOL) == 48, "EFI_HTTP_PROTOCOL");

#endif
