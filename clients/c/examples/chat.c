/* A chat in the terminal: what is typed goes to a room of the chat example, what others say is shown.
 *   chat http://127.0.0.1:8080 dev:ann lobby */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hubd-client.h>

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void on_state(void *user, enum hubd_state state) {
    (void)user;
    if (state == HUBD_RECOVERING) puts("* no connection; what you say waits");
    if (state == HUBD_CONNECTED) puts("* connected");
}

static void on_message(void *user, const char *room_id, const json_t *message) {
    (void)user;
    printf("[%s] %s: %s\n", room_id, text_of(message, "senderId"),
           text_of(json_object_get(message, "content"), "body"));
}

static void on_answer(void *what, const struct hubd_error *error, const json_t *answer) {
    (void)answer;
    if (error) printf("* %s: %s (%s)\n", (const char *)what, error->message, error->code);
}

int main(int argc, char **argv) {
    struct hubd_client_options options;
    char line[2000];
    if (argc != 4) return fprintf(stderr, "usage: chat URL TOKEN ROOM\n"), 2;
    hubd_client_options_init(&options);
    options.url = argv[1];
    options.hub = "chat";
    options.token = argv[2];
    options.on_state = on_state;
    options.on_message = on_message;
    struct hubd_client *client = hubd_client_new(&options);
    if (!client) return perror("chat"), 1;
    hubd_client_join(client, argv[3], on_answer, "join");

    struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};
    setvbuf(stdin, NULL, _IONBF, 0); /* poll() and fgets() see the same */
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (!hubd_client_service(client, 50)) {
        if (poll(&keys, 1, 0) <= 0) continue;
        if (!fgets(line, sizeof line, stdin)) break;
        line[strcspn(line, "\n")] = 0;
        json_t *content = json_pack("{ss}", "body", line);
        if (content && *line) hubd_client_send(client, argv[3], "text", content, on_answer, "send");
        json_decref(content);
    }
    hubd_client_free(client);
    return 0;
}
