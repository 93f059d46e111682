#include "tuner.h"

enum { PATIENCE_MIN = 4, PATIENCE_MAX = 64 };

int fmlp_tuner_choose(struct fmlp_tuner *tuner, int most) {
    if (tuner->rate[1] == 0) return most;
    if (tuner->rate[0] == 0) return 1;
    int all = tuner->rate[1] <= tuner->rate[0];
    if (tuner->patience < PATIENCE_MIN) tuner->patience = PATIENCE_MIN;
    if (++tuner->calls > tuner->patience) {
        const double winner = tuner->rate[all], loser = tuner->rate[!all];
        const int close = loser < 1.25 * winner;
        tuner->calls = 0;
        tuner->patience = close ? PATIENCE_MIN * 4 : tuner->patience * 2;
        if (tuner->patience > PATIENCE_MAX) tuner->patience = PATIENCE_MAX;
        all = !all;
    }
    return all ? most : 1;
}

void fmlp_tuner_learn(struct fmlp_tuner *tuner, int n_threads, double work, double seconds) {
    double *rate = &tuner->rate[n_threads > 1];
    const double now = seconds / work;
    /* Follow quickly downwards: a slow call may be somebody else's doing. */
    *rate = *rate == 0 || now < *rate ? now : *rate + (now - *rate) / 4;
}
