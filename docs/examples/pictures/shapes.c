#include "shapes.h"

#include <stdlib.h>

enum { LEAF_SHAPES = 4 };

bool world_new(struct world *world)
{
    *world = (struct world){.shapes = calloc(MAX_SHAPES, sizeof *world->shapes),
                            .nodes = calloc(2 * MAX_SHAPES, sizeof *world->nodes)};
    return world->shapes && world->nodes;
}

void world_free(struct world *world)
{
    free(world->shapes);
    free(world->nodes);
}

static struct shape *add_shape(struct world *world, enum material material, vec colour, vec centre, vec half, float turn)
{
    struct shape *shape;
    if (world->count == MAX_SHAPES) return NULL;
    shape = &world->shapes[world->count++];
    shape->material = material;
    shape->colour = colour;
    shape->centre = centre;
    shape->half = half;
    shape->cosine = cosf(turn);
    shape->sine = sinf(turn);
    return shape;
}

static void add_plane(struct shape *shape, vec normal, vec point)
{
    normal = normalize(normal);
    shape->planes[shape->plane_count++] = (struct plane){normal, dot(normal, point)};
}

struct shape *add_box(struct world *world, enum material material, vec colour, vec centre, vec half, float turn)
{
    struct shape *box = add_shape(world, material, colour, centre, half, turn);
    for (int axis = 0; box && axis < 3; axis++) {
        vec normal = v3(axis == 0, axis == 1, axis == 2);
        add_plane(box, normal, half);
        add_plane(box, scale(normal, -1), scale(half, -1));
    }
    return box;
}

struct shape *add_gable(struct world *world, enum material material, vec colour, vec centre, vec half, float turn)
{
    struct shape *gable = add_shape(world, material, colour, centre, half, turn);
    if (!gable) return NULL;
    add_plane(gable, v3(0, -1, 0), scale(half, -1));
    add_plane(gable, v3(2 * half.y, half.x, 0), v3(0, half.y, 0));
    add_plane(gable, v3(-2 * half.y, half.x, 0), v3(0, half.y, 0));
    add_plane(gable, v3(0, 0, 1), half);
    add_plane(gable, v3(0, 0, -1), scale(half, -1));
    return gable;
}

struct shape *add_pyramid(struct world *world, enum material material, vec colour, vec centre, vec half, float turn)
{
    struct shape *pyramid = add_shape(world, material, colour, centre, half, turn);
    if (!pyramid) return NULL;
    add_plane(pyramid, v3(0, -1, 0), scale(half, -1));
    add_plane(pyramid, v3(2 * half.y, half.x, 0), v3(0, half.y, 0));
    add_plane(pyramid, v3(-2 * half.y, half.x, 0), v3(0, half.y, 0));
    add_plane(pyramid, v3(0, half.z, 2 * half.y), v3(0, half.y, 0));
    add_plane(pyramid, v3(0, half.z, -2 * half.y), v3(0, half.y, 0));
    return pyramid;
}

/* A boat's body along x: a pointed bow, a flat stern, sides that lean outwards. */
struct shape *add_hull(struct world *world, enum material material, vec colour, vec centre, vec half, float turn)
{
    struct shape *hull = add_shape(world, material, colour, centre, half, turn);
    if (!hull) return NULL;
    add_plane(hull, v3(0, 1, 0), half);
    add_plane(hull, v3(-1, -0.25f, 0), v3(-half.x, half.y, 0));
    for (float side = -1; side <= 1; side += 2) {
        add_plane(hull, v3(0, -half.z * 0.8f, side * 2 * half.y), v3(0, half.y, side * half.z));
        add_plane(hull, v3(half.z, -half.z * 0.9f, side * half.x * 0.9f), v3(half.x, half.y, 0));
    }
    add_plane(hull, v3(0, -1, 0), scale(half, -1));
    return hull;
}

struct shape *add_sail(struct world *world, vec colour, vec centre, vec half, float turn)
{
    struct shape *sail = add_shape(world, MATERIAL_SAIL, colour, centre, half, turn);
    if (!sail) return NULL;
    add_plane(sail, v3(0, -1, 0), scale(half, -1));
    add_plane(sail, v3(-1, 0, 0), scale(half, -1));
    add_plane(sail, v3(half.y, half.x, 0), v3(half.x, -half.y, 0));
    add_plane(sail, v3(0, 0, 1), half);
    add_plane(sail, v3(0, 0, -1), scale(half, -1));
    return sail;
}

