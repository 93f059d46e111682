#include "tuner.h"

enum { PATIENCE_MIN = 4, PATIENCE_MAX = 64 };

/* The first trial wakes the threads and warms the caches: what it shows does not count. */
enum { TRIALS = 5 };
static const int all_in_trial[TRIALS] = {1, 0, 1, 0, 1};

struct fmlp_choice fmlp_tuner_choose(struct fmlp_tuner *tuner, int most) {
    struct fmlp_choice choice = {.trial = 1};
    int all;
    if (tuner->trials < TRIALS) {
        all = all_in_trial[tuner->trials++];
        if (tuner->trials == 2) tuner->rate[1] = 0;
    } else {
        all = tuner->rate[1] <= tuner->rate[0];
        if (tuner->patience < PATIENCE_MIN) tuner->patience = PATIENCE_MIN;
        choice.trial = ++tuner->calls > tuner->patience;
        if (choice.trial) {
            const double winner = tuner->rate[all], loser = tuner->rate[!all];
            const int close = loser < 1.25 * winner;
            tuner->calls = 0;
            tuner->patience = close ? PATIENCE_MIN * 4 : tuner->patience * 2;
            if (tuner->patience > PATIENCE_MAX) tuner->patience = PATIENCE_MAX;
            all = !all;
        }
    }
    choice.n_threads = all ? most : 1;
    return choice;
}

void fmlp_tuner_learn(struct fmlp_tuner *tuner, int n_threads, double work, double seconds) {
    double *rate = &tuner->rate[n_threads > 1];
    const double now = seconds / work;
    /* Follow quickly downwards: a slow call may be somebody else's doing. */
    *rate = *rate == 0 || now < *rate ? now : *rate + (now - *rate) / 4;
}
