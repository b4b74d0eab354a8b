/* Products of filters and positions on tiles.
 *
 * A task takes a piece of the picture and up to four blocks of outputs. For every block of 32 inputs it copies the piece with its
 * border into memory of its own (so that no edge is a special case), and for every block of outputs multiplies it by filters of
 * 32 x 32 x taps, which stay in the first cache: 32 positions and 32 outputs at a time, 2 x 2 tiles. Sums lie in float between the blocks
 * of inputs. After the last, a row is finished while it is near: bias, ReLU, mask, pooling, bf16. */
#include "kernels/x86/product_amx.h"

#include "kernels/padding.h"
#include "kernels/parts.h"
#include "kernels/spread.h"
#include "kernels/x86/inline.h"
#include "kernels/x86/words_amx.h"

enum { STRIP = 32, MOST_COLUMNS = 8 * STRIP, MOST_STRIPS = 32, LEAST_ROWS = 4, GROUP = 4, FEW_TASKS = 16 };

/* How a product is cut, which depends on its sizes alone. */
typedef struct cut {
    uint32_t row_parts, column_parts, groups;
    size_t unit;        /* pooling takes rows and columns in pairs */
    size_t group;       /* blocks of outputs in a task */
    size_t patch_pitch; /* positions */
    size_t strips;      /* in a row of sums */
    size_t sums_rows;
    size_t patch_bytes, strand_bytes;
} cut;

typedef struct job {
    const nst_product *product;
    cut cut;
    unsigned char *strands;
} job;

/* A task's piece: output rows and columns, and how many more are computed on each side to be folded back. */
typedef struct piece {
    size_t row, rows, column, columns, block, blocks;
    size_t above, below, before, after;
    nst_bf16 *patch;
    float *sums;
} piece;

static bool folds(const nst_product *p)
{
    return p->transposed && p->side > 1 && p->pad != NST_PAD_ZERO;
}

static cut cut_of(const nst_product *p)
{
    cut c = {.unit = p->pool ? 2 : 1};
    size_t outs = nst_blocks(p->outputs), more = folds(p) ? 2 : 0;
    if (p->rows == 0 || p->columns == 0 || outs == 0) return c;
    size_t row_units = nst_ceil_div(p->rows, c.unit), column_units = nst_ceil_div(p->columns, c.unit);
    c.column_parts = (uint32_t)nst_ceil_div(p->columns, MOST_COLUMNS);
    size_t columns = nst_ceil_div(column_units, c.column_parts) * c.unit;
    size_t strips = nst_ceil_div(columns, STRIP), rows = MOST_STRIPS / strips > LEAST_ROWS ? MOST_STRIPS / strips : LEAST_ROWS;
    c.row_parts = (uint32_t)nst_ceil_div(p->rows, rows);
    rows = nst_ceil_div(row_units, c.row_parts) * c.unit;
    c.group = GROUP < outs ? GROUP : outs;
    while (c.group > 1 && c.row_parts * c.column_parts * nst_ceil_div(outs, c.group) < FEW_TASKS) c.group /= 2;
    c.groups = (uint32_t)nst_ceil_div(outs, c.group);
    c.strips = nst_ceil_div(columns + more, STRIP);
    c.sums_rows = rows + more;
    c.patch_pitch = c.strips * STRIP + p->side - 1;
    c.patch_bytes = (rows + more + p->side - 1) * c.patch_pitch * NST_BLOCK * sizeof(nst_bf16);
    c.strand_bytes = c.patch_bytes + c.group * c.sums_rows * c.strips * 4 * TILE_BYTES;
    return c;
}

size_t nst_product_workspace(const nst_product *product, uint32_t strands)
{
    return cut_of(product).strand_bytes * strands + 64;
}

size_t nst_product_most_workspace(size_t outputs, uint32_t strands)
{
    size_t group = nst_blocks(outputs) < GROUP ? nst_blocks(outputs) : GROUP;
    return MOST_STRIPS * (STRIP * NST_BLOCK * sizeof(nst_bf16) + group * 4 * TILE_BYTES) * strands + 64;
}

