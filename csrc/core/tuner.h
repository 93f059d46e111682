/* tuner.h - one thread or all? Results do not depend on it, so the trainer measures.
 *
 * Small steps lose more at the phases' ends than a second core gives, and a busy neighbour can
 * turn a second thread from a help into a hindrance. Calls are timed. Short trials of both choices
 * begin a training; later one trial now and then shows whether the other choice would be better,
 * the seldomer the more often it has lost. */
#ifndef FMLP_TUNER_H
#define FMLP_TUNER_H

struct fmlp_tuner {
    double rate[2];   /* seconds per unit of work: alone, with all threads; 0: unknown */
    int trials;       /* of the beginning, done */
    int calls;        /* since the other choice was tried */
    int patience;     /* calls until it is tried again */
};

struct fmlp_choice {
    int n_threads;
    int trial; /* to be kept short */
};

/* most: threads worth considering, > 1. */
struct fmlp_choice fmlp_tuner_choose(struct fmlp_tuner *tuner, int most);
void fmlp_tuner_learn(struct fmlp_tuner *tuner, int n_threads, double work, double seconds);

#endif
