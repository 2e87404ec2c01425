/* SPDX-License-Identifier: MIT */
/* The graphics output protocol's framebuffer (UEFI 12.9). */
#include "boot/efi/loader.h"

static enum handover_pixel_format pixel_format(const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info)
{
	const EFI_PIXEL_BITMASK *mask = &info->PixelInformation;

	switch (info->PixelFormat) {
	case PixelBlueGreenRedReserved8BitPerColor:
		return HANDOVER_PIXEL_BGRX;
	case PixelRedGreenBlueReserved8BitPerColor:
		return HANDOVER_PIXEL_RGBX;
	case PixelBitMask:
		if (mask->RedMask == 0xff0000 && mask->GreenMask == 0xff00 &&
		    mask->BlueMask == 0xff)
			return HANDOVER_PIXEL_BGRX;
		if (mask->RedMask == 0xff && mask->GreenMask == 0xff00 &&
		    mask->BlueMask == 0xff0000)
			return HANDOVER_PIXEL_RGBX;
		return HANDOVER_PIXEL_NONE;
	default:
		return HANDOVER_PIXEL_NONE;
	}
}

/* With several graphics cards, the one that the firmware's console is on. */
static EFI_GRAPHICS_OUTPUT_PROTOCOL *find(void)
{
	static EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop = NULL;

	if (ST->ConsoleOutHandle &&
	    !EFI_ERROR(BS->HandleProtocol(ST->ConsoleOutHandle, &guid, (void **)&gop)))
		return gop;
	return EFI_ERROR(BS->LocateProtocol(&guid, NULL, (void **)&gop)) ? NULL : gop;
}

void framebuffer_read(struct loader *l)
{
	const EFI_GRAPHICS_OUTPUT_PROTOCOL *gop = find();
	const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info;
	struct handover_framebuffer fb;

	if (!gop || !gop->Mode || !gop->Mode->Info)
		return;
	info = gop->Mode->Info;
	fb = (struct handover_framebuffer){
		.base = gop->Mode->FrameBufferBase,
		.width = info->HorizontalResolution,
		.height = info->VerticalResolution,
		.pitch = info->PixelsPerScanLine * 4,
		.format = pixel_format(info),
	};
	fb.size = (u64)fb.pitch * fb.height;
	if (fb.base && fb.format != HANDOVER_PIXEL_NONE && fb.width <= info->PixelsPerScanLine &&
	    fb.size <= gop->Mode->FrameBufferSize)
		l->h->framebuffer = fb;
}
