/*
 * Names of detectors, severities and states as the API says them.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "agent/incident/incident.h"

static const struct {
	const char *name, *title, *technique;
} detectors[DETECTOR_COUNT] = {
#define DETECTOR(id, name, title, technique, severity, statistic, floor) \
	[DETECTOR_##id] = { name, title, technique },
#include "include/detectors.def"
#undef DETECTOR
};

static const char *const severities[] = {
	[SEVERITY_LOW] = "low",
	[SEVERITY_MEDIUM] = "medium",
	[SEVERITY_HIGH] = "high",
};

static const char *const states[] = {
	[INCIDENT_OPEN] = "open",
	[INCIDENT_ACKNOWLEDGED] = "acknowledged",
	[INCIDENT_RESOLVED] = "resolved",
	[INCIDENT_FALSE_POSITIVE] = "false_positive",
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static int find_name(const char *const *names, size_t count, const char *text, uint8_t *out)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], text) == 0) {
			*out = (uint8_t)i;
			return 0;
		}
	return -EINVAL;
}

const char *incident_detector_name(uint8_t detector)
{
	return detector < DETECTOR_COUNT ? detectors[detector].name : "";
}

const char *incident_detector_title(uint8_t detector)
{
	return detector < DETECTOR_COUNT ? detectors[detector].title : "";
}

const char *incident_detector_technique(uint8_t detector)
{
	return detector < DETECTOR_COUNT ? detectors[detector].technique : "";
}

const char *incident_severity_name(uint8_t severity)
{
	return severity < COUNT(severities) ? severities[severity] : "";
}

const char *incident_state_name(uint8_t state)
{
	return state < COUNT(states) ? states[state] : "";
}

int incident_severity_parse(const char *text, uint8_t *severity)
{
	return find_name(severities, COUNT(severities), text, severity);
}

int incident_state_parse(const char *text, uint8_t *state)
{
	return find_name(states, COUNT(states), text, state);
}

int incident_detector_parse(const char *text, uint8_t *detector)
{
	for (int i = 0; i < DETECTOR_COUNT; i++)
		if (!strcmp(detectors[i].name, text)) {
			*detector = (uint8_t)i;
			return 0;
		}
	return -EINVAL;
}

static const char *const responses[] = {
	[RESPONSE_NONE] = "none",
	[RESPONSE_ASK] = "ask",
	[RESPONSE_BLOCK] = "block",
};

const char *incident_response_name(uint8_t kind)
{
	return kind < COUNT(responses) ? responses[kind] : "";
}

int incident_response_parse(const char *text, uint8_t *kind)
{
	return find_name(responses, COUNT(responses), text, kind);
}

const char *incident_place_name(enum incident_place place)
{
	static const char *const places[] = {
		[PLACE_REMOTE] = "remote",
		[PLACE_LOCAL] = "local",
		[PLACE_OWN] = "own",
	};

	return (unsigned int)place < COUNT(places) ? places[place] : "";
}