static piece piece_of(const job *j, uint32_t task, uint32_t strand)
{
    const nst_product *p = j->product;
    const cut *c = &j->cut;
    uint32_t group = task % c->groups, column = task / c->groups % c->column_parts, row = task / c->groups / c->column_parts;
    size_t row_units = nst_ceil_div(p->rows, c->unit), column_units = nst_ceil_div(p->columns, c->unit);
    size_t row_end = nst_part_begin(row_units, c->row_parts, row + 1) * c->unit;
    size_t column_end = nst_part_begin(column_units, c->column_parts, column + 1) * c->unit;
    piece q = {.row = nst_part_begin(row_units, c->row_parts, row) * c->unit,
               .column = nst_part_begin(column_units, c->column_parts, column) * c->unit, .block = group * c->group};
    q.rows = (row_end < p->rows ? row_end : p->rows) - q.row;
    q.columns = (column_end < p->columns ? column_end : p->columns) - q.column;
    q.blocks = nst_blocks(p->outputs) - q.block < c->group ? nst_blocks(p->outputs) - q.block : c->group;
    if (folds(p)) {
        q.above = q.row == 0, q.below = q.row + q.rows == p->rows;
        q.before = q.column == 0, q.after = q.column + q.columns == p->columns;
    }
    q.patch = (nst_bf16 *)(j->strands + strand * c->strand_bytes);
    q.sums = (float *)(j->strands + strand * c->strand_bytes + c->patch_bytes);
    return q;
}

/* ---- the patch ---- */

/* The line of x that line `at` of its surroundings shows. */
static size_t source_of(const nst_product *p, ptrdiff_t at, size_t length)
{
    if (at >= 0 && (size_t)at < length) return (size_t)at;
    if (p->transposed) return NST_PAD_NOTHING;
    return nst_pad_around(at < 0 ? 0 : length + 1, length, p->pad);
}

/* Position `from` of x, counted over all blocks, masked: to (32). */
static void copy_position(const nst_product *p, size_t from, nst_bf16 *to)
{
    if (p->x_mask) position_copy_masked(to, p->x + from * NST_BLOCK, p->x_mask[from]);
    else position_copy(to, p->x + from * NST_BLOCK);
}

/* `count` positions of a block's row `row`, from `column` on, which may lie before the first: to (count, 32). */
static void copy_row(const nst_product *p, size_t block, size_t row, ptrdiff_t column, size_t count, nst_bf16 *to)
{
    for (size_t i = 0; i < count; i++, to += NST_BLOCK) {
        size_t source = source_of(p, column + (ptrdiff_t)i, p->width);
        if (source == NST_PAD_NOTHING) {
            position_zero(to);
            continue;
        }
        size_t from = nst_rows_at(&p->x_rows, block, row, source), run = 1;
        if (column + (ptrdiff_t)i == (ptrdiff_t)source) /* as far as neither the row nor x ends */
            run = count - i < p->width - source ? count - i : p->width - source;
        for (size_t k = 0; k < run; k++) copy_position(p, from + k, to + k * NST_BLOCK);
        i += run - 1;
        to += (run - 1) * NST_BLOCK;
    }
}

/* A block of x around the piece, to patch (rows, patch_pitch, 32). */
static void fill_patch(const job *j, const piece *q, size_t block)
{
    const nst_product *p = j->product;
    size_t radius = p->side / 2, rows = q->above + q->rows + q->below + 2 * radius;
    size_t columns = q->before + q->columns + q->after + 2 * radius;
    ptrdiff_t row = (ptrdiff_t)(q->row) - (ptrdiff_t)(q->above + radius);
    ptrdiff_t column = (ptrdiff_t)(q->column) - (ptrdiff_t)(q->before + radius);
    for (size_t r = 0; r < rows; r++) {
        nst_bf16 *to = q->patch + r * j->cut.patch_pitch * NST_BLOCK;
        size_t source = source_of(p, row + (ptrdiff_t)r, p->height);
        if (source == NST_PAD_NOTHING) memset(to, 0, columns * NST_BLOCK * sizeof *to);
        else copy_row(p, block, source, column, columns, to);
    }
}

/* ---- multiplication ---- */

