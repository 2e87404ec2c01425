/* SPDX-License-Identifier: MIT */
/* IOAPIC with the UART on pin 4: edge and level delivery, masking, remote IRR. */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/uart.h"

#define VECTOR_UART 0x54
#define PATIENCE    100000
#define PINS	    24

static const u8 vectors[] = { VECTOR_UART, 0 };

static void check_registers(void)
{
	u32 version = ioapic_get(IOAPIC_VERSION_REG);

	check_eq("version", version & 0xff, 0x20);
	check_eq("highest pin", version >> 16 & 0xff, PINS - 1);
	ioapic_put(IOAPIC_ID_REG, 0x05000000);
	check_eq("id can be written", ioapic_get(IOAPIC_ID_REG), 0x05000000);
	ioapic_put(IOAPIC_ID_REG, 0);
	ioapic_put_pin(7, 0x1200000000000000ull | RTE_MASKED | 0x77);
	check_eq("redirection entry reads back", ioapic_get_pin(7),
		 0x1200000000000000ull | RTE_MASKED | 0x77);
	ioapic_put_pin(7, RTE_MASKED | RTE_REMOTE_IRR | BIT(12));
	check_eq("read-only bits of a redirection entry", ioapic_get_pin(7), RTE_MASKED);
}

static void check_edge(void)
{
	irq_log_start(vectors);
	uart_quiet();
	ioapic_put_pin(UART_PIN, VECTOR_UART);
	uart_raise();
	check("edge: arrives", wait_count(&irq_log.count, 1, PATIENCE), "no interrupt");
	spin_ticks(PATIENCE);
	check_eq("edge: comes once though the line stays high", irq_log.count, 1);
	check_eq("edge: no remote IRR", ioapic_get_pin(UART_PIN) & RTE_REMOTE_IRR, 0);
	uart_quiet();
	uart_raise();
	check("edge: the next edge arrives", wait_count(&irq_log.count, 2, PATIENCE),
	      "no interrupt");
	uart_quiet();
}

static void check_mask(void)
{
	irq_log_start(vectors);
	ioapic_put_pin(UART_PIN, VECTOR_UART | RTE_MASKED);
	uart_raise();
	spin_ticks(PATIENCE);
	check_eq("masked: no interrupt", irq_log.count, 0);
	uart_quiet();
	ioapic_put_pin(UART_PIN, VECTOR_UART);
	spin_ticks(PATIENCE);
	check_eq("unmasked with the line low: no interrupt", irq_log.count, 0);
}

static volatile unsigned level_count;
static u64 rte_in_handler;

/* The first time the device is left alone: its line is still high at the EOI. */
static void level_handler(struct interrupt_frame *frame)
{
	(void)frame;
	level_count++;
	if (level_count == 1)
		rte_in_handler = ioapic_get_pin(UART_PIN);
	else
		uart_quiet();
	apic_write(APIC_EOI, 0);
}

static void check_level(void)
{
	level_count = 0;
	set_handler(VECTOR_UART, level_handler);
	uart_quiet();
	ioapic_put_pin(UART_PIN, VECTOR_UART | RTE_LEVEL);
	uart_raise();
	check("level: arrives", wait_count(&level_count, 1, PATIENCE), "no interrupt");
	check_eq("level: remote IRR in the handler", rte_in_handler & RTE_REMOTE_IRR,
		 RTE_REMOTE_IRR);
	check("level: again after the EOI while the line is high",
	      wait_count(&level_count, 2, PATIENCE), "no interrupt");
	spin_ticks(PATIENCE);
	check_eq("level: no more when the line is low", level_count, 2);
	check_eq("level: remote IRR is clear after the EOI",
		 ioapic_get_pin(UART_PIN) & RTE_REMOTE_IRR, 0);

	ioapic_put_pin(UART_PIN, VECTOR_UART | RTE_LEVEL | RTE_MASKED);
	level_count = 1; /* so that the handler serves the device */
	uart_raise();
	spin_ticks(PATIENCE);
	check_eq("level: masked, no interrupt", level_count, 1);
	ioapic_put_pin(UART_PIN, VECTOR_UART | RTE_LEVEL);
	check("level: unmasked with the line high, arrives", wait_count(&level_count, 2, PATIENCE),
	      "no interrupt");
}

GUEST_TEST(ioapic)
{
	apic_init();
	outb(COM1 + UART_MCR, MCR_OUT2);
	check_registers();
	check_edge();
	check_mask();
	check_level();
	ioapic_put_pin(UART_PIN, RTE_MASKED);
	uart_quiet();
}
