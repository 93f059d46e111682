/* tuner.h - one thread or all? Results do not depend on it, so the trainer measures.
 *
 * Small steps lose more at the phases' ends than a second core gives, and a busy neighbour can
 * turn a second thread from a help into a hindrance. Calls are timed. Short steps begin on one
 * thread, long ones on all; where training lasts long enough to pay for it, short probes of the
 * other choice show whether it would be better, the seldomer the more often they have changed
 * nothing. Long steps, of which a probe takes at least one, have none while all threads do their
 * part: then they are not in each other's way. tests/c/check_tuner.h simulates it. */
#ifndef FMLP_TUNER_H
#define FMLP_TUNER_H

/* Zero-initialised. Index 0: one thread, 1: all. */
struct fmlp_tuner {
    double rate[2];  /* seconds for a unit of work; 0: not known */
    double since;    /* seconds of work since the last probe of the slower number */
    double uneven;   /* seconds in which all threads did not share alike, less some of the others */
    double probe;    /* seconds that one takes */
    double patience; /* how many times that long to go without one */
    int woken;       /* the threads have been used */
    int winner;
};

struct fmlp_choice {
    int n_threads;
    int probe;   /* of what is not known, or was slower */
    double cost; /* FLOPs of the call: a short one where more is to be learnt */
};

/* step: FLOPs of the shortest call */
struct fmlp_choice fmlp_tuner_choose(const struct fmlp_tuner *tuner, int most, double step);
/* own: the calling thread's share of the work */
void fmlp_tuner_learn(struct fmlp_tuner *tuner, const struct fmlp_choice *choice, double work,
                      double seconds, double own);

#endif