struct shape *add_ellipsoid(struct world *world, enum material material, vec colour, vec centre, vec half)
{
    struct shape *ellipsoid = add_shape(world, material, colour, centre, half, 0);
    if (ellipsoid) ellipsoid->kind = SHAPE_ELLIPSOID;
    return ellipsoid;
}

struct shape *add_cone(struct world *world, enum material material, vec colour, vec centre, float half_height,
                       float bottom, float top)
{
    float widest = bottom > top ? bottom : top;
    struct shape *cone = add_shape(world, material, colour, centre, v3(widest, half_height, widest), 0);
    if (!cone) return NULL;
    cone->kind = SHAPE_CONE;
    cone->bottom = bottom;
    cone->top = top;
    return cone;
}

static vec to_local(const struct shape *shape, vec v)
{
    return v3(v.x * shape->cosine + v.z * shape->sine, v.y, v.z * shape->cosine - v.x * shape->sine);
}

static vec to_world(const struct shape *shape, vec v)
{
    return v3(v.x * shape->cosine - v.z * shape->sine, v.y, v.z * shape->cosine + v.x * shape->sine);
}

static float hit_convex(const struct shape *shape, vec o, vec d, vec *normal)
{
    float enter = 0, leave = INFINITY;
    bool inside = true;
    for (int i = 0; i < shape->plane_count; i++) {
        const struct plane *plane = &shape->planes[i];
        float speed = dot(plane->normal, d), distance = plane->offset - dot(plane->normal, o);
        if (speed < 0 && distance < 0) {
            float t = distance / speed;
            if (t > enter) enter = t, *normal = plane->normal, inside = false;
        } else if (speed > 0) {
            leave = fminf(leave, distance / speed);
        } else if (distance < 0) {
            return -1;
        }
    }
    return inside || enter > leave ? -1 : enter;
}

static float hit_ellipsoid(const struct shape *shape, vec o, vec d, vec *normal)
{
    vec inverse = v3(1 / shape->half.x, 1 / shape->half.y, 1 / shape->half.z);
    vec so = mul(o, inverse), sd = mul(d, inverse);
    float a = dot(sd, sd), b = dot(so, sd), c = dot(so, so) - 1, root = b * b - a * c;
    if (c < 0 || root < 0) return -1;
    root = (-b - sqrtf(root)) / a;
    *normal = normalize(mul(along(so, sd, root), inverse));
    return root;
}

static float hit_cone(const struct shape *shape, vec o, vec d, vec *normal)
{
    float slope = (shape->top - shape->bottom) / (2 * shape->half.y), middle = (shape->top + shape->bottom) / 2;
    float radius = middle + slope * o.y, growth = slope * d.y;
    float a = d.x * d.x + d.z * d.z - growth * growth, b = o.x * d.x + o.z * d.z - radius * growth;
    float root = b * b - a * (o.x * o.x + o.z * o.z - radius * radius), t;
    if (root >= 0) {
        t = (-b - sqrtf(root)) / a;
        if (t > 0 && fabsf(o.y + d.y * t) <= shape->half.y) {
            vec p = along(o, d, t);
            *normal = normalize(v3(p.x, -slope * (middle + slope * p.y), p.z));
            return t;
        }
    }
    t = (shape->half.y - o.y) / d.y; /* the cap that looks up */
    if (d.y < 0 && t > 0 && hypotf(o.x + d.x * t, o.z + d.z * t) < shape->top) {
        *normal = v3(0, 1, 0);
        return t;
    }
    return -1;
}

static void hit_shape(const struct shape *shape, vec origin, vec direction, struct hit *hit)
{
    vec o = to_local(shape, sub(origin, shape->centre)), d = to_local(shape, direction), normal = v3(0, 1, 0);
    float t = shape->kind == SHAPE_CONVEX      ? hit_convex(shape, o, d, &normal)
              : shape->kind == SHAPE_ELLIPSOID ? hit_ellipsoid(shape, o, d, &normal)
                                               : hit_cone(shape, o, d, &normal);
    if (t <= 1e-3f || t >= hit->t) return;
    hit->t = t;
    hit->shape = shape;
    hit->local = along(o, d, t);
    hit->local_normal = normal;
    hit->normal = to_world(shape, normal);
}

