/* A game loop of 60 frames a second that never waits for the network: the board is a record that all
 * players follow, and a move is a patch of it. game http://127.0.0.1:8080 arcade dev:ann */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <hubd-client.h>

enum { FRAME_NS = 1000000000 / 60, FRAMES = 600, MOVE_EVERY = 30, WIDTH = 40 };

struct game {
    int64_t version;
    int players, moves, refused;
};

static void on_board(void *user, const json_t *board, int64_t version) {
    struct game *g = user;
    g->version = version;
    g->players = (int)json_object_size(json_object_get(board, "players"));
}

static void on_moved(void *user, const struct hubd_error *error, const json_t *answer) {
    struct game *g = user;
    (void)answer;
    if (error)
        g->refused++; /* the next frame has another */
    else
        g->moves++;
}

static void move_player(struct hubd_client *client, struct game *g, const char *name) {
    json_t *move = json_pack("{ss ss s{s{s{si}}}}", "recordId", "board", "strategy", "deepMerge", "value", "players",
                             name, "x", rand() % WIDTH);
    hubd_client_emit(client, "hub:writeRecord", move, NULL, 0, on_moved, g);
    json_decref(move);
}

int main(int argc, char **argv) {
    struct hubd_client_options options;
    struct game game = {0};
    if (argc != 4) return fprintf(stderr, "usage: game URL HUB TOKEN\n"), 2;
    hubd_client_options_init(&options);
    options.url = argv[1];
    options.hub = argv[2];
    options.token = argv[3];
    struct hubd_client *client = hubd_client_new(&options);
    if (!client) return perror("game"), 1;
    hubd_client_record(client, "board", on_board, &game);

    for (int frame = 0; frame < FRAMES && !hubd_client_service(client, 0); frame++) {
        if (frame % MOVE_EVERY == 0) move_player(client, &game, argv[3]);
        printf("\rframe %d  board %lld  players %d  moves %d ", frame, (long long)game.version, game.players,
               game.moves);
        fflush(stdout); /* drawing */
        nanosleep(&(struct timespec){.tv_nsec = FRAME_NS}, NULL);
    }
    printf("\n%d moves, %d refused\n", game.moves, game.refused);
    hubd_client_free(client);
    return 0;
}
