/* A picture to paint pictures and labels on: 8-bit RGB, white at first. */
#ifndef NST_TOOLS_SHEET_H
#define NST_TOOLS_SHEET_H

#include <nst/nst.h>

enum { SHEET_LETTER_WIDTH = 6, SHEET_LINE_HEIGHT = 10 }; /* of a letter and a line, times the scale */

typedef struct cli_sheet {
    uint32_t width, height;
    unsigned char *pixels; /* (height, width, 3) */
} cli_sheet;

void sheet_init(cli_sheet *sheet, uint32_t width, uint32_t height);
void sheet_clear(cli_sheet *sheet);
/* Draws `text`, broken into lines of at most `letters`; clipped at the border. */
void sheet_text(cli_sheet *sheet, uint32_t x, uint32_t y, uint32_t scale, uint32_t letters, const char *text);
/* How many lines that takes. */
uint32_t sheet_text_lines(const char *text, uint32_t letters);
/* Puts an image with its top left corner at (x, y), resized to (width, height) if it is of another size. NST_OK or an error. */
int32_t sheet_image(cli_sheet *sheet, const nst_image *image, uint32_t x, uint32_t y, uint32_t width, uint32_t height);

#endif