/* Tiles 0..3: sums (positions 0..15 and 16..31, outputs 0..15 and 16..31); 4, 5: positions; 6, 7: filters. */
NST_ALWAYS_INLINE void multiply_tiles(size_t side, const nst_bf16 *x, size_t pitch, const nst_bf16 *filter, bool two_positions,
                                      bool two_outputs)
{
    for (size_t row = 0; row < side; row++)
        for (size_t column = 0; column < side; column++, filter += 2 * TILE_VALUES) {
            const nst_bf16 *at = x + (row * pitch + column) * NST_BLOCK;
            TILE_LOAD(6, filter, TILE_PITCH);
            TILE_LOAD(4, at, TILE_PITCH);
            if (two_outputs) TILE_LOAD(7, filter + TILE_VALUES, TILE_PITCH);
            TILE_MULTIPLY(0, 4, 6);
            if (two_outputs) TILE_MULTIPLY(1, 4, 7);
            if (!two_positions) continue;
            TILE_LOAD(5, at + 16 * NST_BLOCK, TILE_PITCH);
            TILE_MULTIPLY(2, 5, 6);
            if (two_outputs) TILE_MULTIPLY(3, 5, 7);
        }
}

static void load_sums(const float *sums, bool first)
{
    if (first) {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        TILE_ZERO(3);
        return;
    }
    TILE_LOAD(0, sums, TILE_PITCH);
    TILE_LOAD(1, sums + TILE_FLOATS, TILE_PITCH);
    TILE_LOAD(2, sums + 2 * TILE_FLOATS, TILE_PITCH);
    TILE_LOAD(3, sums + 3 * TILE_FLOATS, TILE_PITCH);
}

static void store_sums(float *sums, bool two_positions)
{
    TILE_STORE(0, sums, TILE_PITCH);
    TILE_STORE(1, sums + TILE_FLOATS, TILE_PITCH);
    if (!two_positions) return;
    TILE_STORE(2, sums + 2 * TILE_FLOATS, TILE_PITCH);
    TILE_STORE(3, sums + 3 * TILE_FLOATS, TILE_PITCH);
}

static float *sums_row(const job *j, const piece *q, size_t block, size_t row)
{
    return q->sums + (block * j->cut.sums_rows + row) * j->cut.strips * 4 * TILE_FLOATS;
}

/* A row of sums (strips, 2 x 2 tiles) of a block of outputs += filter (side x side, 32, 32) times its part of the patch. */
static void multiply_row(const job *j, const piece *q, size_t row, size_t block, const nst_bf16 *filter, bool first)
{
    size_t columns = q->before + q->columns + q->after, pitch = j->cut.patch_pitch, side = j->product->side;
    const nst_bf16 *x = q->patch + row * pitch * NST_BLOCK;
    float *sums = sums_row(j, q, block, row);
    bool two_outputs = j->product->outputs - (q->block + block) * NST_BLOCK > 16;
    for (size_t column = 0; column < columns; column += STRIP, sums += 4 * TILE_FLOATS, x += STRIP * NST_BLOCK) {
        bool two_positions = columns - column > 16;
        load_sums(sums, first);
        if (two_positions && two_outputs) multiply_tiles(side, x, pitch, filter, true, true);
        else if (two_positions) multiply_tiles(side, x, pitch, filter, true, false);
        else if (two_outputs) multiply_tiles(side, x, pitch, filter, false, true);
        else multiply_tiles(side, x, pitch, filter, false, false);
        store_sums(sums, two_positions);
    }
}

/* ---- folding: what lies one row or column beyond the edge goes to the one that the padding took it from ---- */

static float *sums_at(const job *j, const piece *q, size_t block, size_t row, size_t column, unsigned half)
{
    size_t tile = column / STRIP * 4 + column / 16 % 2 * 2 + half;
    return sums_row(j, q, block, row) + tile * TILE_FLOATS + column % 16 * 16;
}

static void add_sums(const job *j, const piece *q, size_t block, size_t row, size_t column, size_t to_row, size_t to_column)
{
    for (unsigned half = 0; half < 2; half++) {
        float *to = sums_at(j, q, block, to_row, to_column, half);
        v16_store(to, v16_add(v16_load(to), v16_load(sums_at(j, q, block, row, column, half))));
    }
}

static void fold_row(const job *j, const piece *q, size_t block, size_t row, bool end)
{
    const nst_product *p = j->product;
    size_t to = nst_pad_around(end ? p->rows + 1 : 0, p->rows, p->pad) - q->row + q->above;
    for (size_t column = 0; column < q->before + q->columns + q->after; column++) add_sums(j, q, block, row, column, to, column);
}

