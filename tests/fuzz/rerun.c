/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rerun.c - runs a fuzz target over every file of a folder, without libFuzzer
 *
 * In:    the folder of the corpus.
 * Out:   exit status 0, or the crash of the target.
 *
 * So that what the fuzzer once found is an ordinary test for every compiler.
 */
#include "base/cleanup.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdint.h>

#define CORPUS_FILE_MAX (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
	cleanup_closedir DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	unsigned int n = 0;
	struct dirent *e;

	if (!dir) {
		fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
		return 2;
	}
	while ((e = readdir(dir))) {
		/* exactly as large as the content, so that a sanitizer sees one byte too far */
		cleanup_free char *text = malloc(CORPUS_FILE_MAX);
		cleanup_free uint8_t *exact = NULL;
		size_t len, i;

		if (e->d_name[0] == '.')
			continue;
		if (!text || file_read_at(dirfd(dir), e->d_name, text, CORPUS_FILE_MAX, &len) < 0) {
			fprintf(stderr, "%s: cannot be read\n", e->d_name);
			return 1;
		}
		exact = malloc(len ? len : 1);
		if (!exact)
			return 1;
		for (i = 0; i < len; i++)
			exact[i] = (uint8_t)text[i];
		(void)LLVMFuzzerTestOneInput(exact, len);
		n++;
	}
	printf("%u inputs\n", n);
	return n ? 0 : 1; /* an empty corpus proves nothing */
}
