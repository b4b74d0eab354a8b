#include "village.h"

#include "land.h"
#include "shapes.h"

static void add_house(struct world *world, vec foot, float turn, uint64_t *random)
{
    static const uint32_t plaster[] = {0xf4e8d0, 0xf0d9b0, 0xe9b98a, 0xf6efe2, 0xdc9a78, 0xe8c8b0, 0xf2dd9a, 0xc9d4d8, 0xe3a85f};
    static const uint32_t tiles[] = {0xb5532f, 0xa8482a, 0xc06a3c, 0x9c4a33};
    vec half = v3(random_between(random, 2.5f, 3.6f), random_between(random, 2.9f, 5.2f), random_between(random, 2.6f, 4.2f));
    vec wall = colour(plaster[(int)(random_next(random) * 9)]), tile = colour(tiles[(int)(random_next(random) * 4)]);
    float rise = random_between(random, 0.9f, 1.5f), eaves = foot.y - 1 + 2 * half.y;
    vec centre = v3(foot.x, eaves - half.y, foot.z);
    add_box(world, MATERIAL_WALL, wall, centre, half, turn);
    add_gable(world, MATERIAL_ROOF, tile, v3(foot.x, eaves + rise, foot.z), v3(half.x + 0.45f, rise, half.z + 0.35f), turn);
    add_box(world, MATERIAL_STONE, scale(wall, 0.8f), v3(foot.x + half.x * 0.5f, eaves + rise, foot.z - half.z * 0.4f),
            v3(0.35f, rise + 0.5f, 0.35f), turn);
}

static void add_houses(struct world *world, const struct land *land, uint64_t *random)
{
    for (int row = 0; row < 7; row++) {
        float z = 58 + random_between(random, 0, 5), inland = 12 + 9.5f * (float)row;
        for (; z < 178 - 9 * (float)row; z += random_between(random, 7.5f, 10.5f) + 1.2f * (float)row) {
            float x = land_shore(z) - inland - random_between(random, -1.6f, 1.6f);
            float turn = random_between(random, -0.06f, 0.26f);
            bool church = hypotf(x + 66, z - 117) < 13;
            if (random_next(random) < 0.4f) turn += 1.5708f;
            if (!church) add_house(world, v3(x, land_height(land, x, z), z), turn, random);
        }
    }
}

static void add_church(struct world *world, const struct land *land)
{
    vec stone = colour(0xf0e4cc), tile = colour(0xb35a35);
    float x = -66, z = 117, y = land_height(land, x, z);
    add_box(world, MATERIAL_STONE, stone, v3(x, y + 4, z), v3(8, 6, 4.5f), 0.1f);
    add_gable(world, MATERIAL_ROOF, tile, v3(x, y + 12, z), v3(5, 2, 8.5f), 0.1f + 1.5708f);
    add_box(world, MATERIAL_STONE, stone, v3(x + 9, y + 9, z - 1), v3(2.7f, 12, 2.7f), 0.1f);
    add_box(world, MATERIAL_STONE, scale(stone, 0.9f), v3(x + 9, y + 21.3f, z - 1), v3(3.1f, 0.4f, 3.1f), 0.1f);
    add_box(world, MATERIAL_WOOD, colour(0x2a2420), v3(x + 11.5f, y + 18, z - 1), v3(0.3f, 1.6f, 0.8f), 0.1f);
    add_box(world, MATERIAL_WOOD, colour(0x2a2420), v3(x + 9.2f, y + 18, z - 3.6f), v3(0.8f, 1.6f, 0.3f), 0.1f);
    add_pyramid(world, MATERIAL_ROOF, colour(0x4f7a78), v3(x + 9, y + 26.5f, z - 1), v3(3, 5, 3), 0.1f);
}

static void add_quay(struct world *world)
{
    for (float z = 46; z < 186; z += 10)
        add_box(world, MATERIAL_STONE, colour(0xc4b594), v3(land_shore(z) - 4, 0.2f, z), v3(4.6f, 1.8f, 5.2f), 0.0997f);
    for (float x = 0; x < 34; x += 8) /* the mole */
        add_box(world, MATERIAL_STONE, colour(0xb8a888), v3(land_shore(176) + x, 0, 178 - x * 0.15f), v3(4.4f, 1.9f, 2.2f),
                -0.15f);
    add_cone(world, MATERIAL_BANDED, v3(0, 0, 0), v3(land_shore(176) + 35, 4.2f, 173), 2.5f, 0.9f, 0.7f);
    add_ellipsoid(world, MATERIAL_LAMP, v3(0, 0, 0), v3(land_shore(176) + 35, 7.1f, 173), v3(0.6f, 0.6f, 0.6f));
}