static void fold_column(const job *j, const piece *q, size_t block, size_t column, bool end)
{
    const nst_product *p = j->product;
    size_t to = nst_pad_around(end ? p->columns + 1 : 0, p->columns, p->pad) - q->column + q->before;
    for (size_t row = q->above; row < q->above + q->rows; row++) add_sums(j, q, block, row, column, row, to);
}

static void fold(const job *j, const piece *q, size_t block)
{
    if (q->above) fold_row(j, q, block, 0, false);
    if (q->below) fold_row(j, q, block, q->above + q->rows, true);
    if (q->before) fold_column(j, q, block, 0, false);
    if (q->after) fold_column(j, q, block, q->before + q->columns, true);
}

/* ---- finishing ---- */

typedef struct finish {
    const nst_product *product;
    const piece *piece;
    size_t block; /* of y */
    bool fine;
    float bias[NST_BLOCK];
} finish;

static v16 finished(const finish *f, const float *sums, unsigned half)
{
    v16 v = v16_add(v16_load(sums), v16_load(f->bias + 16 * half));
    return f->product->relu ? v16_max(v16_zero(), v) : v; /* a NaN stays */
}

/* A row of sums to a row of y, of the block's 32 channels, and its mask. */
static void finish_row(const job *j, const finish *f, size_t block, size_t row)
{
    const nst_product *p = f->product;
    const piece *q = f->piece;
    size_t at = nst_rows_at(&p->y_rows, f->block, q->row + row, q->column);
    for (size_t column = 0; column < q->columns; column++, at++) {
        nst_bf16 *y = p->y + at * NST_BLOCK;
        uint32_t bits = 0;
        for (unsigned half = 0; half < values_halves(f->fine); half++) {
            v16 v = finished(f, sums_at(j, q, block, q->above + row, q->before + column, half), half);
            bits |= (uint32_t)v16_greater(v, v16_zero()) << 16 * half;
            if (p->add) v = v16_add(v, values_load(y, half, f->fine));
            values_store(y, half, f->fine, v);
        }
        if (p->y_mask) p->y_mask[at] = bits;
    }
}

/* Rows `row` and `row` + 1 of sums to one row of pooled y and its codes. */
static void finish_pooled(const job *j, const finish *f, size_t block, size_t row)
{
    const nst_product *p = f->product;
    const piece *q = f->piece;
    size_t at = nst_rows_at(&p->y_rows, f->block, (q->row + row) / 2, q->column / 2);
    for (size_t column = 0; column + 1 < q->columns; column += 2, at++) {
        uint32_t words[NST_BLOCK_CODE_WORDS] = {0};
        for (unsigned half = 0; half < values_halves(f->fine); half++) {
            v16 four[4];
            uint16_t place[2];
            for (size_t i = 0; i < 4; i++)
                four[i] = values_round(f->fine, finished(f, sums_at(j, q, block, row + i / 2, column + i % 2, half), half));
            v16 most = v16_first_maximum(four, place);
            values_store(p->y + at * NST_BLOCK, half, f->fine, v16_mul(most, v16_all(p->scale)));
            words[0] |= (uint32_t)place[0] << 16 * half;
            words[1] |= (uint32_t)place[1] << 16 * half;
            words[2] |= (uint32_t)v16_greater(most, v16_zero()) << 16 * half;
        }
        if (p->codes) memcpy(p->codes + at * NST_BLOCK_CODE_WORDS, words, sizeof words);
    }
}

static finish finish_of(const job *j, const piece *q, size_t block)
{
    const nst_product *p = j->product;
    finish f = {.product = p, .piece = q, .block = q->block + block, .fine = nst_is_fine(p->outputs)};
    size_t from = f.block * NST_BLOCK, count = p->outputs - from < NST_BLOCK ? p->outputs - from : NST_BLOCK;
    if (p->bias) memcpy(f.bias, p->bias + from, count * sizeof *f.bias);
    return f;
}

static void finish_rows(const job *j, const finish *f, size_t block, size_t row)
{
    if (!f->product->pool) finish_row(j, f, block, row);
    else if (row % 2 != 0) finish_pooled(j, f, block, row - 1);
}

