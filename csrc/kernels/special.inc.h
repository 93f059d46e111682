/* What activations need beyond math.inc.h, which comes first: expm1, log1p, the normal
 * distribution. Largest errors in units of the last place (tests/kernels/test_math.py):
 *   expm1 3      log1p 3      normal_cdf 12
 * NaN gives NaN; a lane's result depends on that lane alone. Fits are ours, as in math.inc.h.
 */

/* exp(x) - 1 for x <= 0 (other x: anything, NaN for NaN). -1 from where it rounds to that. */
FMLP_INLINE VT FN(vexpm1)(VT x) {
    VT shifted, q, s;
    q = FN(exp_reduce)(0, V(max)(V(set1)(FMLP_IS_F32 ? -20 : -40), x), &shifted);
    s = V(pow2)(shifted); /* exp(x) - 1 = 2^n q + (2^n - 1) */
    return V(fma)(s, q, V(sub)(s, V(set1)(1)));
}

/* log(1 + t) for 0 <= t <= 1: 2 atanh(s) = 2 s + s^3 p(s^2) with s = t / (2 + t) */
FMLP_INLINE VT FN(vlog1p)(VT t) {
    const VT s = V(div)(t, V(add)(t, V(set1)(2))), s2 = V(mul)(s, s);
#if FMLP_IS_F32
    VT p = V(set1)(0.23233375893713421648f);
    p = V(fma)(p, s2, V(set1)(0.21704573824507556746f));
    p = V(fma)(p, s2, V(set1)(0.28592496210963497647f));
    p = V(fma)(p, s2, V(set1)(0.3999970328706536786f));
    p = V(fma)(p, s2, V(set1)(0.66666667330949885288f));
#else
    VT p = V(set1)(0.16172066514854514869);
    p = V(fma)(p, s2, V(set1)(0.087967355108110932317));
    p = V(fma)(p, s2, V(set1)(0.12001905003443708035));
    p = V(fma)(p, s2, V(set1)(0.13314050941299253705));
    p = V(fma)(p, s2, V(set1)(0.1538557615489013612));
    p = V(fma)(p, s2, V(set1)(0.18181789202660201082));
    p = V(fma)(p, s2, V(set1)(0.22222222722452856599));
    p = V(fma)(p, s2, V(set1)(0.28571428567054621159));
    p = V(fma)(p, s2, V(set1)(0.40000000000014806994));
    p = V(fma)(p, s2, V(set1)(0.66666666666666658408));
#endif
    return V(fma)(V(mul)(s, s2), p, V(add)(s, s));
}

/* Phi(x), the probability of a normal variable below x, and its density phi(x). With y = |x| and
 * e = exp(-y^2 / 2): phi = e / sqrt(2 pi), Phi(-y) = e m(y), where m, half of Mills' ratio but for
 * the constant, is a rational function on all of y >= 0, near 1 / (y sqrt(2 pi)) for large y. */
FMLP_INLINE VT FN(vnormal_cdf)(VT x, VT *density) {
    const VT one = V(set1)(1), half = V(set1)((T)0.5);
    /* beyond, Phi(-y) is 0; min returns its second operand for NaN */
    const VT y = V(min)(V(set1)(FMLP_IS_F32 ? 15 : 40), V(abs)(x));
    /* y^2 / 2 = big + small, since the error of the square would be large in the exponential:
     * high has half of y's bits, its square is exact */
    const VT shift = V(set1)(FMLP_IS_F32 ? (T)0x1.8p17 : (T)0x1.8p32);
    const VT high = V(sub)(V(add)(y, shift), shift), low = V(sub)(y, high);
    const VT exact = V(mul)(half, V(mul)(high, high)), big = V(mul)(half, V(mul)(y, y));
    const VT small = V(fma)(V(mul)(half, low), V(add)(y, high), V(sub)(exact, big));
    VT e = FN(vexp)(V(neg)(big)), p, q;
    e = V(fnma)(e, small, e);
#if FMLP_IS_F32
    p = V(set1)(0.00415254553848f);
    p = V(fma)(p, y, V(set1)(0.0408768113918f));
    p = V(fma)(p, y, V(set1)(0.183956827744f));
    p = V(fma)(p, y, V(set1)(0.439267611195f));
    p = V(fma)(p, y, V(set1)(0.500000003145f));
    q = V(set1)(0.0104087763416f);
    q = V(fma)(q, y, V(set1)(0.102469090342f));
    q = V(fma)(q, y, V(set1)(0.471376069762f));
    q = V(fma)(q, y, V(set1)(1.20549842345f));
    q = V(fma)(q, y, V(set1)(1.67642022856f));
#else
    p = V(set1)(1.3960609131021912275e-6);
    p = V(fma)(p, y, V(set1)(0.000037486937194702888602));
    p = V(fma)(p, y, V(set1)(0.00049298135237910330352));
    p = V(fma)(p, y, V(set1)(0.0041070480684595914694));
    p = V(fma)(p, y, V(set1)(0.023705935292418231247));
    p = V(fma)(p, y, V(set1)(0.097972714153405827091));
    p = V(fma)(p, y, V(set1)(0.2899417039108661844));
    p = V(fma)(p, y, V(set1)(0.5948989797001922184));
    p = V(fma)(p, y, V(set1)(0.77546245661937147898));
    p = V(fma)(p, y, V(set1)(0.49999999999999997328));
    q = V(set1)(3.499405757898552058e-6);
    q = V(fma)(q, y, V(set1)(0.000093965816699581075262));
    q = V(fma)(q, y, V(set1)(0.0012392204026839826349));
    q = V(fma)(q, y, V(set1)(0.010388808619775629119));
    q = V(fma)(q, y, V(set1)(0.060650690272338613518));
    q = V(fma)(q, y, V(set1)(0.25568807533501933866));
    q = V(fma)(q, y, V(set1)(0.78376182939909014636));
    q = V(fma)(q, y, V(set1)(1.717117885642707031));
    q = V(fma)(q, y, V(set1)(2.5638767750060099375));
    q = V(fma)(q, y, V(set1)(2.348809474041597778));
#endif
    q = V(fma)(q, y, one);
    const VT tail = V(div)(V(mul)(e, p), q);
    *density = V(mul)(e, V(set1)((T)0.39894228040143267794));
    return V(sel)(V(lt)(x, V(zero)()), tail, V(sub)(one, tail));
}
