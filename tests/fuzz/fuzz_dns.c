/*
 * A hostile resolver or client: one DNS message. What is read must be text that ends, is printable,
 * and no more than the message holds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/names/internal.h"
#include "agent/names/names.h"
#include "agent/util/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size)
{
	if (!memchr(text, '\0', size))
		abort();
	for (; *text; text++) {
		if (*text < 0x20 || *text > 0x7e)
			abort();
	}
}

/* The same message as the answer to our own question for 192.168.1.7. */
static void check_reverse(const uint8_t *data, size_t size)
{
	const uint8_t bytes[4] = { 192, 168, 1, 7 };
	const struct addr addr = addr_from_ipv4(bytes);
	uint16_t id = size < 2 ? 0 : (uint16_t)(data[0] << 8 | data[1]);
	struct names_reverse said;

	if (!names_reverse_answer(data, size, &addr, id, &said))
		check_text(said.name, sizeof(said.name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dns_message message;
	ssize_t used = dns_parse(data, size, &message);

	check_reverse(data, size);
	if (used == 0 || used > (ssize_t)size)
		abort();
	if (used < 0)
		return 0;
	if (message.question_count > DNS_QUESTIONS_MAX || message.answer_count > DNS_ANSWERS_MAX)
		abort();
	for (unsigned int i = 0; i < message.question_count; i++)
		check_text(message.questions[i].name, NAME_TEXT_MAX);
	for (unsigned int i = 0; i < message.answer_count; i++) {
		check_text(message.answers[i].name, NAME_TEXT_MAX);
		check_text(message.answers[i].rdata, DNS_RDATA_MAX);
	}
	return 0;
}
