/*
 * Words and numbers of findings.
 */
#include "agent/detect/say.h"

#include <stdio.h>

#include "agent/util/clock.h"

void say_span(uint64_t ns, char *text, size_t size)
{
	uint64_t s = (ns + NS_PER_S - 1) / NS_PER_S;

	if (s < 120)
		(void)snprintf(text, size, "%llu s", (unsigned long long)(s ? s : 1));
	else if (s < 7200)
		(void)snprintf(text, size, "%llu min", (unsigned long long)(s + 59) / 60);
	else
		(void)snprintf(text, size, "%llu h", (unsigned long long)(s + 3599) / 3600);
}

double say_score(double share, double value, double floor)
{
	double exact = share * value / (value + floor);

	return (double)(unsigned int)(exact * 1000 + 0.5) / 1000; /* more would say nothing */
}

uint8_t say_severity(enum detector detector, uint64_t value, uint64_t much)
{
	uint8_t severity = detect_severity(detector);

	return value >= much && severity < SEVERITY_HIGH ? severity + 1 : severity;
}

void say_number(struct finding *finding, const struct say_number *number)
{
	struct finding_feature *feature = &finding->features[finding->feature_count];

	if (finding->feature_count == FINDING_FEATURES_MAX)
		return;
	(void)snprintf(feature->name, sizeof(feature->name), "%s", number->name);
	(void)snprintf(feature->unit, sizeof(feature->unit), "%s", number->unit);
	feature->value = number->value;
	feature->normal_low = number->low;
	feature->normal_high = number->high;
	finding->feature_count++;
}

struct addr say_addr_none(void)
{
	struct addr none = { .family = ADDR_IPV4 };

	none.bytes[10] = none.bytes[11] = 0xff; /* mapped, as all IPv4 in agent/ */
	return none;
}
