/* exp, log, logistic and tanh of a vector.
 *
 * Largest error over all inputs, in units of the last place (tests/c/check_math.h):
 *   exp, log 2      logistic, tanh 3
 * NaN gives NaN. exp: overflow to inf, gradual underflow, exp(-inf) = 0. log: +-0 gives -inf,
 * negative NaN, subnormals are exact arguments. logistic: gradual underflow to 0, saturates at
 * exactly 1. tanh: keeps the sign of zero, |tanh| <= 1, saturates at exactly +-1.
 * With flush-to-zero in force subnormal arguments and results count as 0.
 * A lane's result depends on that lane alone.
 *
 * Polynomials are minimax fits of ours (Remez), each degree the smallest whose error disappears
 * behind the rounding of the steps after it.
 */

#if FMLP_IS_F32
#define FMLP_LN2_HI 0x1.62e4p-1f /* 15 bits, so that n * LN2_HI is exact even without an FMA */
#define FMLP_LN2_LO 1.4286068203094172e-6f
#define FMLP_EXP_LO (-105.0f) /* exp is 0 below -103.98 */
#define FMLP_EXP_HI 89.0f     /* and inf above 88.73 */
#define FMLP_TANH_HI 10.0f    /* tanh is 1 above 9.02 */
#define FMLP_MIN_NORMAL 0x1p-126f
#else
#define FMLP_LN2_HI 0x1.62e42fefa2p-1 /* 38 bits */
#define FMLP_LN2_LO 7.3710025651677989e-13
#define FMLP_EXP_LO (-746.0) /* exp is 0 below -745.14 */
#define FMLP_EXP_HI 710.0    /* and inf above 709.79 */
#define FMLP_TANH_HI 20.0    /* tanh is 1 above 19.07 */
#define FMLP_MIN_NORMAL 0x1p-1022
#endif

/* x = n ln 2 + r with |r| <= ln 2 / 2; returns exp(r) - 1 with small relative error, and n + shift,
 * whose addition has rounded n. exact: r keeps its digits for all n. Else the rest of ln 2, 2e-9 n
 * (float) or 3e-17 n (double), and without an FMA half an ULP of n ln 2, are lost: at most a fifth of
 * an ULP of tanh and of exp(x) - 1 for x < 0. */
FMLP_INLINE VT FN(exp_reduce)(const int exact, VT x, VT *shifted) {
    *shifted = V(fma)(x, V(set1)((T)1.4426950408889634), V(shift)());
    const VT n = V(sub)(*shifted, V(shift)());
    VT r;
    if (exact) r = V(fnma)(n, V(set1)(FMLP_LN2_LO), V(fnma)(n, V(set1)(FMLP_LN2_HI), x));
    else r = V(fnma)(n, V(set1)((T)0.69314718055994531), x);
    /* exp(r) - 1 = r + r^2 p(r) */
    VT r2 = V(mul)(r, r);
#if FMLP_IS_F32
    VT p = V(set1)(0.0013882499378209170379f);
    p = V(fma)(p, r, V(set1)(0.0083665472958088852371f));
    p = V(fma)(p, r, V(set1)(0.041667201000585803212f));
    p = V(fma)(p, r, V(set1)(0.16666543423016905032f));
    p = V(fma)(p, r, V(set1)(0.4999999814865972046f));
#else /* even and odd powers apart: half as long a chain, which Zen 5 waits for */
    VT even = V(set1)(2.7626093241851051034e-7), odd = V(set1)(2.5053792216238727894e-8);
    odd = V(fma)(odd, r2, V(set1)(2.7557407638144039579e-6));
    even = V(fma)(even, r2, V(set1)(0.000024801505141509674332));
    odd = V(fma)(odd, r2, V(set1)(0.00019841269718758554136));
    even = V(fma)(even, r2, V(set1)(0.0013888888931668307588));
    odd = V(fma)(odd, r2, V(set1)(0.0083333333333897146196));
    even = V(fma)(even, r2, V(set1)(0.041666666666576462997));
    odd = V(fma)(odd, r2, V(set1)(0.1666666666666658899));
    even = V(fma)(even, r2, V(set1)(0.50000000000000052006));
    const VT p = V(fma)(odd, r, even);
#endif
    return V(fma)(p, r2, r);
}

FMLP_INLINE VT FN(vexp)(VT x) {
    VT shifted, q;
    /* min and max return their second operand for NaN: x comes second. */
    x = V(max)(V(set1)(FMLP_EXP_LO), V(min)(V(set1)(FMLP_EXP_HI), x));
    q = FN(exp_reduce)(1, x, &shifted);
    return V(scale)(V(add)(q, V(set1)(1)), V(sub)(shifted, V(shift)()));
}