/* One block of outputs: all rows, each finished after the last block of inputs; where something is folded, all of them at the end. */
static void multiply_block(const job *j, const piece *q, size_t block, size_t in)
{
    const nst_product *p = j->product;
    size_t taps = p->side * p->side, rows = q->above + q->rows + q->below;
    const nst_bf16 *filter = p->filters + ((q->block + block) * p->in_blocks + in) * taps * 2 * TILE_VALUES;
    bool last = in + 1 == p->in_blocks, at_once = last && !folds(p);
    finish f = finish_of(j, q, block);
    for (size_t row = 0; row < rows; row++) {
        multiply_row(j, q, row, block, filter, in == 0);
        if (at_once) finish_rows(j, &f, block, row);
    }
    if (!last || at_once) return;
    fold(j, q, block);
    for (size_t row = 0; row < q->rows; row++) finish_rows(j, &f, block, row);
}

/* Without inputs, y is its bias. */
static void finish_nothing(const job *j, const piece *q)
{
    memset(q->sums, 0, q->blocks * j->cut.sums_rows * j->cut.strips * 4 * TILE_BYTES);
    for (size_t block = 0; block < q->blocks; block++) {
        finish f = finish_of(j, q, block);
        for (size_t row = 0; row < q->rows; row++) finish_rows(j, &f, block, row);
    }
}

static void product_task(void *data, uint32_t task, uint32_t strand)
{
    const job *j = data;
    piece q = piece_of(j, task, strand);
    if (j->product->in_blocks == 0) {
        finish_nothing(j, &q);
        return;
    }
    tiles_begin();
    for (size_t in = 0; in < j->product->in_blocks; in++) {
        fill_patch(j, &q, in % j->product->x_blocks);
        for (size_t block = 0; block < q.blocks; block++) multiply_block(j, &q, block, in);
    }
    tiles_end();
}

void nst_product_run(const nst_exec *exec, const nst_product *product, void *workspace)
{
    job j = {.product = product, .cut = cut_of(product), .strands = nst_aligned(workspace)};
    nst_spread(exec, product_task, &j, j.cut.row_parts * j.cut.column_parts * j.cut.groups);
}

/* ---- filters ---- */

static size_t filter_in_blocks(const nst_filters *filters)
{
    return nst_blocks(filters->inputs) * (filters->split && !nst_is_fine(filters->inputs) ? 2 : 1);
}

size_t nst_filter_bytes(const nst_filters *filters)
{
    return nst_blocks(filters->outputs) * filter_in_blocks(filters) * filters->taps * 2 * TILE_BYTES;
}

typedef struct packing {
    const nst_filters *filters;
    nst_bf16 *packed;
} packing;

/* What place `place` of block `block` of the inputs holds for an output: a weight, its rest (see blocks.h), or nothing. */
static nst_bf16 filter_value(const nst_filters *f, size_t block, size_t place, size_t output, size_t tap)
{
    bool fine = nst_is_fine(f->inputs);
    size_t blocks = nst_blocks(f->inputs), input = fine ? place % NST_FINE : block % blocks * NST_BLOCK + place;
    bool rest = fine ? place / NST_FINE == 1 : block >= blocks;
    if (output >= f->outputs || input >= f->inputs || (fine && place / NST_FINE == 3)) return 0;
    float weight = f->weight[output * f->out_stride + input * f->in_stride + (f->turned ? f->taps - 1 - tap : tap)];
    nst_bf16 nearest = bf16_bits(weight);
    return rest ? bf16_bits(weight - bf16_value(nearest)) : nearest;
}

/* For every block of inputs and tap two tiles: the outputs 0..15 and 16..31, a row for every pair of places. */
static void pack_output_block(void *data, uint32_t out)
{
    const packing *task = data;
    const nst_filters *f = task->filters;
    size_t in_blocks = filter_in_blocks(f);
    nst_bf16 *to = task->packed + out * in_blocks * f->taps * 2 * TILE_VALUES;
    for (size_t block = 0; block < in_blocks; block++)
        for (size_t tap = 0; tap < f->taps; tap++)
            for (size_t half = 0; half < 2; half++)
                for (size_t pair = 0; pair < 16; pair++)
                    for (size_t i = 0; i < 32; i++)
                        *to++ = filter_value(f, block, 2 * pair + i % 2, out * NST_BLOCK + half * 16 + i / 2, tap);
}

void nst_filter_pack(const nst_exec *exec, const nst_filters *filters, nst_bf16 *packed)
{
    packing task = {.filters = filters, .packed = packed};
    exec->run(exec->user, pack_output_block, &task, (uint32_t)nst_blocks(filters->outputs));
}
