/* A system that fails on demand, for programs that are started with LD_PRELOAD: as long as the file FAULT_WHILE is there (or if
 * it is not named), writes to files whose name contains FULL find the disk full, and syncs of files whose name contains
 * UNSYNCABLE fail. The file LOG gets a line before and after each write and sync of a file: `writes NAME 0`, `wrote NAME BYTES`,
 * `syncs NAME 0`, `synced NAME 0`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* The last part of the file's path; NULL if it has none. */
static const char *name_of(int fd, char path[PATH_MAX]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return NULL;
    path[length] = 0;
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : NULL;
}

static int is_meant(int fd, const char *variable) {
    const char *part = getenv(variable), *condition = getenv("FAULT_WHILE");
    char path[PATH_MAX];
    if (!part || (condition && access(condition, F_OK) != 0)) return 0;
    const char *name = name_of(fd, path);
    return name && strstr(name, part);
}

static void note(int fd, const char *what, ssize_t count) {
    const char *log = getenv("LOG");
    char path[PATH_MAX], line[PATH_MAX + 64];
    if (!log || count < 0) return;
    const char *name = name_of(fd, path);
    if (!name) return;
    int error = errno, length = snprintf(line, sizeof line, "%s %s %zd\n", what, name, count);
    int notes = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (notes < 0 || REAL(write)(notes, line, length) != length) abort();
    close(notes);
    errno = error;
}

#define FAIL_IF_MEANT(fd, variable, error) \
    if (is_meant(fd, variable)) { errno = error; return -1; }
#define NOTED(before, after, call) \
    note(fd, before, 0); \
    ssize_t result = call; \
    note(fd, after, result); \
    return result;

ssize_t write(int fd, const void *bytes, size_t count) {
    FAIL_IF_MEANT(fd, "FULL", ENOSPC)
    NOTED("writes", "wrote", REAL(write)(fd, bytes, count))
}
ssize_t writev(int fd, const struct iovec *pieces, int count) {
    FAIL_IF_MEANT(fd, "FULL", ENOSPC)
    NOTED("writes", "wrote", REAL(writev)(fd, pieces, count))
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    FAIL_IF_MEANT(fd, "FULL", ENOSPC)
    NOTED("writes", "wrote", REAL(pwrite)(fd, bytes, count, offset))
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    FAIL_IF_MEANT(fd, "FULL", ENOSPC)
    NOTED("writes", "wrote", REAL(pwrite64)(fd, bytes, count, offset))
}
int fsync(int fd) {
    FAIL_IF_MEANT(fd, "UNSYNCABLE", EIO)
    NOTED("syncs", "synced", REAL(fsync)(fd))
}
int fdatasync(int fd) {
    FAIL_IF_MEANT(fd, "UNSYNCABLE", EIO)
    NOTED("syncs", "synced", REAL(fdatasync)(fd))
}
