/* The fonts of reports as they are in fonts-dejavu-core, see agent/report/fonts.h. */
	.section .rodata
	.macro font name, file
	.global \name
	.global \name\()_end
	.balign 16
\name:
	.incbin "\file"
\name\()_end:
	.endm
	font report_font_regular, "DejaVuSans.ttf"
	font report_font_bold, "DejaVuSans-Bold.ttf"
	.section .note.GNU-stack, "", %progbits
