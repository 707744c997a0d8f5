/*
 * The font files embedded in the program (DejaVu 2.37: Bitstream Vera licence, which allows it; the
 * build takes them from fonts-dejavu-core). Constant bytes; any thread.
 */
#ifndef SLUICE_REPORT_FONTS_H
#define SLUICE_REPORT_FONTS_H

extern const unsigned char report_font_regular[], report_font_regular_end[];
extern const unsigned char report_font_bold[], report_font_bold_end[];

#endif