FMLP_INLINE VT FN(vlogistic)(VT x) {
    /* t = exp(-|x|) never overflows; logistic = 1 / (1 + t) or t / (1 + t). */
    VT shifted, q, t, one = V(set1)(1), minus = V(or)(x, V(set1)((T)-0.0));
    q = FN(exp_reduce)(1, V(max)(V(set1)(FMLP_EXP_LO), minus), &shifted);
    t = V(scale)(V(add)(q, one), V(sub)(shifted, V(shift)()));
    return V(div)(V(sel)(V(lt)(x, V(zero)()), t, one), V(add)(one, t));
}

FMLP_INLINE VT FN(vtanh)(VT x) {
    /* tanh(y) = e / (e + 2) with e = exp(2 y) - 1 = 2^n q + (2^n - 1), relative error small at 0 */
    VT shifted, q, s, e, one = V(set1)(1);
    VT y = V(min)(V(set1)(FMLP_TANH_HI), V(abs)(x));
    q = FN(exp_reduce)(0, V(add)(y, y), &shifted);
    s = V(pow2)(shifted);
    e = V(fma)(s, q, V(sub)(s, one));
    return V(or)(V(div)(e, V(add)(e, V(set1)(2))), V(signof)(x));
}

FMLP_INLINE VT FN(vlog)(VT x) {
    const T inf = (T)INFINITY, two_k = FMLP_IS_F32 ? (T)0x1p25 : (T)0x1p54;
    VM subnormal = V(lt)(x, V(set1)(FMLP_MIN_NORMAL)), high;
    VT z = V(sel)(subnormal, V(mul)(x, V(set1)(two_k)), x);
    VT m = V(getmant)(z), e = V(getexp)(z), one = V(set1)(1), half = V(set1)((T)0.5), f, r;
    e = V(sub)(e, V(sel)(subnormal, V(set1)(FMLP_IS_F32 ? 25 : 54), V(zero)()));
    /* x = 2^e (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2) */
    high = V(gt)(m, V(set1)((T)1.4142135623730951));
    e = V(sel)(high, V(add)(e, one), e);
    f = V(sub)(V(sel)(high, V(mul)(m, half), m), one);
    VT f2 = V(mul)(f, f);
#if FMLP_IS_F32
    /* log(1 + f) = f - f^2 / 2 + f^3 p(f) */
    VT p = V(set1)(-0.076357152511539016555f);
    p = V(fma)(p, f, V(set1)(0.12763281644347739613f));
    p = V(fma)(p, f, V(set1)(-0.13160537345866786676f));
    p = V(fma)(p, f, V(set1)(0.1420155986283278917f));
    p = V(fma)(p, f, V(set1)(-0.16623304673744969627f));
    p = V(fma)(p, f, V(set1)(0.20001233128679264718f));
    p = V(fma)(p, f, V(set1)(-0.25000822478453864759f));
    p = V(fma)(p, f, V(set1)(0.33333331656293338173f));
    r = V(fma)(V(mul)(f2, f), p, V(mul)(e, V(set1)(FMLP_LN2_LO)));
    r = V(fnma)(f2, half, r);
#else
    /* With s = f / (2 + f) and h = f^2 / 2: log(1 + f) = 2 atanh(s) = f - h + s (h + s^2 p(s^2)),
     * which leaves f itself unrounded. */
    VT s = V(div)(f, V(add)(f, V(set1)(2))), s2 = V(mul)(s, s), h = V(mul)(f2, half);
    VT p = V(set1)(0.14797334414143409404);
    p = V(fma)(p, s2, V(set1)(0.15313929735733490167));
    p = V(fma)(p, s2, V(set1)(0.18183568279999785669));
    p = V(fma)(p, s2, V(set1)(0.22222198514124385647));
    p = V(fma)(p, s2, V(set1)(0.28571428742763752578));
    p = V(fma)(p, s2, V(set1)(0.39999999999414144114));
    p = V(fma)(p, s2, V(set1)(0.66666666666667342371));
    r = V(fma)(s, V(fma)(s2, p, h), V(mul)(e, V(set1)(FMLP_LN2_LO)));
    r = V(sub)(r, h);
#endif
    r = V(fma)(e, V(set1)(FMLP_LN2_HI), V(add)(f, r));
    r = V(sel)(V(lt)(x, V(set1)(inf)), r, x); /* inf and NaN are their own logarithms */
    f = V(sel)(V(eq)(x, V(zero)()), V(set1)(-inf), V(set1)((T)NAN));
    return V(sel)(V(le)(x, V(zero)()), f, r);
}

#undef FMLP_LN2_HI
#undef FMLP_LN2_LO
#undef FMLP_EXP_LO
#undef FMLP_EXP_HI
#undef FMLP_TANH_HI
#undef FMLP_MIN_NORMAL