static void add_lighthouse(struct world *world, const struct land *land)
{
    float x = 52, z = 150, y = land_height(land, x, z);
    vec white = colour(0xf3ede0), red = colour(0xb5281e), iron = colour(0x3a3f45);
    add_cone(world, MATERIAL_STONE, colour(0xb9aa90), v3(x, y + 0.5f, z), 1.5f, 5, 4.6f);
    add_cone(world, MATERIAL_BANDED, white, v3(x, y + 14, z), 13, 3.3f, 2.1f);
    add_cone(world, MATERIAL_WOOD, iron, v3(x, y + 27.2f, z), 0.3f, 2.6f, 3.1f);
    add_cone(world, MATERIAL_LAMP, white, v3(x, y + 28.8f, z), 1.4f, 1.4f, 1.4f);
    for (int i = 0; i < 8; i++) {
        float angle = 0.785398f * (float)i;
        add_cone(world, MATERIAL_WOOD, iron, v3(x + 1.5f * cosf(angle), y + 28.8f, z + 1.5f * sinf(angle)), 1.5f, 0.12f, 0.12f);
        add_cone(world, MATERIAL_WOOD, white, v3(x + 2.9f * cosf(angle), y + 28, z + 2.9f * sinf(angle)), 0.6f, 0.08f, 0.08f);
    }
    add_cone(world, MATERIAL_WOOD, red, v3(x, y + 31.2f, z), 1.1f, 2.1f, 0.1f);
    add_box(world, MATERIAL_WALL, white, v3(x + 10, y + 1.5f, z - 2), v3(4, 2.9f, 3), 0.2f);
    add_gable(world, MATERIAL_ROOF, colour(0xa8482a), v3(x + 10, y + 5.6f, z - 2), v3(3.5f, 1.2f, 4.5f), 0.2f + 1.5708f);
}

static void add_boat(struct world *world, vec at, float size, float turn, uint32_t paint, bool sailing)
{
    vec hull = v3(3.2f * size, 0.55f * size, 1.1f * size);
    float mast = 4.2f * size;
    add_hull(world, MATERIAL_WOOD, colour(paint), add(at, v3(0, 0.25f * size, 0)), hull, turn);
    add_box(world, MATERIAL_WOOD, colour(0xf1e7d3), add(at, v3(0, 0.86f * size, 0)),
            v3(hull.x * 0.45f, 0.14f * size, 0.6f * size), turn);
    if (!sailing) {
        add_box(world, MATERIAL_WOOD, colour(0xe8ddc8), add(at, v3(-0.5f * size, 1.2f * size, 0)),
                v3(0.8f * size, 0.5f * size, 0.6f * size), turn);
        return;
    }
    add_cone(world, MATERIAL_WOOD, colour(0x6a4a2c), add(at, v3(0, mast, 0)), mast, 0.07f * size, 0.05f * size);
    add_sail(world, colour(0xf7efdc), add(at, v3(-1.25f * size * cosf(turn), mast + 0.5f * size, -1.25f * size * sinf(turn))),
             v3(1.2f * size, mast * 0.8f, 0.04f), turn + 3.14159f);
    add_sail(world, colour(0xefe2c4), add(at, v3(1.15f * size * cosf(turn), mast * 0.85f, 1.15f * size * sinf(turn))),
             v3(1.05f * size, mast * 0.65f, 0.04f), turn);
}

