/* A system that fails on demand, for programs that are started with LD_PRELOAD: as long as the file FAULT_WHILE is there (or if
 * it is not named), writes to files whose name contains FULL find the disk full, and syncs of files whose name contains
 * UNSYNCABLE fail. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_meant(int fd, const char *variable) {
    const char *part = getenv(variable), *condition = getenv("FAULT_WHILE");
    char link[64], path[PATH_MAX];
    if (!part || (condition && access(condition, F_OK) != 0)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    const char *name = strrchr(path, '/');
    return name && strstr(name, part);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_IF_MEANT(fd, variable, error) \
    if (is_meant(fd, variable)) { errno = error; return -1; }

ssize_t write(int fd, const void *bytes, size_t count) {
    FAIL_IF_MEANT(fd, "FULL", ENOSPC)
    return REAL(write)(fd, bytes, count);
}
ssize_t writev(int fd, const struct iovec *pieces, int count) {
    FAIL_IF_MEANT(fd, "FULL", ENOSPC)
    return REAL(writev)(fd, pieces, count);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    FAIL_IF_MEANT(fd, "FULL", ENOSPC)
    return REAL(pwrite)(fd, bytes, count, offset);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    FAIL_IF_MEANT(fd, "FULL", ENOSPC)
    return REAL(pwrite64)(fd, bytes, count, offset);
}
int fsync(int fd) {
    FAIL_IF_MEANT(fd, "UNSYNCABLE", EIO)
    return REAL(fsync)(fd);
}
int fdatasync(int fd) {
    FAIL_IF_MEANT(fd, "UNSYNCABLE", EIO)
    return REAL(fdatasync)(fd);
}