static float component(vec v, int axis) { return axis == 0 ? v.x : axis == 1 ? v.y : v.z; }

static vec reach(const struct shape *shape)
{
    float flat = hypotf(shape->half.x, shape->half.z);
    return v3(flat, shape->half.y, flat);
}

static void bound(const struct world *world, struct node *node)
{
    node->low = v3(INFINITY, INFINITY, INFINITY);
    node->high = scale(node->low, -1);
    for (int i = node->first; i < node->first + node->count; i++) {
        vec r = reach(&world->shapes[i]), c = world->shapes[i].centre;
        node->low = v3(fminf(node->low.x, c.x - r.x), fminf(node->low.y, c.y - r.y), fminf(node->low.z, c.z - r.z));
        node->high = v3(fmaxf(node->high.x, c.x + r.x), fmaxf(node->high.y, c.y + r.y), fmaxf(node->high.z, c.z + r.z));
    }
}

/* Moves the shapes below the middle of the box to the front; returns how many. */
static int partition(struct world *world, const struct node *node)
{
    vec size = sub(node->high, node->low);
    int axis = size.x > size.y && size.x > size.z ? 0 : size.y > size.z ? 1 : 2, front = node->first;
    float middle = (component(node->low, axis) + component(node->high, axis)) / 2;
    for (int i = node->first; i < node->first + node->count; i++) {
        if (component(world->shapes[i].centre, axis) < middle) {
            struct shape moved = world->shapes[i];
            world->shapes[i] = world->shapes[front];
            world->shapes[front++] = moved;
        }
    }
    return front - node->first;
}

static void split(struct world *world, int index)
{
    struct node *node = &world->nodes[index];
    int first = node->first, count = node->count, front, child = world->node_count;
    bound(world, node);
    if (count <= LEAF_SHAPES) return;
    front = partition(world, node);
    if (front == 0 || front == count) front = count / 2;
    world->node_count += 2;
    world->nodes[child] = (struct node){.first = first, .count = front};
    world->nodes[child + 1] = (struct node){.first = first + front, .count = count - front};
    node->first = child;
    node->count = 0;
    split(world, child);
    split(world, child + 1);
}

void world_build(struct world *world)
{
    world->nodes[0] = (struct node){.first = 0, .count = world->count};
    world->node_count = 1;
    split(world, 0);
}

static bool meets(const struct node *node, vec o, vec inverse, float limit)
{
    float x0 = (node->low.x - o.x) * inverse.x, x1 = (node->high.x - o.x) * inverse.x;
    float y0 = (node->low.y - o.y) * inverse.y, y1 = (node->high.y - o.y) * inverse.y;
    float z0 = (node->low.z - o.z) * inverse.z, z1 = (node->high.z - o.z) * inverse.z;
    float enter = fmaxf(fmaxf(fminf(x0, x1), fminf(y0, y1)), fminf(z0, z1));
    float leave = fminf(fminf(fmaxf(x0, x1), fmaxf(y0, y1)), fmaxf(z0, z1));
    return leave >= fmaxf(enter, 0) && enter < limit;
}

static bool walk(const struct world *world, vec origin, vec direction, struct hit *hit, bool any)
{
    int stack[64], depth = 0;
    vec inverse = v3(1 / direction.x, 1 / direction.y, 1 / direction.z);
    stack[depth++] = 0;
    while (depth > 0) {
        const struct node *node = &world->nodes[stack[--depth]];
        if (!meets(node, origin, inverse, hit->t)) continue;
        if (node->count == 0 && depth + 2 <= 64) {
            stack[depth++] = node->first;
            stack[depth++] = node->first + 1;
        }
        for (int i = node->first; i < node->first + node->count; i++) hit_shape(&world->shapes[i], origin, direction, hit);
        if (any && hit->shape) return true;
    }
    return hit->shape != NULL;
}

bool world_hit(const struct world *world, vec origin, vec direction, struct hit *hit)
{
    hit->shape = NULL;
    return walk(world, origin, direction, hit, false);
}

bool world_blocked(const struct world *world, vec origin, vec direction, float distance)
{
    struct hit hit = {.t = distance};
    return walk(world, origin, direction, &hit, true);
}
