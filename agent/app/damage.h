/*
 * A history that was damaged and begun anew is an incident. The service thread calls it.
 */
#ifndef SLUICE_APP_DAMAGE_H
#define SLUICE_APP_DAMAGE_H

struct incident_service;
struct store;

/* damage_tick - once a second. @told: how many resets were said; 0 at first. */
void damage_tick(struct store *store, struct incident_service *incident, unsigned int *told);

#endif
