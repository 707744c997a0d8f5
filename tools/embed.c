/*
 * Build tool: turns the web folder (each file gzip-compressed) or one object file into a C source
 * with constant bytes. usage: embed assets DIR OUT.c | embed object FILE OUT.c
 */
#define ZLIB_CONST /* what it reads is const */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define FILES_MAX 256

struct file {
	char path[512]; /* below the folder, with a leading '/' */
	unsigned char *data;
	size_t len, plain_len;
};

static unsigned char *read_all(const char *path, size_t *len)
{
	FILE *in = fopen(path, "rb");
	struct stat st;
	unsigned char *data;

	if (!in || fstat(fileno(in), &st) || !(data = malloc((size_t)st.st_size + 1))) {
		fprintf(stderr, "embed: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	*len = fread(data, 1, (size_t)st.st_size, in);
	fclose(in);
	return data;
}

static unsigned char *compress_gzip(const unsigned char *data, size_t len, size_t *out_len)
{
	z_stream z = { 0 };
	unsigned char *out;

	/* 15 + 16: the largest window, gzip framing without name or time, so builds repeat */
	if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		exit(1);
	*out_len = deflateBound(&z, len);
	out = malloc(*out_len);
	if (!out)
		exit(1);
	z.next_in = data;
	z.avail_in = (unsigned int)len;
	z.next_out = out;
	z.avail_out = (unsigned int)*out_len;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		exit(1);
	*out_len = z.total_out;
	deflateEnd(&z);
	return out;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as web/ */
static void walk(const char *root, const char *below, struct file *files, size_t *count)
{
	char path[1024];
	DIR *dir;
	struct dirent *entry;

	snprintf(path, sizeof(path), "%s%s", root, below);
	dir = opendir(path);
	if (!dir) {
		fprintf(stderr, "embed: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	while ((entry = readdir(dir))) {
		char name[512];
		struct stat st;
		unsigned char *plain;

		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(name, sizeof(name), "%s/%s", below, entry->d_name) >=
		    (int)sizeof(name))
			exit(1);
		snprintf(path, sizeof(path), "%s%s", root, name);
		if (stat(path, &st))
			exit(1);
		if (S_ISDIR(st.st_mode)) {
			walk(root, name, files, count);
			continue;
		}
		if (*count == FILES_MAX)
			exit(1);
		snprintf(files[*count].path, sizeof(files[*count].path), "%s", name);
		plain = read_all(path, &files[*count].plain_len);
		files[*count].data =
			compress_gzip(plain, files[*count].plain_len, &files[*count].len);
		free(plain);
		(*count)++;
	}
	closedir(dir);
}

static void print_bytes(FILE *out, const unsigned char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fprintf(out, "%s%u,", i % 24 ? "" : "\n", data[i]);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static void embed_assets(const char *dir, FILE *out)
{
	static struct file files[FILES_MAX];
	size_t count = 0;

	walk(dir, "", files, &count);
	qsort(files, count, sizeof(files[0]), by_path);
	fprintf(out, "#include \"agent/front/assets.h\"\n");
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "static const unsigned char file_%zu[] = {", i);
		print_bytes(out, files[i].data, files[i].len);
		fprintf(out, "};\n");
	}
	fprintf(out, "const struct asset assets[] = {\n");
	for (size_t i = 0; i < count; i++)
		fprintf(out, "{ \"%s\", file_%zu, sizeof(file_%zu), %zuU, %luU },\n", files[i].path,
			i, i, files[i].plain_len,
			crc32(0, files[i].data, (unsigned int)files[i].len));
	fprintf(out, "};\nconst unsigned long asset_count = %zu;\n", count);
}

static void embed_object(const char *file, FILE *out)
{
	size_t len;
	unsigned char *data = read_all(file, &len);

	fprintf(out, "#include \"agent/capture/object.h\"\n"
		     "const unsigned char bpf_object[] __attribute__((aligned(8))) = {");
	print_bytes(out, data, len);
	fprintf(out, "};\nconst unsigned long bpf_object_len = sizeof(bpf_object);\n");
	free(data);
}

int main(int argc, char **argv)
{
	FILE *out;

	if (argc != 4) {
		fprintf(stderr, "usage: embed assets DIR OUT.c | embed object FILE OUT.c\n");
		return 2;
	}
	out = fopen(argv[3], "w");
	if (!out) {
		fprintf(stderr, "embed: %s: %s\n", argv[3], strerror(errno));
		return 1;
	}
	if (!strcmp(argv[1], "assets"))
		embed_assets(argv[2], out);
	else
		embed_object(argv[2], out);
	return fclose(out) ? 1 : 0;
}
