/* The first and only process of the emulated machine: runs /program with the arguments of /arguments (one a line), tells its exit
 * status, and ends the machine by the triple fault that the emulator stops at. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { MOST_ARGUMENTS = 16 };

static char text[4096];

static void read_arguments(char *arguments[MOST_ARGUMENTS + 2])
{
    int file = open("/arguments", O_RDONLY), count = 1;
    ssize_t length = file < 0 ? 0 : read(file, text, sizeof text - 1);
    arguments[0] = "/program";
    if (length > 0)
        for (char *word = strtok(text, "\n"); word && count <= MOST_ARGUMENTS; word = strtok(NULL, "\n")) arguments[count++] = word;
    arguments[count] = NULL;
}

int main(void)
{
    char *arguments[MOST_ARGUMENTS + 2];
    int status = -1;
    mkdir("/proc", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    read_arguments(arguments);
    pid_t child = fork();
    if (child == 0) {
        execv(arguments[0], arguments);
        _exit(127);
    }
    if (child > 0) waitpid(child, &status, 0);
    if (WIFEXITED(status)) printf("\nprogram exit %d\n", WEXITSTATUS(status));
    else printf("\nprogram signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
    fflush(stdout);
    tcdrain(STDOUT_FILENO);
    usleep(200000);
    reboot(RB_AUTOBOOT);
    for (;;) pause();
}
