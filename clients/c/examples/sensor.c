/* A sensor: publishes what it measures to the channel "readings", and answers "measure" when a script of
 * the service asks (clients.invoke). What it measures is how busy the machine is. sensor
 * http://127.0.0.1:8080 devices dev:sensor-1 sensor-1 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <hubd-client.h>

enum { EVERY_S = 2 };

static volatile sig_atomic_t stopped;

static void on_signal(int number) {
    (void)number;
    stopped = 1;
}

static json_t *measure(void *user, const json_t *data) {
    (void)user;
    (void)data;
    double load;
    return getloadavg(&load, 1) == 1 ? json_pack("{sf}", "load", load) : NULL; /* NULL is told as a failure */
}

static void on_published(void *user, const struct hubd_error *error, const json_t *answer) {
    (void)user;
    if (error)
        fprintf(stderr, "sensor: %s (%s)\n", error->message, error->code); /* the next reading is newer anyway */
    else
        printf("published %lld\n", (long long)json_integer_value(json_object_get(answer, "offset")));
    fflush(stdout);
}

int main(int argc, char **argv) {
    struct hubd_client_options options;
    if (argc != 5) return fprintf(stderr, "usage: sensor URL HUB TOKEN ID\n"), 2;
    hubd_client_options_init(&options);
    options.url = argv[1];
    options.hub = argv[2];
    options.token = argv[3];
    options.client_id = argv[4];
    struct hubd_client *client = hubd_client_new(&options);
    if (!client) return perror("sensor"), 1;
    hubd_client_on_invoke(client, "measure", measure, NULL);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);

    time_t due = 0;
    while (!stopped && !hubd_client_service(client, 200)) {
        if (hubd_client_state(client) != HUBD_CONNECTED || time(NULL) < due) continue;
        due = time(NULL) + EVERY_S;
        json_t *reading = json_pack("{ss so}", "channel", "readings", "data", measure(NULL, NULL));
        hubd_client_emit(client, "hub:publish", reading, NULL, 0, on_published, NULL);
        json_decref(reading);
    }
    hubd_client_free(client);
    return 0;
}
