#include "tuner.h"

/* FLOPs, or their worth in time, of a call: some 10-50 ms; of one on several threads, which may turn
 * out slow at any moment: 1-5 ms; of a probe: 0.2-1 ms. */
static const double whole_call = 1e9, shared_call = 5e8, probe_call = 5e7;

/* A fit of less is over before several threads could pay for being woken; of small steps, by which
 * they gain a fifth at most and often lose, before a trial could. Steps that are longer than a probe
 * begin on all threads, and one is tried once ten of them, or so much time, were uneven. */
static const double small_step = 1.5e6, alone_seconds = 4e-4, small_alone_seconds = 1e-2,
                    together_seconds = 0.15;
enum { TOGETHER_STEPS = 10 };

/* A call is uneven where the first thread's part is so much off its due. A busy neighbour lets every
 * other call look even, so that these weigh less. */
static const double off = 0.3, even_weight = 0.25;

/* Probes take a thirtieth of the time at most, and ever less where they change nothing. */
enum { PATIENCE_MIN = 30, PATIENCE_MAX = 1000 };

struct fmlp_choice fmlp_tuner_choose(const struct fmlp_tuner *tuner, int most, double step) {
    int all = tuner->winner, probe = 0;
    if (tuner->rate[0] == 0) {
        const double together = TOGETHER_STEPS * tuner->probe;
        probe = step > probe_call &&
                tuner->uneven > (together < together_seconds ? together : together_seconds);
        all = step > probe_call && !probe;
    } else if (tuner->rate[1] == 0) {
        const double alone = step < small_step ? small_alone_seconds : alone_seconds;
        all = probe = tuner->woken || tuner->since > alone;
    } else if (tuner->since > tuner->patience * tuner->probe) {
        all = !all;
        probe = 1;
    }
    const int unsure = probe || tuner->rate[1] == 0;
    const struct fmlp_choice choice = {.n_threads = all ? most : 1, .probe = probe,
                                       .cost = unsure ? probe_call : all ? shared_call : whole_call};
    return choice;
}

void fmlp_tuner_learn(struct fmlp_tuner *tuner, const struct fmlp_choice *choice, double work,
                      double seconds, double own) {
    const int all = choice->n_threads > 1, before = tuner->winner;
    double *rate = &tuner->rate[all];
    const double now = seconds / work;
    tuner->since += seconds;
    if (all) {
        const double part = own * choice->n_threads;
        const int even = part > 1 - off && part < 1 + off;
        tuner->uneven += even ? -even_weight * seconds : seconds;
        if (tuner->uneven < 0) tuner->uneven = 0;
    }
    if (all && !tuner->woken) { /* waking them is no measure */
        tuner->woken = 1;
        tuner->probe = seconds;
        return;
    }
    /* Quickly downwards: a slow call may be somebody else's doing. */
    *rate = *rate == 0 || now < *rate ? now : *rate + (now - *rate) / 4;
    tuner->winner = tuner->rate[1] > 0 && (tuner->rate[0] == 0 || tuner->rate[1] < tuner->rate[0]);
    if (tuner->patience == 0) tuner->patience = PATIENCE_MIN;
    else if (tuner->winner < before || (choice->probe && tuner->winner == before))
        tuner->patience = tuner->patience * 2 < PATIENCE_MAX ? tuner->patience * 2 : PATIENCE_MAX;
    if (choice->probe) tuner->probe = seconds;
    if (choice->probe || tuner->winner < before) tuner->since = 0;
}
