/* The choice between one thread and all of them, on a simulated machine with a clock of its own. */
#include "../../csrc/core/tuner.h"

/* Seconds of a FLOP on one thread and on all, of waking these, and when the speed of all changes;
 * the first thread's share of the work in calls of several, in turns: before and then. */
struct machine {
    double one, all, wake;
    double change, all_then;
    double own[2], own_then[2];
};

struct outcome {
    double seconds;
    double waking; /* of them */
    long probes;
    int last; /* threads of the last call */
};

/* `steps` steps of `step` FLOPs, called as core/train.c does. */
static struct outcome train_simulated(const struct machine *m, double step, long steps) {
    struct fmlp_tuner tuner = {.rate = {0, 0}};
    struct outcome o = {0, 0, 0, 0};
    for (long done = 0, calls = 0; done < steps; calls++) {
        const struct fmlp_choice c = fmlp_tuner_choose(&tuner, 2, step);
        long n = step < c.cost ? (long)(c.cost / step) : 1;
        if (n > steps - done) n = steps - done;
        const int changed = m->change > 0 && o.seconds > m->change;
        const double all = changed ? m->all_then : m->all;
        const double own = c.n_threads == 1 ? 1 : (changed ? m->own_then : m->own)[calls % 2];
        const double wake = c.n_threads > 1 && !tuner.woken ? m->wake : 0;
        const double seconds = (double)n * step * (c.n_threads > 1 ? all : m->one) + wake;
        fmlp_tuner_learn(&tuner, &c, (double)n, seconds, own);
        o.seconds += seconds;
        o.waking += wake;
        o.probes += c.probe;
        o.last = c.n_threads;
        done += n;
    }
    return o;
}

/* Time is that of the better choice but for `extra` and a share of it. */
static void check_tuner_time(const char *what, const struct machine *m, double step, long steps,
                             double share, double extra) {
    char text[160];
    const double best = (double)steps * step * (m->one < m->all ? m->one : m->all);
    const struct outcome o = train_simulated(m, step, steps);
    snprintf(text, sizeof text, "%s, %ld steps of %g FLOPs: %g ms, %g at best", what, steps, step,
             o.seconds * 1e3, best * 1e3);
    check(o.seconds <= best * (1 + share) + extra, "tuner: time", text);
}

static void check_tuner(void) {
    const struct machine helps = {1e-11, 0.55e-11, 1e-4, 0, 0, {0.5, 0.45}, {0}};
    const struct machine hurts = {1e-11, 2e-11, 1e-4, 0, 0, {0.54, 0.88}, {0}};
    const double sizes[] = {1e5, 1e6, 2e6, 1e7, 4e7, 6e7, 3e8, 3e9};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const double step = sizes[i];
        const long second = (long)(1e11 / step), short_one = (long)(5e7 / step);
        check_tuner_time("all threads help", &helps, step, second, 0.05, 0);
        /* of the longest steps ten take most of the second */
        check_tuner_time("all threads hurt", &hurts, step, second, step > 1e9 ? 0.30 : 0.10, 0);
        if (step < 3e6) { /* a fit of half a millisecond wakes nobody, one of 8 by small steps */
            const struct outcome o = train_simulated(&helps, step, short_one);
            check(o.waking == 0 && o.last == 1, "tuner: a short fit stays alone", 0);
            const struct outcome longer = train_simulated(&helps, step, 16 * short_one);
            check((longer.waking == 0) == (step < 1.5e6), "tuner: small steps wait longer", 0);
        }
        if (step > 5e7) { /* of long steps none is tried on one thread where the others help */
            check_tuner_time("long steps", &helps, step, second, 0, helps.wake * 1.001);
            check_tuner_time("few long steps", &hurts, step, 8, 1, hurts.wake * 1.001);
        }
    }
    for (int late = 0; late < 2; late++) { /* what was right turns wrong after half a second */
        const struct machine worse = {1e-11, 0.55e-11, 1e-4, 0.5, 4e-11, {0.5, 0.5}, {0.54, 0.9}};
        const struct machine better = {1e-11, 4e-11, 1e-4, 0.5, 0.55e-11, {0.54, 0.9}, {0.5, 0.5}};
        const struct machine m = late ? worse : better;
        const struct outcome o = train_simulated(&m, 1e6, 300000);
        check(o.last == (late ? 1 : 2), "tuner: follows a change", 0);
        check(o.seconds < (late ? 3.1 : 2.4), "tuner: follows a change soon", 0);
        const struct outcome steps = train_simulated(&m, 1e8, 3000);
        check(steps.last == (late ? 1 : 2), "tuner: follows a change, long steps", 0);
        check(steps.seconds < (late ? 2.7 : 2.1), "tuner: follows a change soon, long steps", 0);
    }
    const struct outcome o = train_simulated(&helps, 1e6, 1000000);
    check(o.probes < 200, "tuner: probes become rare", 0);
}