static void add_boats(struct world *world, uint64_t *random)
{
    static const uint32_t paints[] = {0xc8402f, 0x2c6e9b, 0xf0e6d2, 0x2f8f74, 0xe0a53a, 0x274a6d};
    for (int i = 0; i < 13; i++) {
        float z = 52 + 9.3f * (float)i, away = 3.4f + random_between(random, 0, 7);
        add_boat(world, v3(land_shore(z) + away, 0, z), random_between(random, 0.75f, 1.15f), random_between(random, -0.6f, 0.6f),
                 paints[i % 6], i % 5 == 2);
    }
    add_boat(world, v3(13, 0, 88), 1.5f, 0.35f, 0x274a6d, true);
    add_boat(world, v3(24, 0, 232), 1.8f, -0.25f, 0xc8402f, true);
    add_boat(world, v3(-6, 0, 290), 1.9f, 0.6f, 0xf0e6d2, true);
    add_boat(world, v3(104, 0, 265), 2.0f, 2.6f, 0x2c6e9b, true);
    add_boat(world, v3(15, 0, 48), 0.8f, 2.5f, 0xe0a53a, false);
    add_boat(world, v3(3, 0, 120), 0.9f, 0.2f, 0x2f8f74, false);
}

static void add_round_tree(struct world *world, vec foot, float size, vec leaf, uint64_t *random)
{
    add_cone(world, MATERIAL_WOOD, colour(0x5b4630), add(foot, v3(0, size, 0)), size * 1.2f, 0.16f * size, 0.1f * size);
    for (int i = 0; i < 16; i++) {
        float angle = random_between(random, 0, 6.2832f), r = sqrtf(random_next(random)) * size;
        float up = random_between(random, 1.5f, 3.2f), puff = size * random_between(random, 0.35f, 0.62f);
        add_ellipsoid(world, MATERIAL_LEAF, scale(leaf, random_between(random, 0.75f, 1.25f)),
                      add(foot, v3(r * cosf(angle), up * size, r * sinf(angle))), v3(puff, puff * 0.85f, puff));
    }
}

static void add_cypress(struct world *world, vec foot, float size, uint64_t *random)
{
    for (int i = 0; i < 9; i++) {
        float t = (float)i / 8, width = size * (0.52f - 0.4f * t * t);
        float lean = random_between(random, -0.12f, 0.12f) * size, tone = random_between(random, 0.7f, 1.2f);
        add_ellipsoid(world, MATERIAL_LEAF, scale(colour(0x2d4a25), tone), add(foot, v3(lean, size * (0.8f + 5.2f * t), -lean)),
                      v3(width, size * 0.85f, width));
    }
}

static void add_trees(struct world *world, const struct land *land, uint64_t *random)
{
    const vec olive = colour(0x4d6b2a), grass = colour(0x7f8c3f);
    for (int i = 0; i < 900 && world->count < MAX_SHAPES - 64; i++) {
        float z = random_between(random, 40, 215), inland = random_between(random, 16, 120), x = land_shore(z) - inland;
        float y = land_height(land, x, z), size = random_between(random, 1.0f, 2.1f);
        bool built = inland < 12 + 9.5f * 7 && z > 54 && z < 180 - (inland - 12);
        if (built && random_next(random) < 0.72f) continue;
        if (y < 2) continue;
        if (random_next(random) < 0.22f) add_cypress(world, v3(x, y, z), size * 1.05f, random);
        else add_round_tree(world, v3(x, y - 0.4f, z), size, mix(olive, grass, random_next(random)), random);
    }
    for (float z = 30; z < 50; z += 1.6f) { /* bushes above the beach */
        float x = land_shore(z) - random_between(random, 13, 26), y = land_height(land, x, z);
        if (y > 0.8f) add_round_tree(world, v3(x, y - 1.6f, z), random_between(random, 0.55f, 1.1f), colour(0x6b7f35), random);
    }
    for (int i = 0; i < 14; i++) {
        float x = random_between(random, 34, 74), z = random_between(random, 140, 162), y = land_height(land, x, z);
        if (y > 4 && fabsf(x - 52) > 7 && fabsf(x - 62) > 5)
            add_round_tree(world, v3(x, y - 0.6f, z), random_between(random, 0.7f, 1.3f), colour(0x4f6a33), random);
    }
}

bool village_build(struct world *world, const struct land *land)
{
    uint64_t random = 11;
    add_quay(world);
    add_houses(world, land, &random);
    add_church(world, land);
    add_lighthouse(world, land);
    add_boats(world, &random);
    add_trees(world, land, &random);
    world_build(world);
    return world->count < MAX_SHAPES;
}
