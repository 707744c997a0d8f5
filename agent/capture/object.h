/* The BPF object file, embedded at build time by tools/embed.c. Constant. */
#ifndef SLUICE_CAPTURE_OBJECT_H
#define SLUICE_CAPTURE_OBJECT_H

extern const unsigned char bpf_object[];
extern const unsigned long bpf_object_len;

#endif
