/* Library loaded before rcl (LD_PRELOAD) that makes it fail as soon as the file SENSR_TEST_TRIGGER exists:
 *
 *   SENSR_TEST_PUBLISH=CODE   publishing in the threads SENSR_TEST_THREAD (with commas between) returns that code; with
 *                             "hang" it never returns, with "slow" it takes 0.3 s, with "abort" it aborts as after an
 *                             uncaught C++ exception
 *   SENSR_TEST_WAIT=CODE      waiting returns that code at once
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *broken(const char *what)
{
    const char *trigger = getenv("SENSR_TEST_TRIGGER");
    const char *how = getenv(what);
    return how && trigger && access(trigger, F_OK) == 0 ? how : NULL;
}

/* Returns whether a list with commas has the name. */
static int lists(const char *list, const char *name)
{
    size_t length = strlen(name);

    for (; list; list = strchr(list, ',') ? strchr(list, ',') + 1 : NULL)
        if (strncmp(list, name, length) == 0 && (list[length] == ',' || list[length] == '\0'))
            return 1;
    return 0;
}

/* Returns how publishing fails in this thread, NULL if it does not. */
static const char *broken_publish(void)
{
    const char *thread = getenv("SENSR_TEST_THREAD");
    const char *how = broken("SENSR_TEST_PUBLISH");
    char name[16] = "";

    pthread_getname_np(pthread_self(), name, sizeof name);
    return how && thread && lists(thread, name) ? how : NULL;
}

typedef int publish_function(const void *, const void *, void *);

static int publish(const char *function, const void *publisher, const void *message, void *allocation)
{
    const char *how = broken_publish();

    while (how && strcmp(how, "hang") == 0)
        pause();
    if (how && strcmp(how, "abort") == 0) {
        fputs("terminate called after throwing an instance of 'test'\n", stderr);
        abort();
    }
    if (how && strcmp(how, "slow") == 0)
        usleep(300000);
    else if (how)
        return atoi(how);
    return ((publish_function *)dlsym(RTLD_NEXT, function))(publisher, message, allocation);
}

int rcl_publish_serialized_message(const void *publisher, const void *message, void *allocation)
{
    return publish("rcl_publish_serialized_message", publisher, message, allocation);
}

int rcl_publish(const void *publisher, const void *message, void *allocation)
{
    return publish("rcl_publish", publisher, message, allocation);
}

int rcl_wait(void *wait_set, int64_t timeout)
{
    static int (*real)(void *, int64_t);
    const char *how = broken("SENSR_TEST_WAIT");

    if (how)
        return atoi(how);
    if (!real)
        real = (int (*)(void *, int64_t))dlsym(RTLD_NEXT, "rcl_wait");
    return real(wait_set, timeout);
}
