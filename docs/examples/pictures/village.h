/* What people have built and planted around the bay. */
#ifndef PICTURES_VILLAGE_H
#define PICTURES_VILLAGE_H

#include <stdbool.h>

struct land;
struct world;

/* False when there are too many shapes for the world. */
bool village_build(struct world *world, const struct land *land);

#endif
